/* scope.c - see scope.h. */
#include <string.h>
#include <strings.h>
#include "server/base/arena.h"
#include "admin/veil.h"

bool scope_is_whole(const struct scope *s)
{
	return !s || s->whole;
}

bool scope_has(const struct scope *s, const char *domain)
{
	if (scope_is_whole(s))
		return true;
	for (size_t i = 0; i < s->n_domains; i++) {
		if (strcasecmp(s->domains[i], domain) == 0)
			return true;
	}
	return false;
}

void scope_copy(struct arena *mem, const struct scope *from, struct scope *to)
{
	const char **domains = arena_alloc(mem, (from->n_domains + 1) * sizeof(*domains));

	for (size_t i = 0; i < from->n_domains; i++)
		domains[i] = arena_strz(mem, from->domains[i]);
	*to = (struct scope){ from->whole, from->n_domains, domains };
}

bool scope_same(const struct scope *a, const struct scope *b)
{
	bool same = a->whole == b->whole && a->n_domains == b->n_domains;

	for (size_t i = 0; same && i < a->n_domains; i++)
		same = strcmp(a->domains[i], b->domains[i]) == 0;
	return same;
}

bool scope_has_account(const struct scope *s, const char *account)
{
	const char *at = strrchr(account, '@');

	return scope_is_whole(s) || (at && scope_has(s, at + 1));
}

/* The same whether there is such a domain or not. */
enum ec scope_check(const struct scope *s, const char *domain, struct err *e)
{
	if (scope_has(s, domain))
		return EC_OK;
	return err_set(e, EC_DENIED, "%.120s is not among the domains that you administer", domain);
}

/* A command may act as root, who could be had to write or read any file of the host. */
static enum ec check_files(const struct wp_args *a, struct err *e)
{
	for (int i = 0; a->cmd->switches[i].name; i++) {
		const struct wp_switch *s = &a->cmd->switches[i];
		if (a->given[i] && s->value && strcmp(s->value, "File") == 0)
			return err_set(e, EC_DENIED,
				       "/%s names a file of the host: give it in a shell there",
				       s->name);
	}
	return EC_OK;
}

/* By these who administers could make himself, or others, more than that. */
static bool is_host_setting(const char *name)
{
	static const char *const names[] = { "user",
					     "group",
					     "key_file",
					     "control_socket",
					     "pam_service",
					     "local_group",
					     "directory_password_file",
					     "console_user",
					     "console_rights",
					     "console_key",
					     "quota_warning" }; /* whose text is mailed */

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

enum ec scope_may_set(const struct wp_caller *by, const char *name, struct err *e)
{
	if (!by || !is_host_setting(name))
		return EC_OK;
	return err_set(e, EC_DENIED, "%s is set on the host itself, from a shell", name);
}

enum ec scope_admits(const struct wp_caller *by, const struct wp_args *a, struct err *e)
{
	if (!by)
		return EC_OK;
	if (a->cmd->scope == WP_HOST)
		return err_set(e, EC_DENIED, "%s is run on the host itself, from a shell",
			       a->cmd->name);
	if (a->bind_as)
		return err_set(e, EC_DENIED, "--bind-as is for those who have a shell on the host");
	enum ec rc = check_files(a, e);
	if (rc != EC_OK || a->cmd->scope == WP_DOMAIN || scope_is_whole(by->only))
		return rc;
	return err_set(e, EC_DENIED, "%s is for administrators of the whole server", a->cmd->name);
}

enum ec scope_narrow(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct veil *veil;

	if (scope_is_whole(w->only) || !w->backends.catalog)
		return EC_OK;
	enum ec rc = veil_new(w, a, &veil, e);
	if (rc != EC_OK)
		return rc;
	w->veil = veil;
	w->out = veil_out(veil, w->out);
	w->backends.catalog = scope_catalog(w->backends.catalog, w->only);
	w->backends.accounts = scope_accounts(w->backends.accounts, w->only);
	return EC_OK;
}

/* setup_postfix.c - Postfix, set up by `mta postfix /apply`, and left as it was.
 *
 * There are two ways back. A wizard that fails puts main.cf and master.cf back octet by octet: nobody can have changed them
 * meanwhile. When the role is removed, perhaps years later, only the lines that are ours are taken out, so that what an
 * administrator has set since stays.
 */
#include <string.h>
#include <unistd.h>
#include "admin/postconf.h"
#include "admin/setup_steps.h"

#define OURS "winpop/" /* where our sockets are, in every line that names one */

static bool is_wanted(const struct setup *s)
{
	return wizard_is(&s->z, "postfix", "yes") || wizard_is(&s->z, "postfix", "replace");
}

static bool sockets_are_set(struct arena *mem, const struct conf *c, const struct pf_now *now)
{
	for (size_t i = 0; i < PF_SOCKETS; i++) {
		if (strcmp(postfix_socket_set(c, &pf_sockets[i]),
			   postfix_socket_path(mem, now, &pf_sockets[i])) != 0)
			return false;
	}
	return true;
}

static enum ec look(const struct setup *s, struct pf_now *now, bool *done, struct err *e)
{
	struct pf_want wants[PF_WANTS_MAX];
	struct conf *c = NULL;
	enum ec rc = postconf_read(s->w->mem, NULL, now, e);

	if (rc == EC_OK)
		rc = setup_conf(s, &c, e);
	if (rc != EC_OK)
		return rc;
	size_t n = postfix_wants(s->w->mem, c, now, wants);
	*done = sockets_are_set(s->w->mem, c, now);
	for (size_t i = 0; i < n; i++)
		*done &= wants[i].state == PF_GOOD;
	conf_unref(&c);
	return EC_OK;
}

const char *setup_what_postfix(const struct setup *s)
{
	struct pf_now now;
	bool done = false;

	if (!is_wanted(s) || (look(s, &now, &done, NULL) == EC_OK && done))
		return NULL;
	return wizard_is(&s->z, "postfix", "replace")
		       ? "Sets Postfix up, and replaces what is set otherwise"
		       : "Sets Postfix up: mail comes in and goes out by our mailboxes";
}

static const char *config_file(const struct setup *s, const struct pf_now *now, const char *name)
{
	return arena_fmt(s->w->mem, "%s/%s", pf_get(&now->worth, "config_directory"), name);
}

enum ec setup_apply_postfix(struct setup *s, void *kept, struct err *e)
{
	struct kept_postfix *k = kept;
	struct pf_now now;
	bool replace = wizard_is(&s->z, "postfix", "replace");
	const char *const words[] = { "mta", "postfix", "/apply", replace ? "/y" : NULL, NULL };
	enum ec rc = postconf_read(s->w->mem, NULL, &now, e);

	if (rc != EC_OK)
		return rc;
	kept_sweep(config_file(s, &now, "."));
	rc = kept_take(s->w->mem, config_file(s, &now, "main.cf"), &k->main_cf, e);
	if (rc == EC_OK)
		rc = kept_take(s->w->mem, config_file(s, &now, "master.cf"), &k->master_cf, e);
	if (rc != EC_OK)
		return rc;
	const char *dir = postfix_socket_dir(s->w->mem, &now);
	k->dir = access(dir, F_OK) == 0 ? NULL : dir;
	rc = setup_command(s, words, NULL, e);
	s->postfix_set = rc == EC_OK;
	return rc;
}

static enum ec reload(struct setup *s, struct err *e)
{
	return postconf_is_running(s->w->mem, NULL)
		       ? setup_run(s, (const char *[]){ "postfix", "reload", NULL }, e)
		       : EC_OK;
}

/* Sockets that the service made in it meanwhile are gone with it, or are left for its next start to sweep. */
enum ec setup_undo_postfix(struct setup *s, void *kept, struct err *e)
{
	struct kept_postfix *k = kept;
	enum ec rc = kept_put_back(&k->main_cf, e);

	if (rc == EC_OK)
		rc = kept_put_back(&k->master_cf, e);
	if (k->dir)
		rmdir(k->dir);
	return rc == EC_OK ? reload(s, e) : rc;
}

const char *setup_what_reload(const struct setup *s)
{
	return is_wanted(s) && postconf_is_running(s->w->mem, NULL)
		       ? "Has Postfix read its settings"
		       : NULL;
}

enum ec setup_reload_postfix(struct setup *s, void *kept, struct err *e)
{
	(void)kept;
	return reload(s, e);
}

/* ---- the way out ---- */

/* One word of a list, and what parts it from its neighbours. "" when nothing is left. */
static const char *without(struct arena *mem, const char *list, const char *ours)
{
	const char *begin = strstr(list, ours), *end = begin + strlen(ours);

	if (begin > list) {
		while (begin > list && strchr(", \t", begin[-1]))
			begin--;
	} else {
		end += strspn(end, ", \t");
	}
	return arena_fmt(mem, "%.*s%s", (int)(begin - list), list, end);
}

/* The piece of a value that is ours: a whole rule in braces, or a word. */
static const char *our_piece(struct arena *mem, const char *value)
{
	const char *at = strstr(value, OURS), *begin = at, *end = at;
	const char *rule = strstr(value, "check_policy_service { unix:" OURS);

	if (rule)
		return arena_str(mem, rule, strcspn(rule, "}") + (strchr(rule, '}') != NULL));
	while (begin > value && !strchr(", \t", begin[-1]))
		begin--;
	return arena_str(mem, begin, (size_t)(end - begin) + strcspn(end, ", \t"));
}

static enum ec change(struct setup *s, const char *how, const char *what, struct err *e)
{
	return setup_run(s, (const char *[]){ "postconf", how, what, NULL }, e);
}

/* A value that is ours alone goes whole, so that Postfix's own default is back. */
static enum ec leave_main(struct setup *s, const struct pf_pair *p, struct err *e)
{
	const char *rest = without(s->w->mem, p->value, our_piece(s->w->mem, p->value));

	return rest[strspn(rest, " \t,")]
		       ? change(s, "-e", arena_fmt(s->w->mem, "%s=%s", p->key, rest), e)
		       : change(s, "-X", p->key, e);
}

static bool is_our_cert(const struct setup *s, const struct pf_pair *p)
{
	const struct conf *c = s->found.conf;

	return (strcmp(p->key, "smtpd_tls_cert_file") == 0 && *c->tls_cert &&
		strcmp(p->value, c->tls_cert) == 0) ||
	       (strcmp(p->key, "smtpd_tls_key_file") == 0 && *c->tls_key &&
		strcmp(p->value, c->tls_key) == 0);
}

static bool is_ours(const struct setup *s, const struct pf_pair *p)
{
	return is_our_cert(s, p) || strstr(p->value, OURS);
}

/* A service in which senders sign in by us has all of its settings from us: see postfix.c. */
static enum ec leave_service(struct setup *s, const struct pf_pair *path, struct err *e)
{
	const char *slash = strrchr(path->key, '/');

	return change(s, "-MX", arena_str(s->w->mem, path->key, (size_t)(slash - path->key)), e);
}

static bool is_sasl_path(const struct pf_pair *p)
{
	const char *name = strrchr(p->key, '/');

	return name && strcmp(name + 1, "smtpd_sasl_path") == 0 && strstr(p->value, OURS);
}

/* Each is gone by itself: whoever ends us in between finds the others when he begins anew. */
static enum ec leave_all(struct setup *s, const struct pf_now *now, size_t *n, struct err *e)
{
	enum ec rc = EC_OK;

	for (size_t i = 0; i < now->set.n && rc == EC_OK; i++) {
		const struct pf_pair *p = &now->set.at[i];
		if (!is_ours(s, p))
			continue;
		rc = is_our_cert(s, p) ? change(s, "-X", p->key, e) : leave_main(s, p, e);
		++*n;
	}
	for (size_t i = 0; i < now->options.n && rc == EC_OK; i++) {
		if (!is_sasl_path(&now->options.at[i]))
			continue;
		rc = leave_service(s, &now->options.at[i], e);
		++*n;
	}
	return rc;
}

static bool is_any_ours(const struct setup *s, const struct pf_now *now)
{
	bool any = false;

	for (size_t i = 0; i < now->set.n; i++)
		any |= is_ours(s, &now->set.at[i]);
	for (size_t i = 0; i < now->options.n; i++)
		any |= is_sasl_path(&now->options.at[i]);
	return any;
}

/* It reads its settings anew also where an earlier try took them out, and did not come so far. */
enum ec setup_leave_postfix(struct setup *s, size_t *n, struct err *e)
{
	struct pf_now now;
	const char *kept = "";
	enum ec rc = postconf_read(s->w->mem, NULL, &now, e);

	*n = 0;
	if (rc == EC_OK && is_any_ours(s, &now)) {
		kept_sweep(config_file(s, &now, "."));
		rc = postconf_keep(s->w->mem, &now, "with-winpop", &kept, e);
		setup_log_line(&s->log, "  the files as they were: %s", kept);
	}
	if (rc == EC_OK)
		rc = leave_all(s, &now, n, e);
	if (rc == EC_OK && (*n > 0 || sockets_are_set(s->w->mem, s->found.conf, &now)))
		rc = reload(s, e);
	return rc;
}

/* Sockets in it are gone with the service; what is not empty is somebody else's, and stays. */
void setup_leave_sockets(struct setup *s)
{
	struct pf_now now;

	if (postconf_read(s->w->mem, NULL, &now, NULL) == EC_OK)
		rmdir(postfix_socket_dir(s->w->mem, &now));
}

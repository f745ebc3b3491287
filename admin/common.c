/* common.c - what more than one command needs. */
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include "admin/cmd.h"
#include "admin/identity.h"
#include "admin/rank.h"
#include "admin/service.h"

const struct wp_cmd *const wp_cmds[] = {
	&wp_add,       &wp_delete,
	&wp_list,      &wp_lock,
	&wp_unlock,    &wp_stat,
	&wp_changepwd, &wp_createquotafile,
	&wp_migrate,   &wp_set,
	&wp_get,       &wp_help,
	&wp_init,      &wp_rekey,
	&wp_status,    &wp_reload,
	&wp_kick,      &wp_checkdirectory,
	&wp_purge,     &wp_adopt,
	&wp_hold,      &wp_unhold,
	&wp_setexpire, &wp_mta,
	&wp_setquota,  &wp_check,
	&wp_who,       &wp_messages,
	&wp_history,   &wp_setup,
	&wp_token,     &wp_console,
	&wp_support,   NULL,
};

const struct wp_cmd *wp_cmd_find(const char *name)
{
	for (size_t i = 0; wp_cmds[i]; i++) {
		if (strcasecmp(wp_cmds[i]->name, name) == 0)
			return wp_cmds[i];
	}
	return NULL;
}

const char *wp_text(struct wp *w, const struct name *n)
{
	char text[NAME_TEXT_MAX + 1];

	return arena_strz(w->mem, name_text(n, text));
}

enum ec wp_name(struct wp *w, const char *text, struct name *out, struct err *e)
{
	enum ec rc = name_parse_any(out, text, strlen(text), w->backends.accounts->ops->rule, e);

	if (rc != EC_OK)
		return rc;
	w->target = wp_text(w, out);
	return scope_check(w->only, out->domain, e);
}

enum ec wp_whole(const struct wp *w, const char *what, struct err *e)
{
	return scope_is_whole(w->only)
		       ? EC_OK
		       : err_set(e, EC_DENIED, "%s by administrators of the whole server", what);
}

enum ec wp_mailbox(struct wp *w, const char *text, struct name *out, struct err *e)
{
	if (!strchr(text, '@'))
		return err_set(e, EC_USAGE, "\"%.80s\" is not a mailbox: write UserName@DomainName",
			       text);
	return wp_name(w, text, out, e);
}

enum ec wp_domain(struct wp *w, const char *text, struct name *out, struct err *e)
{
	if (strchr(text, '@'))
		return err_set(e, EC_USAGE, "\"%.80s\" is not a domain: write it without the '@'",
			       text);
	return wp_name(w, text, out, e);
}

enum ec wp_find(struct wp *w, const struct name *n, struct entry *out, struct err *e)
{
	struct err why;

	*out = (struct entry){ 0 };
	enum ec rc = w->backends.catalog->ops->find(w->backends.catalog, n, out, &why);
	if (rc == EC_OK && out->quota_damaged)
		out_note(w->out,
			 "the quota file of %s cannot be read, so new mail for it waits: write it "
			 "again with winpop createquotafile",
			 wp_text(w, &out->name));
	if (rc == EC_OK)
		return EC_OK;
	/* An entry that got its name was found; only what belongs to it could not be read. */
	if (rc != EC_BROKEN || !out->name.domain[0])
		return err_set(e, rc, "%s", why.text);
	out_note(w->out, "%s", why.text);
	return EC_OK;
}

enum ec wp_password(struct wp *w, const struct wp_args *a, struct secret *out, struct err *e)
{
	enum ec rc = EC_OK;

	if (a->secret.bytes)
		secret_set(out, a->secret.bytes, a->secret.len);
	else
		rc = w->ask->secret(w->ask->ctx, "New password", out, e);
	if (rc == EC_OK && out->len == 0)
		rc = err_set(e, EC_USAGE, "the password must not be empty");
	return rc;
}

/* SIGQUIT is left to whoever must end us when a PAM module hangs. */
void wp_hold_signals(void)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGHUP);
	sigprocmask(SIG_BLOCK, &held, NULL);
}

enum ec wp_may_change_accounts(const struct wp *w, struct err *e)
{
	if (!w->backends.accounts->ops->by_root || identity_may_be_root())
		return EC_OK;
	return err_set(e, EC_DENIED,
		       "users of this computer are changed by root: run winpop as root");
}

/* What the mail root has to say about a new user is asked as its owner: create is root, who does not go there. */
static enum ec ask_mailroot(struct accounts *accts, const struct name *n, struct err *e)
{
	struct account found;
	enum ec rc = accts->ops->find(accts, n, &found, e);

	return rc == EC_ABSENT ? EC_OK : rc; /* that there is one, create says better */
}

enum ec wp_account_create(struct wp *w, const struct account_wish *wish, const struct secret *s,
			  struct draft *draft, struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	enum ec rc = rank_check(w, &wish->name, e);

	if (rc == EC_OK && accts->ops->by_root)
		rc = ask_mailroot(accts, &wish->name, e);
	if (rc != EC_OK)
		return rc;
	identity_root(accts->ops->by_root);
	rc = accts->ops->create(accts, wish, s, draft, e);
	identity_root(false);
	return rc;
}

/* A service that remembers right passwords (cache) would take the old one a little longer. No service, no memory. */
static void forget(struct wp *w, const struct name *n)
{
	struct err why;
	enum ec rc = service_forget(w->conf, w->by, wp_text(w, n), &why);

	if (rc != EC_OK && rc != EC_ABSENT && w->conf->cache_s > 0)
		out_note(w->out,
			 "the service was not told (%s): the old password may be good for %u "
			 "seconds more",
			 why.text, w->conf->cache_s);
}

enum ec wp_account_set_password(struct wp *w, const struct name *n, const struct secret *s,
				struct err *e)
{
	struct accounts *accts = w->backends.accounts;
	enum ec rc = rank_check(w, n, e);

	if (rc != EC_OK)
		return rc;
	identity_root(accts->ops->by_root);
	rc = accts->ops->set_password(accts, n, s, e);
	identity_root(false);
	if (rc == EC_OK)
		forget(w, n);
	return rc;
}

enum ec wp_account_remove(struct wp *w, const struct account *who, struct err *e)
{
	struct accounts *accts = w->backends.accounts;

	identity_root(accts->ops->by_root);
	enum ec rc = accts->ops->remove(accts, who, e);
	identity_root(false);
	if (rc == EC_OK || rc == EC_ABSENT) /* it may have gone with its mailbox */
		forget(w, &who->name);
	return rc;
}

enum ec wp_hint(struct wp *w, enum ec rc, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->hint = arena_strz(w->mem, text);
	return rc;
}

enum ec wp_not_running(struct wp *w, enum ec rc, struct err *e)
{
	if (rc != EC_ABSENT)
		return rc;
	return wp_hint(w, e->class = EC_TEMP, "start it: systemctl start winpopd");
}

const char *wp_state(const struct entry *en)
{
	return en->locked || en->domain_locked ? "locked" : "unlocked";
}

const char *wp_delivery(const struct entry *en)
{
	return en->held || en->domain_held ? "held" : "open";
}

static const char *whose(bool domain, bool own)
{
	static const char *const words[2][2] = { { "-", "mailbox" }, { "domain", "both" } };

	return words[domain][own];
}

const char *wp_locked_by(const struct entry *en)
{
	return whose(en->domain_locked, en->locked);
}

const char *wp_held_by(const struct entry *en)
{
	return whose(en->domain_held, en->held);
}

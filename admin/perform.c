/* perform.c - see perform.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "admin/audit.h"
#include "admin/identity.h"
#include "admin/perform.h"
#include "admin/rank.h"
#include "admin/veil.h"

/* ---- nobody to ask ---- */

static enum ec no_password(void *ctx, const char *what, struct secret *out, struct err *e)
{
	(void)ctx;
	(void)out;
	return err_set(e, EC_USAGE, "a password is missing (%s): send it with the command", what);
}

static enum ec no_answer(void *ctx, const char *question, struct err *e)
{
	(void)ctx;
	return err_set(e, EC_REFUSED, "not confirmed: %s", question);
}

const struct wp_ask ask_nobody = { no_password, no_password, no_answer, NULL };

/* ---- what the row asks for ---- */

/* A fault in the settings is trouble of ours, not of this command line. */
static enum ec load_conf(struct wp *w, struct err *e)
{
	enum ec rc = identity_may_read(w->conf_path, e);
	if (rc == EC_OK)
		rc = conf_load(w->conf_path, &w->conf, e);
	if (rc == EC_ABSENT)
		return wp_hint(w, err_set(e, EC_BROKEN, "there is no %s", w->conf_path),
			       "make it with winpop init");
	if (rc == EC_USAGE)
		rc = e->class = EC_BROKEN;
	return rc;
}

/* Asked for before anything is looked at: it is the first line where standard input is no terminal. */
static enum ec ask_identity(struct wp *w, const char *user, struct secret *password, struct err *e)
{
	struct dir_identity *as = arena_alloc(w->mem, sizeof(*as));
	const char *what = arena_fmt(w->mem, "Password of %s", user);

	*as = (struct dir_identity){ user, password };
	w->as = as;
	return w->ask->known(w->ask->ctx, what, password, e);
}

/* Who acts in a directory that is not in use yet is nobody to the backends that are. */
static enum ec open_backends(struct wp *w, enum wp_needs needs, struct err *e)
{
	bool in_use = w->conf->authentication == AUTHN_AD || w->conf->catalog == CATALOG_DIRECTORY;
	bool elsewhere = needs == WP_CARRY && !in_use;

	return backends_open(w->conf, elsewhere ? NULL : w->as, &w->log, &w->backends, e);
}

/* Between changes it is the owner of the mail root all the same. */
static bool wants_root(const struct wp *w, const struct wp_cmd *cmd)
{
	return cmd->needs >= WP_KEYS ||
	       (cmd->how == WP_WRITES && w->conf->authentication == AUTHN_LOCAL);
}

/* What a command's row asks for. Backends come last: before them we become the mail root's owner. */
static enum ec prepare(struct wp *w, const struct wp_args *a, struct secret *password,
		       struct err *e)
{
	enum wp_needs needs = a->cmd->needs;

	if (a->bind_as && needs < WP_MAIL)
		return err_set(e, EC_USAGE,
			       "%s signs in nowhere: leave out --bind-as, or use checkdirectory to "
			       "try a name",
			       a->cmd->name);
	enum ec rc = needs >= WP_CONF ? load_conf(w, e) : EC_OK;

	if (rc == EC_OK && needs >= WP_MAIL)
		rc = rank_load(w, e);
	if (rc == EC_OK && needs >= WP_MAIL)
		rc = identity_become_owner(w->conf, !wants_root(w, a->cmd), e);
	if (rc == EC_OK && a->bind_as)
		rc = ask_identity(w, a->bind_as, password, e);
	if (rc == EC_OK && needs >= WP_MAIL)
		rc = open_backends(w, needs, e);
	return rc;
}

static const char *conf_path(const struct wp_args *a)
{
	const char *env = getenv("WINPOP_CONFIG");

	return a->config ? a->config : env && *env ? env : WINPOP_CONFIG;
}

/* ---- the command ---- */

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct secret password = { 0 }; /* of w->as */
	enum ec rc = scope_admits(w->by, a, e);

	if (rc != EC_OK)
		conf_load(w->conf_path, &w->conf, NULL); /* says where it is noted that he tried */
	else
		rc = prepare(w, a, &password, e);
	w->everyone = w->backends.catalog;
	if (rc == EC_OK)
		rc = scope_narrow(w, a, e);
	if (rc == EC_OK)
		rc = a->cmd->run(w, a, e);
	backends_close(&w->backends);
	secret_drop(&password);
	return rc;
}

/* The audit has it as it is; only then is it veiled. */
static enum ec finish(struct wp *w, enum ec rc, struct wp_result *r)
{
	struct err io;

	if (rc != EC_OK)
		veil_err(w->veil, &r->err);
	w->hint = veil_hint(w->veil, w->hint);
	snprintf(r->hint, sizeof(r->hint), "%s", w->hint ? w->hint : "");
	enum ec written = out_close(&w->out, rc == EC_OK ? NULL : &r->err, w->hint, &io);
	r->unwritten = rc == EC_OK && written != EC_OK;
	if (!r->unwritten)
		return rc;
	r->err = io;
	r->hint[0] = '\0';
	return written;
}

enum exit_code wp_perform(const struct wp_args *a, const struct wp_caller *by, struct out **out,
			  const struct wp_ask *ask, struct wp_result *result)
{
	struct wp w = {
		.mem = arena_new("winpop", 4096),
		.conf_path = conf_path(a),
		.out = *out,
		.ask = ask,
		.by = by,
		.only = by ? by->only : NULL,
	};
	struct audit who = audit_who(by);

	*out = NULL;
	*result = (struct wp_result){ 0 };
	/* `winpop list | head` ends quietly; what changes things is not cut short by its reader. */
	if (a->cmd->how == WP_WRITES)
		signal(SIGPIPE, SIG_IGN);
	enum ec rc = run(&w, a, &result->err);

	if (a->cmd->how == WP_WRITES && !w.looked)
		audit_write(&who, &w, a, rc == EC_OK ? NULL : &result->err);
	result->partly = w.partly;
	result->rc = finish(&w, rc, result);
	conf_unref(&w.conf);
	arena_drop(&w.mem);
	return exit_for(result->rc, result->partly);
}

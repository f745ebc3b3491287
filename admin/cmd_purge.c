/* cmd_purge.c - purgepasswords: the end of the password file, after people have moved to another method.
 *
 * The method was changed with a proof for every account, and the old passwords were kept in case of regret. This ends that; there
 * is no way back but new passwords for all, so it asks. The keys go last: what has copies of the mail root is worthless only then,
 * and until then an interrupted run can be given again.
 */
#include <string.h>
#include <unistd.h>
#include "admin/cmd.h"
#include "admin/identity.h"
#include "admin/service.h"
#include "admin/target.h"

enum { YES };

static void show_failure(void *ctx, const struct name *n, const struct err *why)
{
	struct wp *w = ctx;

	out_note(w->out, "%s: %s", wp_text(w, n), why->text);
}

/* Neither by the settings nor in fact: a service that was not told of a change signs people in as before. */
static enum ec check_unused(struct wp *w, struct err *e)
{
	const char *method = "";

	if (w->conf->authentication == AUTHN_FILE)
		return err_set(e, EC_REFUSED,
			       "people sign in by the encrypted password file: authentication is "
			       "file");
	enum ec rc = service_method(w->conf, w->mem, &method, e);
	if (rc == EC_ABSENT) /* no service, nobody signs in */
		return EC_OK;
	if (rc == EC_OK && strcmp(method, "file") == 0)
		return wp_hint(w,
			       err_set(e, EC_REFUSED,
				       "the running service still signs people in by the "
				       "encrypted password file"),
			       "tell it of the change with winpop reload");
	return rc;
}

static enum ec confirm(struct wp *w, struct err *e)
{
	enum ec rc = w->ask->confirm(w->ask->ctx,
				     "Remove all passwords of the encrypted password file, and "
				     "its keys, for good?",
				     e);

	return rc == EC_REFUSED ? wp_hint(w, rc, "to remove them without being asked, add /y") : rc;
}

static enum ec remove_records(struct wp *w, struct purge_result *r, struct err *e)
{
	enum ec rc = accounts_file_purge(w->backends.root, show_failure, w, r, e);

	if (rc != EC_OK || r->n_failed == 0)
		return rc;
	w->partly = r->n_removed > 0;
	wp_hint(w, EC_BROKEN, "mend that and give the command again; the keys are kept until then");
	return err_set(e, EC_BROKEN, "%u passwords could not be removed", r->n_failed);
}

/* What it says is of no use without the password file. */
static enum ec remove_journal(struct wp *w, struct err *e)
{
	const char *path = target_journal(w->mem, w->conf);

	if (unlink(path) < 0 && access(path, F_OK) == 0)
		return err_sys(e, "cannot remove %s", path);
	return EC_OK;
}

static enum ec remove_keys(struct wp *w, struct err *e)
{
	identity_root(true);
	enum ec rc = identity_may_write(w->conf->key_file, e);
	if (rc == EC_OK)
		rc = keyring_remove(w->conf->key_file, e);
	identity_root(false);
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct purge_result r = { 0 };
	enum ec rc = check_unused(w, e);

	if (rc == EC_OK && !a->given[YES]) {
		rc = confirm(w, e);
		if (rc == EC_OK) /* a question may stand there for hours */
			rc = check_unused(w, e);
	}
	if (rc != EC_OK)
		return rc;
	rc = remove_records(w, &r, e);
	if (rc == EC_OK)
		rc = remove_journal(w, e);
	if (rc == EC_OK)
		rc = remove_keys(w, e);
	out_field_u(w->out, "removed", r.n_removed);
	out_field_u(w->out, "failed", r.n_failed);
	if (rc == EC_OK)
		out_note(w->out,
			 "where copies of %s are kept, they still open copies of the mail root: "
			 "remove those too",
			 w->conf->key_file);
	return rc;
}

const struct wp_cmd wp_purge = {
	.name = "purgepasswords",
	.args = "[/y]",
	.help = "Removes all passwords of the encrypted password file, and its keys, for good.",
	.more = "Only when authentication is not the encrypted password file any more. On a "
		"terminal it asks first; without a terminal it is refused unless /y is given. "
		"Afterwards winpop migrateToAD /undo and the way back to the password file are "
		"over. After an interruption, give it again.",
	.how = WP_WRITES,
	.needs = WP_KEYS,
	.scope = WP_HOST,
	.extra = true,
	.switches = { { "y", NULL, false, "Does not ask" } },
	.run = run,
};

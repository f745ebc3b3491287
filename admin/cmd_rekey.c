/* cmd_rekey.c - a new key for the encrypted password file, while the service runs.
 *
 * New key first, then every record, then the old keys go; until then both kinds of record can be
 * read. If anything is left under an old key the old keys stay, and the next run goes on with it.
 */
#include "admin/cmd.h"
#include "admin/identity.h"

struct failures {
	struct wp *w;
};

static void show_failure(void *ctx, const struct name *n, const struct err *why)
{
	struct failures *f = ctx;

	out_note(f->w->out, "%s: %s", wp_text(f->w, n), why->text);
}

static enum ec reencrypt(struct wp *w, struct rekey_result *r, struct err *e)
{
	struct failures f = { w };
	enum ec rc = accounts_file_rekey(w->backends.accounts, show_failure, &f, r, e);

	if (rc == EC_OK && r->n_failed > 0) {
		w->partly = r->n_done + r->n_already > 0;
		wp_hint(w, EC_BROKEN,
			"give them a new password or delete them, then run winpop rekey "
			"again; the old keys are kept until then");
		rc = err_set(e, EC_BROKEN, "%u passwords could not be re-encrypted", r->n_failed);
	}
	return rc;
}

/* Adds a key, or drops those older than `oldest`; as root, since the key file's directory is not the service's to write in. */
static enum ec change_keys(struct wp *w, const char *oldest, struct err *e)
{
	struct keyring *ring = w->backends.ring;

	identity_root(true);
	enum ec rc = identity_may_write(w->conf->key_file, e);
	if (rc == EC_OK)
		rc = oldest ? keyring_prune(ring, oldest, e) : keyring_add(ring, e);
	identity_root(false);
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct rekey_result r = { 0 };

	(void)a;
	if (!w->backends.ring)
		return err_set(e, EC_REFUSED,
			       "there is no encrypted password file: authentication "
			       "is not file");
	enum ec rc = change_keys(w, NULL, e);
	if (rc == EC_REFUSED) /* full of keys of interrupted runs: finish with the newest */
		rc = EC_OK;
	if (rc == EC_OK)
		rc = reencrypt(w, &r, e);
	if (rc == EC_OK)
		rc = change_keys(w, r.key_id, e);
	out_field_u(w->out, "reencrypted", r.n_done + r.n_already);
	out_field_u(w->out, "failed", r.n_failed);
	return rc;
}

const struct wp_cmd wp_rekey = {
	.name = "rekey",
	.args = "",
	.help = "Re-encrypts all passwords of the encrypted password file under a new key.",
	.more = "The service may run meanwhile; nobody notices. The old keys are removed from the "
		"key file when every password is under the new one. After an interruption, run "
		"it again.",
	.how = WP_WRITES,
	.needs = WP_KEYS,
	.scope = WP_HOST,
	.extra = true,
	.run = run,
};

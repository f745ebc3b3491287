/* rekey.c - every password record under the current key, while the service runs.
 *
 * Record by record under the keyring's lock: a password that is being changed at the same time is
 * either the one we read, or written after us; never is an older one written back. Running again
 * after a crash passes over what is done. /
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/accounts/file.h"

struct rekey {
	struct accounts_file *f;
	void (*fn)(void *ctx, const struct name *, const struct err *);
	void *ctx;
	struct rekey_result *out;
	enum ec rc;
	struct err *e;
};

static enum ec is_current(struct accounts_file *f, const struct record *r, bool *yes, struct err *e)
{
	unsigned char key[AEAD_KEY];
	char id[KEY_ID_LEN + 1];
	enum ec rc = keyring_get(f->ring, NULL, key, id, e);

	wipe(key, sizeof(key));
	*yes = rc == EC_OK && strcmp(id, r->key_id) == 0;
	return rc;
}

static enum ec seal_anew(struct accounts_file *f, const struct name *n, int dir,
			 const struct record *old, struct err *e)
{
	char text[RECORD_TEXT_MAX];
	struct secret s = { 0 };
	size_t len;
	enum ec rc = accounts_file_open_record(f, n, old, &s, e);

	if (rc == EC_OK)
		rc = accounts_file_seal(f, n, &s, text, &len, e);
	if (rc == EC_OK)
		rc = mailroot_replace(f->root, dir, RECORD_FILE, text, len, 0600, e);
	secret_drop(&s);
	return rc;
}

static enum ec rekey_one(struct accounts_file *f, const struct name *n, bool *already,
			 struct err *e)
{
	struct record r;
	int token, dir;
	enum ec rc = keyring_lock(f->ring, &token, e);

	if (rc != EC_OK)
		return rc;
	rc = accounts_file_load(f, n, &dir, &r, e);
	if (rc == EC_OK) {
		rc = is_current(f, &r, already, e);
		if (rc == EC_OK && !*already)
			rc = seal_anew(f, n, dir, &r, e);
		close(dir);
	}
	keyring_unlock(f->ring, token);
	return rc;
}

static bool each_mailbox(void *ctx, const struct name *n)
{
	struct rekey *k = ctx;
	struct err why;
	bool already = false;
	enum ec rc = rekey_one(k->f, n, &already, &why);

	if (rc == EC_ABSENT) /* removed meanwhile, or a mailbox without an account */
		return true;
	if (rc == EC_OK && already) {
		k->out->n_already++;
	} else if (rc == EC_OK) {
		k->out->n_done++;
	} else {
		k->out->n_failed++;
		if (k->fn)
			k->fn(k->ctx, n, &why);
	}
	return true;
}

static bool each_domain(void *ctx, const struct name *domain)
{
	struct rekey *k = ctx;
	enum ec rc = mailroot_each(k->f->root, domain, each_mailbox, k, k->e);

	/* A domain that cannot be listed may hold records under the old key: that is a failure of
	 * the whole. */
	if (rc != EC_OK && rc != EC_ABSENT)
		k->rc = rc;
	return k->rc == EC_OK;
}

enum ec accounts_file_rekey(struct accounts *a,
			    void (*fn)(void *ctx, const struct name *, const struct err *),
			    void *ctx, struct rekey_result *out, struct err *e)
{
	struct rekey k = {
		.f = (struct accounts_file *)a, .fn = fn, .ctx = ctx, .out = out, .e = e
	};

	unsigned char key[AEAD_KEY];

	*out = (struct rekey_result){ 0 };
	enum ec rc = keyring_get(k.f->ring, NULL, key, out->key_id, e);
	wipe(key, sizeof(key));
	if (rc == EC_OK)
		rc = mailroot_each(k.f->root, NULL, each_domain, &k, e);
	return rc == EC_OK ? k.rc : rc;
}

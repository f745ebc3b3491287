/* file.c - accounts whose passwords lie encrypted in their mailboxes.
 *
 * Recoverable by design: APOP and the migration to a directory need the password itself. What
 * protects it is the key file outside the mail root, so a copied mail root gives nothing away.
 *
 * An unknown account costs what a known one costs: a record is opened and passwords are compared
 * all the same. /
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "server/accounts/file.h"
#include "server/base/mem.h"

static struct accounts_file *file_of(struct accounts *a)
{
	return (struct accounts_file *)a;
}

static enum ec no_account(const struct name *n, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	return err_set(e, EC_ABSENT, "there is no account %s", name_text(n, text));
}

static enum ec read_record(int dir, const struct name *n, struct record *out, struct err *e)
{
	struct arena *a = arena_new("password", 1024);
	char *text;
	size_t len;
	enum ec rc = mailroot_read(a, dir, RECORD_FILE, RECORD_FILE_MAX, &text, &len, e);

	if (rc == EC_OK)
		rc = record_parse(text, len, n, out, e);
	else if (rc == EC_ABSENT)
		rc = no_account(n, e);
	arena_drop(&a);
	return rc;
}

enum ec accounts_file_load(struct accounts_file *f, const struct name *n, int *dir,
			   struct record *out, struct err *e)
{
	enum ec rc = mailroot_dir(f->root, n, dir, e);

	if (rc == EC_OK) {
		rc = read_record(*dir, n, out, e);
		if (rc != EC_OK)
			close(*dir);
	}
	if (rc != EC_OK)
		*dir = -1;
	return rc;
}

enum ec accounts_file_open_record(struct accounts_file *f, const struct name *n,
				  const struct record *r, struct secret *out, struct err *e)
{
	unsigned char key[AEAD_KEY];
	enum ec rc = keyring_get(f->ring, r->key_id, key, NULL, e);

	if (rc == EC_OK)
		rc = record_open(r, key, n, out, e);
	wipe(key, sizeof(key));
	return rc;
}

enum ec accounts_file_seal(struct accounts_file *f, const struct name *n, const struct secret *s,
			   char text[RECORD_TEXT_MAX], size_t *len, struct err *e)
{
	unsigned char key[AEAD_KEY];
	char id[KEY_ID_LEN + 1];
	struct record r;
	enum ec rc = keyring_get(f->ring, NULL, key, id, e);

	if (rc == EC_OK) {
		record_seal(&r, key, id, n, s);
		*len = record_form(&r, text);
	}
	wipe(key, sizeof(key));
	return rc;
}

static enum ec file_find(struct accounts *a, const struct name *n, struct account *out,
			 struct err *e)
{
	struct record r;
	int dir;
	enum ec rc = accounts_file_load(file_of(a), n, &dir, &r, e);

	if (rc != EC_OK)
		return rc;
	close(dir);
	*out = (struct account){ .name = *n, .enabled = true };
	return EC_OK;
}

/* The record says whether there is one; a look-up here would only be a second one. */
static enum ec file_resolve(struct accounts *a, const char *typed, size_t len, struct account *out,
			    struct err *e)
{
	(void)a;
	*out = (struct account){ .enabled = true };
	return name_parse(&out->name, typed, len, NAME_FILE, e);
}

static enum ec file_reveal(struct accounts *a, const struct account *who, enum secret_kind kind,
			   struct secret *out, struct err *e)
{
	const struct name *n = &who->name;
	struct record r;
	int dir;

	if (kind != SECRET_CLEAR)
		return err_set(e, EC_REFUSED, "the password file does not serve SPA (NTLM)");
	enum ec rc = accounts_file_load(file_of(a), n, &dir, &r, e);
	if (rc != EC_OK)
		return rc;
	close(dir);
	return accounts_file_open_record(file_of(a), n, &r, out, e);
}

static const struct name nobody = { .domain = "invalid" };

static void make_stand_in(struct accounts_file *f)
{
	static const char text[] = "no such account";
	struct secret s = { 0 };
	struct record r;

	secret_set(&s, text, sizeof(text) - 1);
	random_bytes(f->stand_in_key, sizeof(f->stand_in_key));
	record_seal(&r, f->stand_in_key, "00000000", &nobody, &s);
	f->stand_in_len = record_form(&r, f->stand_in);
	secret_drop(&s);
}

/* The work of a wrong password, for an account that is not there. What reading the record would cost, looking for other
 * spellings of the name has cost already. */
static void pretend(const struct accounts_file *f, const struct secret *s)
{
	struct secret opened = { 0 };
	struct record r;

	if (record_parse(f->stand_in, f->stand_in_len, &nobody, &r, NULL) == EC_OK &&
	    record_open(&r, f->stand_in_key, &nobody, &opened, NULL) == EC_OK)
		(void)secret_equal(&opened, s);
	secret_drop(&opened);
}

static enum ec file_verify(struct accounts *a, const struct account *who, const struct secret *s,
			   struct err *e)
{
	struct secret known = { 0 };
	enum ec rc = file_reveal(a, who, SECRET_CLEAR, &known, e);

	if (rc == EC_ABSENT) {
		pretend(file_of(a), s);
		rc = err_set(e, EC_DENIED, "wrong name or password");
	} else if (rc == EC_OK && !secret_equal(&known, s)) {
		rc = err_set(e, EC_DENIED, "wrong name or password");
	}
	secret_drop(&known);
	return rc;
}

/* What is not in memory, or not as it should be, or wrong, is verify's business. One more octet than a record may have tells
 * that it has too many. */
static ssize_t read_now(struct accounts_file *f, const struct name *n,
			char text[RECORD_FILE_MAX + 1])
{
	struct iovec iov = { text, RECORD_FILE_MAX + 1 };
	int fd = mailroot_file_now(f->root, n, RECORD_FILE);

	if (fd < 0)
		return -1;
	ssize_t got = preadv2(fd, &iov, 1, 0, RWF_NOWAIT);
	close(fd);
	return got > RECORD_FILE_MAX ? -1 : got;
}

static bool is_right(struct accounts_file *f, const struct name *n, const char *text, size_t len,
		     const struct secret *s)
{
	unsigned char key[AEAD_KEY];
	struct secret known = { 0 };
	struct record r;
	bool right = false;

	if (record_parse(text, len, n, &r, NULL) == EC_OK && keyring_have(f->ring, r.key_id, key) &&
	    record_open(&r, key, n, &known, NULL) == EC_OK)
		right = secret_equal(&known, s);
	else
		pretend(f, s);
	wipe(key, sizeof(key));
	secret_drop(&known);
	return right;
}

static enum ec file_verify_now(struct accounts *a, const struct account *who,
			       const struct secret *s)
{
	struct accounts_file *f = file_of(a);
	char text[RECORD_FILE_MAX + 1];
	ssize_t len = read_now(f, &who->name, text);

	if (len < 0) {
		pretend(f, s);
		return EC_BUSY;
	}
	struct proof proof =
		proved_ask(f->proved, keyring_era(f->ring), &who->name, text, (size_t)len, s);
	if (proved_has(f->proved, &proof))
		return EC_OK;
	if (!is_right(f, &who->name, text, (size_t)len, s))
		return EC_BUSY;
	proved_keep(f->proved, &proof);
	return EC_OK;
}

/* The lock stays with the draft until that is in place: a rekeying that began meanwhile will find
 * the mailbox. */
static enum ec create_in_draft(struct accounts_file *f, const struct name *n,
			       const struct secret *s, struct draft *draft, struct err *e)
{
	char text[RECORD_TEXT_MAX];
	size_t len;
	int token;
	enum ec rc = keyring_lock(f->ring, &token, e);

	if (rc != EC_OK)
		return rc;
	rc = accounts_file_seal(f, n, s, text, &len, e);
	if (rc == EC_OK)
		rc = draft_put(draft, RECORD_FILE, text, len, e);
	if (rc == EC_OK)
		draft_hold(draft, token);
	else
		keyring_unlock(f->ring, token);
	return rc;
}

/* Replaces the record in an existing mailbox; `must` says whether one is there already. */
/* Whoever has a mailbox may be given a password: a record that is damaged or lost, or never was (a tree copied from elsewhere),
 * is mended by a new one. fresh: there must be none yet. */
static enum ec put_record(struct accounts_file *f, const struct name *n, const struct secret *s,
			  bool fresh, struct err *e)
{
	char text[RECORD_TEXT_MAX], who[NAME_TEXT_MAX + 1];
	size_t len;
	int dir, token;
	enum ec rc = keyring_lock(f->ring, &token, e);

	if (rc != EC_OK)
		return rc;
	rc = mailroot_dir(f->root, n, &dir, e);
	if (rc != EC_OK) {
		keyring_unlock(f->ring, token);
		return rc;
	}
	if (fresh && faccessat(dir, RECORD_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		rc = err_set(e, EC_EXISTS, "account %s exists already", name_text(n, who));
	if (rc == EC_OK)
		rc = accounts_file_seal(f, n, s, text, &len, e);
	if (rc == EC_OK)
		rc = mailroot_replace(f->root, dir, RECORD_FILE, text, len, 0600, e);
	close(dir);
	keyring_unlock(f->ring, token);
	return rc;
}

static enum ec file_create(struct accounts *a, const struct account_wish *wish,
			   const struct secret *s, struct draft *draft, struct err *e)
{
	enum ec rc = password_check(s, e);

	if (rc != EC_OK)
		return rc;
	return draft ? create_in_draft(file_of(a), &wish->name, s, draft, e)
		     : put_record(file_of(a), &wish->name, s, true, e);
}

static enum ec file_set_password(struct accounts *a, const struct name *n, const struct secret *s,
				 struct err *e)
{
	enum ec rc = password_check(s, e);

	return rc == EC_OK ? put_record(file_of(a), n, s, false, e) : rc;
}

static enum ec file_remove(struct accounts *a, const struct account *who, struct err *e)
{
	struct accounts_file *f = file_of(a);
	const struct name *n = &who->name;
	int dir, token;
	enum ec rc = keyring_lock(f->ring, &token, e);

	if (rc != EC_OK)
		return rc;
	rc = mailroot_dir(f->root, n, &dir, e);
	if (rc == EC_OK) {
		if (faccessat(dir, RECORD_FILE, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			rc = no_account(n, e);
		else
			rc = mailroot_unlink(dir, RECORD_FILE, e);
		close(dir);
	}
	keyring_unlock(f->ring, token);
	return rc;
}

static void file_close(struct accounts **a)
{
	if (*a) {
		proved_free(&file_of(*a)->proved);
		wipe(file_of(*a), sizeof(*file_of(*a)));
	}
	free(*a);
	*a = NULL;
}

static const struct accounts_ops file_ops = {
	.name = "file",
	.rule = NAME_FILE,
	.needs_create = true,
	.find = file_find,
	.resolve = file_resolve,
	.verify = file_verify,
	.verify_now = file_verify_now,
	.reveal = file_reveal,
	.create = file_create,
	.set_password = file_set_password,
	.remove = file_remove,
	.close = file_close,
};

enum ec accounts_file_open(struct mailroot *root, struct keyring *ring, const struct log *log,
			   struct accounts **out, struct err *e)
{
	struct accounts_file *f = mem_new(sizeof(*f));

	(void)e;
	*f = (struct accounts_file){ .accounts = { .ops = &file_ops,
						   .reveals = 1u << SECRET_CLEAR },
				     .root = root,
				     .ring = ring,
				     .log = log,
				     .proved = proved_new() };
	make_stand_in(f);
	*out = &f->accounts;
	return EC_OK;
}

/* table.c - the files of limits.
 *
 * One small file for each account instead of one table: it is read at every delivery without any memory of it - opening a file
 * that is mostly not there costs three microseconds beside a delivery's fsync - and so a change is seen by every process with
 * its next message, by whatever hand it was made. Nobody locks, nobody rewrites what belongs to others.
 *
 * The name is a hash, because an account is as long as an address and may be written in any case; the account stands inside,
 * and is compared: a file that was copied to another name limits nobody by mistake.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "server/base/amount.h"
#include "server/base/kv.h"
#include "server/quota/table.h"
#include "server/store/account.h"
#include "server/store/dirlist.h"

#define SUFFIX ".limit"
#define FILE_MAX_BYTES 4096
#define FILE_NAME_MAX (QUOTA_STEM_MAX + sizeof(SUFFIX))

static void file_name(const char *account, char out[FILE_NAME_MAX])
{
	quota_stem(account, out);
	strcat(out, SUFFIX);
}

/* "none" is a limit that limits nothing: it stands against the one in the settings. */
static enum ec read_amount(const struct kv *kv, const char *key, uint64_t *out, struct err *e)
{
	const char *value = kv_get(kv, key);

	*out = 0;
	if (!value || strcasecmp(value, "none") == 0 || amount_parse(value, out))
		return EC_OK;
	return err_set(e, EC_BROKEN, "%s = %.40s: write an amount such as 500M, or none", key,
		       value);
}

static enum ec read_keys(const struct kv *kv, char account[NAME_TEXT_MAX + 1],
			 struct quota_limit *out, struct err *e)
{
	const char *whose = kv_get(kv, "account");

	if (!whose || !*whose || strlen(whose) > NAME_TEXT_MAX)
		return err_set(e, EC_BROKEN, "it does not say whose limit it is: account = ...");
	strcpy(account, whose);
	enum ec rc = read_amount(kv, "bytes", &out->octets, e);
	return rc == EC_OK ? read_amount(kv, "messages", &out->messages, e) : rc;
}

enum ec limit_table_parse(const char *text, size_t len, char account[NAME_TEXT_MAX + 1],
			  struct quota_limit *out, struct err *e)
{
	struct arena *mem = arena_new("limit", 256);
	struct kv kv;
	enum ec rc = kv_parse(mem, text, len, &kv, e);

	if (rc == EC_OK)
		rc = read_keys(&kv, account, out, e);
	else
		rc = EC_BROKEN;
	arena_drop(&mem);
	return rc;
}

/* A file that is there is EC_OK or EC_BROKEN. */
static enum ec read_file(const struct mailroot *root, const char *file,
			 char account[NAME_TEXT_MAX + 1], struct quota_limit *out, struct err *e)
{
	int fd = quota_open(root, file, O_RDONLY);

	if (fd < 0 && errno == ENOENT) /* as nearly always: a text would cost as much as the look */
		return EC_ABSENT;
	if (fd < 0)
		return err_sys(e, "cannot open limit file .quota/%s", file);
	struct arena *mem = arena_new("limit", 256);
	struct err why;
	char *text;
	size_t len;
	enum ec rc = file_read_fd(mem, fd, file, FILE_MAX_BYTES, &text, &len, &why);
	if (rc == EC_OK)
		rc = limit_table_parse(text, len, account, out, &why);
	if (rc != EC_OK)
		err_set(e, rc, "limit file .quota/%s: %s", file, why.text);
	close(fd);
	arena_drop(&mem);
	return rc;
}

enum ec limit_table_read(const struct mailroot *root, const char *account, struct quota_limit *out,
			 struct err *e)
{
	char file[FILE_NAME_MAX], whose[NAME_TEXT_MAX + 1];

	file_name(account, file);
	enum ec rc = read_file(root, file, whose, out, e);
	if (rc == EC_OK && strcasecmp(whose, account) != 0)
		return err_set(e, EC_BROKEN, "limit file .quota/%s is of %.60s, not of %.60s", file,
			       whose, account);
	return rc;
}

bool limit_table_has_none(const struct mailroot *root, const char *account)
{
	char file[FILE_NAME_MAX];

	file_name(account, file);
	int fd = quota_open_now(root, file);
	if (fd < 0)
		return errno == ENOENT;
	close(fd);
	return false;
}

static const char *amount_or_none(uint64_t n, char out[AMOUNT_TEXT_MAX])
{
	return n > 0 ? amount_text(n, out) : "none";
}

enum ec limit_table_write(struct mailroot *root, const char *account,
			  const struct quota_limit *limit, struct err *e)
{
	int dir;
	char file[FILE_NAME_MAX], text[NAME_TEXT_MAX + 100];
	char octets[AMOUNT_TEXT_MAX], messages[AMOUNT_TEXT_MAX];

	file_name(account, file);
	int len = snprintf(text, sizeof(text), "account = %s\nbytes = %s\nmessages = %s\n", account,
			   amount_or_none(limit->octets, octets),
			   amount_or_none(limit->messages, messages));
	enum ec rc = quota_dir(root, &dir, e);

	if (rc != EC_OK)
		return rc;
	rc = mailroot_replace(root, dir, file, text, (size_t)len, 0640, e);
	close(dir);
	return rc;
}

/* EC_ABSENT: there is no file of any account. */
static enum ec open_dir(const struct mailroot *root, int *dir, struct err *e)
{
	*dir = quota_open(root, ".", O_RDONLY | O_DIRECTORY);
	return *dir < 0 ? err_sys(e, "cannot open the directory .quota in the mail root") : EC_OK;
}

enum ec limit_table_drop(struct mailroot *root, const char *account, struct err *e)
{
	char file[FILE_NAME_MAX];
	int dir;
	enum ec rc = open_dir(root, &dir, e);

	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	file_name(account, file);
	rc = mailroot_unlink(dir, file, e);
	close(dir);
	return rc;
}

static bool is_limit_file(const char *name)
{
	return strlen(name) == FILE_NAME_MAX - 2 && strcmp(name + QUOTA_STEM_MAX - 1, SUFFIX) == 0;
}

static enum ec list_files(const struct mailroot *root, struct dirlist *out, struct err *e)
{
	int dir;
	enum ec rc = open_dir(root, &dir, e);

	if (rc != EC_OK)
		return rc;
	if (dirlist_read(dir, is_limit_file, out) < 0)
		rc = err_sys(e, "cannot list the limits in .quota");
	close(dir);
	return rc;
}

enum ec limit_table_each(struct mailroot *root,
			 bool (*fn)(void *ctx, const char *account, const struct quota_limit *),
			 void *ctx, struct err *e)
{
	struct dirlist l;
	enum ec rc = list_files(root, &l, e);

	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	for (size_t i = 0; i < l.n; i++) {
		char account[NAME_TEXT_MAX + 1];
		struct quota_limit limit;
		struct err why;
		enum ec one = read_file(root, dirlist_name(&l, i), account, &limit, &why);

		if (one == EC_OK && !fn(ctx, account, &limit))
			break;
		if (one != EC_OK && one != EC_ABSENT)
			rc = err_set(e, one, "%s", why.text);
	}
	dirlist_drop(&l);
	return rc;
}

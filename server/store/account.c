/* account.c - names of quota accounts and of their files. */
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/crypto.h"
#include "server/store/account.h"
#include "server/store/beneath.h"
#include "server/store/mailtree.h"

#define STEM_LEN (QUOTA_STEM_MAX - 1)

struct account_key account_key(const char *text)
{
	char lower[NAME_TEXT_MAX + 1];
	unsigned char hash[32];
	struct account_key key;
	size_t len = 0;

	for (; text[len] && len < NAME_TEXT_MAX; len++)
		lower[len] = (char)tolower((unsigned char)text[len]);
	sha256(hash, lower, len);
	memcpy(key.word, hash, sizeof(key.word));
	for (unsigned i = 0; i < 2; i++)
		key.word[i] = be64toh(key.word[i]);
	if (key.word[0] == 0)
		key.word[0] = 1;
	return key;
}

struct account_key account_of_mailbox(const struct name *mailbox)
{
	char text[NAME_TEXT_MAX + 1];

	return account_key(name_text(mailbox, text));
}

void quota_stem(const char *account, char out[QUOTA_STEM_MAX])
{
	snprintf(out, QUOTA_STEM_MAX, "%016" PRIx64, account_key(account).word[0]);
}

void ledger_name(uint64_t account, char out[LEDGER_NAME_MAX])
{
	snprintf(out, LEDGER_NAME_MAX, "%016" PRIx64 LEDGER_SUFFIX, account);
}

bool ledger_name_parse(const char *file, uint64_t *account)
{
	char again[LEDGER_NAME_MAX];

	if (sscanf(file, "%16" SCNx64, account) != 1 || *account == 0)
		return false;
	ledger_name(*account, again);
	return strcmp(again, file) == 0;
}

static int open_in_quota(const struct mailroot *root, const char *file, int flags, unsigned how)
{
	char path[sizeof(QUOTA_DIR) + NAME_MAX + 1];

	stpcpy(stpcpy(path, QUOTA_DIR "/"), file);
	return beneath_open(root->fd, path, flags, how);
}

int quota_open(const struct mailroot *root, const char *file, int flags)
{
	return open_in_quota(root, file, flags, 0);
}

int quota_open_now(const struct mailroot *root, const char *file)
{
	return open_in_quota(root, file, O_RDONLY, BENEATH_CACHED);
}

static int open_dir(const struct mailroot *root)
{
	return beneath_open(root->fd, QUOTA_DIR, O_RDONLY | O_DIRECTORY, 0);
}

/* It gets its name when it is the mail root's owner's: made by root in place, and left so, it would be closed to the service for
 * ever. */
static int make_dir(struct mailroot *root)
{
	char side[SIDE_NAME_MAX];
	int fd = tree_make_side(root, root->fd, side, DRAFT_PREFIX);

	if (fd < 0)
		return -1;
	int rc = tree_rename_new(root->fd, side, QUOTA_DIR), failed = errno;
	close(fd);
	if (rc == 0)
		return fsync(root->fd);
	unlinkat(root->fd, side, AT_REMOVEDIR);
	errno = failed;
	return failed == EEXIST ? 0 : -1; /* somebody was faster */
}

enum ec quota_dir(struct mailroot *root, int *fd, struct err *e)
{
	*fd = open_dir(root);
	if (*fd < 0 && errno == ENOENT) {
		if (make_dir(root) < 0)
			return err_sys(e,
				       "cannot make the directory " QUOTA_DIR " in the mail root");
		*fd = open_dir(root);
	}
	return *fd >= 0 ? EC_OK
			: err_sys(e, "cannot open the directory " QUOTA_DIR " in the mail root");
}

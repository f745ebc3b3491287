/* test_fsquota.c - EDQUOT: the mailbox is full, if the message is its owner's; else the trouble is ours, and mail waits.
 *
 * The linker puts our functions in front of the C library's (--wrap): one of them says that somebody has too much.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"

#define KIM "kim@example.com"
#define OWNER 65534

ssize_t __real_writev(int fd, const struct iovec *iov, int n);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int n);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_linkat(int from, const char *a, int to, const char *b, int flags);
int __wrap_linkat(int from, const char *a, int to, const char *b, int flags);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fchown(int fd, uid_t uid, gid_t gid);

enum call { GIVE, WRITE, SYNC, NAME, SYNC_DIR };

static bool armed; /* the tests' own switches */
static enum call failing;
static int number, gift; /* errno of the failing call, and of giving away else: 0 = given */

static int trip(enum call c)
{
	errno = number;
	return armed && failing == c ? -1 : 0;
}

ssize_t __wrap_writev(int fd, const struct iovec *iov, int n)
{
	return trip(WRITE) < 0 ? -1 : __real_writev(fd, iov, n);
}

int __wrap_fdatasync(int fd)
{
	return trip(SYNC) < 0 ? -1 : __real_fdatasync(fd);
}

int __wrap_linkat(int from, const char *a, int to, const char *b, int flags)
{
	return trip(NAME) < 0 ? -1 : __real_linkat(from, a, to, b, flags);
}

int __wrap_fsync(int fd)
{
	return trip(SYNC_DIR) < 0 ? -1 : __real_fsync(fd);
}

int __wrap_fchown(int fd, uid_t uid, gid_t gid)
{
	(void)fd, (void)gid;
	if (uid != OWNER)
		return 0; /* to the mail root's owner, as everything */
	if (trip(GIVE) < 0)
		return -1;
	errno = gift;
	return gift ? -1 : 0;
}

static bool owner_of(void *ctx, const struct name *mailbox, uid_t *out)
{
	(void)ctx, (void)mailbox;
	*out = OWNER;
	return true;
}

static void whose_quota(void **state)
{
	static const struct {
		enum call failing;
		bool owned; /* mail is given to owners */
		int gift, number;
		enum ec want;
	} cases[] = {
		{ GIVE, true, 0, EDQUOT, EC_QUOTA },    { GIVE, true, 0, EPERM, EC_OK },
		{ GIVE, true, 0, ENOSPC, EC_TEMP },     { WRITE, true, 0, EDQUOT, EC_QUOTA },
		{ WRITE, true, 0, ENOSPC, EC_TEMP },    { WRITE, true, EPERM, EDQUOT, EC_TEMP },
		{ WRITE, false, 0, EDQUOT, EC_TEMP },   { SYNC, true, 0, EDQUOT, EC_QUOTA },
		{ SYNC, false, 0, EDQUOT, EC_TEMP },    { NAME, true, 0, EDQUOT, EC_TEMP },
		{ SYNC_DIR, true, 0, EDQUOT, EC_TEMP }, { SYNC_DIR, false, 0, EDQUOT, EC_TEMP },
	};
	struct tree t;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tree_setup(&t);
		if (cases[i].owned)
			store_files_give(t.store, &(struct store_owner){ owner_of, NULL });
		failing = cases[i].failing;
		number = cases[i].number;
		gift = cases[i].gift;
		armed = true;
		enum ec got = tree_deliver(&t, KIM, "one\r\n", 5);
		armed = false;
		if (got != cases[i].want)
			fail_msg("case %zu: %s, not %s", i, ec_name(got), ec_name(cases[i].want));
		tree_teardown(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(whose_quota) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* adoptcopy.c - one pass in pieces of 64 KiB.
 *
 * copy_file_range(2) and shared extents were weighed: they spare the copying, not the reading, which the sum and the count of line
 * ends want anyway; and extents shared with a disk that is about to be taken away are no copy.
 *
 * The sum chains HMAC-SHA-256 over the pieces, each keyed by the one before: as hard to meet by chance or on purpose as SHA-256
 * itself, and no more of the crypto library is needed than base/crypto.h has. The pieces are always full ones, so that a sum does
 * not depend on how reading went.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "migrate/adoptcopy.h"
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/store/beneath.h"
#include "server/store/canon.h"

#define PIECE 65536

struct pass {
	struct canon canon;
	unsigned char chain[32];
	char *piece;
	size_t len;
};

static void pass_begin(struct pass *p)
{
	*p = (struct pass){ .piece = mem_new(PIECE) };
	canon_begin(&p->canon);
}

static void pass_end(struct pass *p, struct adoptcopy *out)
{
	int failed = errno;

	canon_end(&p->canon, NULL);
	out->octets = p->canon.in;
	out->canonical = p->canon.out;
	memcpy(out->sum, p->chain, sizeof(out->sum));
	free(p->piece);
	errno = failed;
}

/* 1: another piece, taken into account; 0: the end; -1 with errno. */
static int pass_read(struct pass *p, int fd)
{
	unsigned char next[32];

	for (p->len = 0; p->len < PIECE;) {
		ssize_t n = read(fd, p->piece + p->len, PIECE - p->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		p->len += (size_t)n;
	}
	if (p->len == 0)
		return 0;
	hmac_sha256(next, p->chain, sizeof(p->chain), p->piece, p->len);
	memcpy(p->chain, next, sizeof(next));
	canon_feed(&p->canon, p->piece, p->len, NULL);
	return 1;
}

int adoptcopy_sum(int fd, struct adoptcopy *out)
{
	struct pass p;
	int rc = lseek(fd, 0, SEEK_SET) < 0 ? -1 : 1;

	pass_begin(&p);
	while (rc == 1)
		rc = pass_read(&p, fd);
	pass_end(&p, out);
	return rc;
}

static enum adoptcopy_end copy(int to, int from, struct adoptcopy *out, struct err *e)
{
	struct pass p;
	enum adoptcopy_end end = ADOPTCOPY_OK;
	int rc = lseek(from, 0, SEEK_SET) < 0 ? -1 : 1;

	pass_begin(&p);
	while (end == ADOPTCOPY_OK && rc == 1) {
		rc = pass_read(&p, from);
		if (rc == 1 && file_write_all(to, p.piece, p.len) < 0) {
			err_sys(e, "cannot write the message");
			end = ADOPTCOPY_FAILED;
		}
	}
	pass_end(&p, out);
	return rc < 0 ? ADOPTCOPY_UNREADABLE : end;
}

enum adoptcopy_end adoptcopy_put(const struct mailroot *root, int dir, const char *as,
				 const struct winroot_message *m, struct adoptcopy *out,
				 struct err *e)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, m->st->st_mtim };
	enum adoptcopy_end end;
	int fd = openat(dir, as, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) {
		err_sys(e, "cannot make the message %s", as);
		return ADOPTCOPY_FAILED;
	}
	end = copy(fd, m->fd, out, e);
	if (end == ADOPTCOPY_OK && (mailroot_own(root, fd, 0640) < 0 || futimens(fd, times) < 0)) {
		err_sys(e, "cannot give the message %s its owner and its time", as);
		end = ADOPTCOPY_FAILED;
	}
	int failed = errno;
	close(fd);
	if (end != ADOPTCOPY_OK)
		unlinkat(dir, as, 0);
	errno = failed;
	return end;
}

bool adoptcopy_same(int dir, const char *name, const struct adoptcopy *as)
{
	struct adoptcopy there;
	int fd = beneath_open(dir, name, O_RDONLY, 0);
	bool same = fd >= 0 && adoptcopy_sum(fd, &there) == 0 && there.octets == as->octets &&
		    memcmp(there.sum, as->sum, sizeof(there.sum)) == 0;

	if (fd >= 0)
		close(fd);
	return same;
}

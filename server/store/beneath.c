/* beneath.c - openat2(2): the kernel itself refuses links and ways out, so that there is no gap
 * between looking and opening. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "server/store/beneath.h"

/* A single step that is neither ".." nor a link leads nowhere else. Having the kernel look after that too takes a lock that all
 * processors share. */
static bool may_lead_out(const char *path)
{
	return path[0] == '.' || strchr(path, '/');
}

int beneath_open(int dirfd, const char *path, int flags, unsigned how)
{
	struct open_how oh = {
		.flags = (unsigned)(flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	if (may_lead_out(path))
		oh.resolve |= RESOLVE_BENEATH;
	if (how & BENEATH_CACHED)
		oh.resolve |= RESOLVE_CACHED;
	return (int)syscall(SYS_openat2, dirfd, path, &oh, sizeof(oh));
}

/* remembers.h - where the kernel can say without waiting that a name is not there.
 *
 * File systems on disks remember the names that were looked for in vain; a tmpfs does not, and then EC_BUSY is the right answer of
 * whatever is asked to tell at once.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline bool remembers_absence(const char *dir)
{
	const struct open_how at_hand = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED };
	static const char name[] = "winpop-nobody";
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool absent = faccessat(fd, name, F_OK, 0) < 0 && errno == ENOENT;
	long again = syscall(SYS_openat2, fd, name, &at_hand, sizeof(at_hand));
	bool remembered = absent && again < 0 && errno == ENOENT;

	if (again >= 0)
		close((int)again);
	if (fd >= 0)
		close(fd);
	return remembered;
}

/* /tmp often is a tmpfs, and /var/tmp, which outlives reboots, seldom. */
static inline const char *place_that_remembers(void)
{
	return !remembers_absence("/tmp") && remembers_absence("/var/tmp") ? "/var/tmp" : "/tmp";
}

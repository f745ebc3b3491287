/* beneath.h - opening what lies below a directory, and nothing else.
 *
 * No symbolic link is followed and no path leaves the directory, whatever somebody put into the
 * mail root. A FIFO or a device does not hold the caller: every open is non-blocking. Thread: any.
 * /
 */
#pragma once
#include <stdbool.h>

enum { BENEATH_CACHED = 1 }; /* fail with EAGAIN instead of waiting for a disk */

/* A descriptor (close-on-exec), or -1 with errno; ELOOP for a symbolic link, EXDEV for a way out.
 */
int beneath_open(int dirfd, const char *path, int flags, unsigned how);

/* handout.h - the file that new passwords are written to, for whoever hands them out.
 *
 * Nobody but its owner can read it from the first moment on. A file of an earlier run is gone on with, so that a command that is
 * given again as it was ends with one file that has all of them. Thread: one at a time.
 */
#pragma once
#include "admin/cmd.h"

struct handout {
	const char *path; /* NULL: none */
	int fd;           /* to append to, and to read from its beginning; -1 = none */
	bool made;
};

/* As who started winpop. EC_REFUSED: what is there is no file of ours that is closed to others, or ends in the middle of a
 * line. */
enum ec handout_open(struct wp *w, const char *path, struct handout *out, struct err *e);
/* One that was made and has nothing in it goes again. Fine if never opened (fd -1). */
void handout_close(struct handout *h);

/* run.h - another program, run without a shell. Thread: one at a time; blocks until it has ended. */
#pragma once
#include <stddef.h>
#include "server/base/arena.h"
#include "server/base/err.h"

/* argv[0]: its full path. *out: what it wrote to standard output, NUL added; lives in the arena.
 * EC_ABSENT: there is no such program. EC_REFUSED: it ended with an error; the text is the last line that it wrote to
 * standard error. EC_BROKEN: it was killed, or wrote more than a megabyte. */
enum ec run_program(struct arena *mem, const char *const argv[], const char **out, struct err *e);
/* The full path of a program of this computer's administrator, or NULL. */
const char *run_find(struct arena *mem, const char *name);

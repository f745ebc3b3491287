/* exits.h - the promise to scripts: what an exit code means. Pure. */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,     /* the rules forbid it, or it is not there, or it is there already */
	EXIT_WRONG_USAGE = 2, /* the command line, or a value on it, is not valid */
	EXIT_NOT_PERMITTED = 3, /* run it as somebody else */
	EXIT_TROUBLE = 4,       /* mail root, settings, disk or service failed */
	EXIT_PARTLY = 5,        /* some of it was done; what, is in the answer */
	EXIT_COUNT
};

enum exit_code exit_for(enum ec rc, bool partly);
/* One sentence, for the man page. */
const char *exit_text(enum exit_code code);

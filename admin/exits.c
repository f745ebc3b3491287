/* exits.c - class to exit code. */
#include "admin/exits.h"

static const enum exit_code codes[EC_COUNT] = {
	[EC_OK] = EXIT_DONE,        [EC_USAGE] = EXIT_WRONG_USAGE,    [EC_ABSENT] = EXIT_REFUSED,
	[EC_EXISTS] = EXIT_REFUSED, [EC_DENIED] = EXIT_NOT_PERMITTED, [EC_REFUSED] = EXIT_REFUSED,
	[EC_LOCKED] = EXIT_REFUSED, [EC_QUOTA] = EXIT_REFUSED,        [EC_BUSY] = EXIT_TROUBLE,
	[EC_TEMP] = EXIT_TROUBLE,   [EC_BROKEN] = EXIT_TROUBLE,
};

static const char *const texts[EXIT_COUNT] = {
	[EXIT_DONE] = "Done.",
	[EXIT_REFUSED] =
		"Refused: a rule or lock forbids it, or it is not there, or there already.",
	[EXIT_WRONG_USAGE] = "Usage: the command line, or a name or value on it, is not valid.",
	[EXIT_NOT_PERMITTED] = "Not permitted: run it as root or as the user of the service.",
	[EXIT_TROUBLE] = "Trouble with the mail root, the settings, the disk or the service.",
	[EXIT_PARTLY] = "Partly done; the answer and the error say what was not.",
};

enum exit_code exit_for(enum ec rc, bool partly)
{
	return rc != EC_OK && partly ? EXIT_PARTLY : codes[rc];
}

const char *exit_text(enum exit_code code)
{
	return texts[code];
}

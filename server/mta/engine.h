/* engine.h - what both engines say to whoever feeds them.
 *
 * Slices point into the input; they live until the call that was given them returns.
 */
#pragma once
#include <stddef.h>

enum mta_verdict { MTA_NEXT, MTA_WAIT, MTA_BYE }; /* read on | an answer will come | hang up */

struct mta_text {
	const char *p;
	size_t len;
};

/* netstring.h - "5:hello," : how a socketmap frames what it carries.
 *
 * Pure. Thread: any.
 */
#pragma once
#include "server/mta/engine.h"

enum netstring { NETSTRING_WHOLE, NETSTRING_PART, NETSTRING_BAD };

/* What is at the front? WHOLE: out is what it carries, of *used octets in all. BAD: no octets that follow can make it one of at
 * most max; nobody knows where the next one begins. */
enum netstring netstring_parse(const char *p, size_t len, size_t max, struct mta_text *out,
			       size_t *used);

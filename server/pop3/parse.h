/* parse.h - octets to lines, lines to requests. Pure: no session, no replies.
 *
 * Thread: any. Owner: slices point into what was given. What comes out is still foreign: a slice is no C string.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P3_ARGS_MAX 2 /* no verb takes more */

struct p3_slice {
	const char *p;
	size_t len;
};
struct p3_req {
	struct p3_slice verb;
	struct p3_slice rest; /* behind the blank; p NULL when there was no blank */
	struct p3_slice arg[P3_ARGS_MAX];
	unsigned argc; /* P3_ARGS_MAX + 1: too many */
};

enum p3_found {
	P3_LINE_PART, /* no line end yet; *used octets of a line that is too long are done with */
	P3_LINE_WHOLE,
	P3_LINE_LONG, /* the end of a line that was too long */
};
/* A line ends in CRLF or, for people at a terminal, in LF alone; neither is part of it. max counts without the end.
 * *skipped: octets of the present overlong line thrown away so far; 0 at first. */
enum p3_found p3_find_line(size_t *skipped, const char *p, size_t len, size_t max,
			   struct p3_slice *line, size_t *used);

void p3_split(struct p3_slice line, struct p3_req *out);
/* Splits rest at single blanks; blanks at the end do not count. false: an empty argument (two blanks). */
bool p3_split_args(struct p3_req *req);

/* Decimal digits and nothing else; what does not fit is UINT64_MAX. */
bool p3_number(struct p3_slice s, uint64_t *out);
/* z is ASCII; any case. */
bool p3_is(struct p3_slice s, const char *z);

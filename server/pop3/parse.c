/* parse.c - octets to lines, lines to requests.
 *
 * The engine keeps no input of its own: a line that is not whole stays with the caller, who buffers it anyway. Only a line
 * that is too long is taken in pieces, and thrown away in pieces, so memory is bounded by the longest legal line.
 *
 * Bare LF ends a line too. RFC 1939 asks for CRLF, but people type at terminals that send LF, and a command line has no
 * second reader who could see it differently. A CR anywhere else is a control octet and makes the line bad.
 */
#include <string.h>
#include <strings.h>
#include "server/pop3/parse.h"

static enum p3_found skip_rest(size_t *skipped, const char *p, size_t len, size_t *used)
{
	const char *nl = memchr(p, '\n', len);

	if (!nl) {
		*used = len;
		*skipped += len;
		return P3_LINE_PART;
	}
	*used = (size_t)(nl - p) + 1;
	*skipped = 0;
	return P3_LINE_LONG;
}

enum p3_found p3_find_line(size_t *skipped, const char *p, size_t len, size_t max,
			   struct p3_slice *line, size_t *used)
{
	if (*skipped)
		return skip_rest(skipped, p, len, used);

	size_t window = max + 2; /* a whole line of the greatest length, with CRLF */
	const char *nl = memchr(p, '\n', len < window ? len : window);

	if (!nl && len < window) {
		*used = 0;
		return P3_LINE_PART;
	}
	if (!nl)
		return skip_rest(skipped, p, len, used);
	*used = (size_t)(nl - p) + 1;
	*line = (struct p3_slice){ p, (size_t)(nl - p) };
	if (line->len && p[line->len - 1] == '\r')
		line->len--;
	return line->len > max ? P3_LINE_LONG : P3_LINE_WHOLE;
}

void p3_split(struct p3_slice line, struct p3_req *out)
{
	const char *blank = memchr(line.p, ' ', line.len);

	*out = (struct p3_req){ .verb = line };
	if (!blank)
		return;
	out->verb.len = (size_t)(blank - line.p);
	out->rest = (struct p3_slice){ blank + 1, line.len - out->verb.len - 1 };
}

bool p3_split_args(struct p3_req *req)
{
	struct p3_slice left = req->rest;

	req->argc = 0;
	while (left.len && left.p[left.len - 1] == ' ')
		left.len--;
	while (left.len && req->argc <= P3_ARGS_MAX) {
		const char *blank = memchr(left.p, ' ', left.len);
		size_t n = blank ? (size_t)(blank - left.p) : left.len;

		if (n == 0)
			return false;
		if (req->argc < P3_ARGS_MAX)
			req->arg[req->argc] = (struct p3_slice){ left.p, n };
		req->argc++;
		n += blank != NULL;
		left.p += n;
		left.len -= n;
	}
	return true;
}

bool p3_number(struct p3_slice s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n))
			n = UINT64_MAX;
	}
	*out = n;
	return true;
}

bool p3_is(struct p3_slice s, const char *z)
{
	if (s.len == 0)
		return z[0] == '\0';
	/* A table is searched with it: most names differ in the first letter. */
	return ((s.p[0] ^ z[0]) & 0x5F) == 0 && s.len == strlen(z) &&
	       strncasecmp(s.p, z, s.len) == 0;
}

/* parse.h - octets of an LMTP command line to its parts.
 *
 * Slices point into the line; nothing is copied, nothing is NUL-terminated. Addresses follow the
 * path grammar of RFC 5321 section 4.1.2 as RFC 6531 widens it, with what real senders need on
 * top: dots anywhere in an unquoted local part, and a blank behind "FROM:" and "TO:".
 * Pure. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LM_PATH_MAX 900 /* an address longer than this would overflow its header line */

struct lm_text {
	const char *p;
	size_t len;
};
struct lm_req {
	struct lm_text verb, arg; /* arg without blanks around it */
};
/* The line without its CRLF. False: it holds NUL or another control octet. */
bool lm_parse_line(const char *p, size_t len, struct lm_req *out);
bool lm_text_is(struct lm_text t, const char *word); /* any case */

struct lm_path {
	struct lm_text text;   /* without brackets and source route; empty for <> */
	struct lm_text local;  /* as written, perhaps quoted */
	struct lm_text domain; /* empty: there is none */
	bool literal;          /* the domain is an [address literal] */
	bool utf8;             /* not all of it is ASCII */
};
/* "FROM:<path>" or "TO:<path>" at the front of arg, which then holds the parameters. */
bool lm_parse_path(struct lm_text *arg, const char *lead, struct lm_path *out);
/* The local part without its quoting; out has room for local.len octets. Returns its length. */
size_t lm_path_local(const struct lm_path *path, char *out);

struct lm_param {
	struct lm_text key, value;
	bool has_value;
};
enum lm_more { LM_PARAM, LM_PARAMS_END, LM_PARAM_BAD };
enum lm_more lm_next_param(struct lm_text *rest, struct lm_param *out);

bool lm_parse_number(struct lm_text t, uint64_t *out); /* digits alone, below 2^64 */
/* "1000" or "1000 LAST" (RFC 3030 section 2). */
bool lm_parse_chunk(struct lm_text arg, uint64_t *size, bool *last);

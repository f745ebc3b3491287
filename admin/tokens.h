/* tokens.h - what scripts sign in to the console with instead of a password.
 *
 * A token is "wpt_" and 32 random octets in base64url, shown once and kept as its SHA-256 beside the file of rights: whoever reads
 * that file can sign in with none of them. (Nothing slower than SHA-256 is needed: a token is not guessed like a password.)
 *
 *	console.tokens      NAME SHA-256 MADE ENDS BY DOMAIN ...        seconds since 1970; ENDS 0: never; "*": the whole server
 *
 * The file is its owner's alone, and replaced as a whole, under a lock. Thread: any; may block.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/conf/conf.h"
#include "admin/scope.h"

#define TOKEN_PREFIX "wpt_"
#define TOKEN_TEXT_LEN 47 /* "wpt_" and 43 letters */
#define TOKEN_NAME_MAX 64 /* letters, digits, '.', '-', '_' */
#define TOKENS_MAX 1000

struct token {
	char name[TOKEN_NAME_MAX + 1];
	unsigned char hash[32];
	int64_t made_s, ends_s; /* ends_s 0: never */
	const char *by;         /* who made it */
	struct scope scope;
};
struct tokens {
	size_t n;
	struct token *rows; /* and room for one more */
};

/* For the console. *who: "token:NAME". EC_DENIED: there is none, or its time is over; takes the same time for all. */
enum ec token_find(const struct conf *c, struct arena *mem, const char *text, const char **who,
		   struct scope *out, struct err *e);

/* Of conf's place; everything in the arena. No file is no tokens. EC_BROKEN: damaged, or others could read it. */
enum ec tokens_load(const struct conf *c, struct arena *mem, struct tokens *out, struct err *e);
/* wish: name, ends_s, by, scope. EC_EXISTS: there is one of this name. */
enum ec tokens_add(const struct conf *c, const struct token *wish, char text[TOKEN_TEXT_LEN + 1],
		   struct err *e);
enum ec tokens_delete(const struct conf *c, const char *name, struct err *e);
/* The text of the file. Pure. EC_BROKEN names the line. */
enum ec tokens_parse(struct arena *mem, const char *text, size_t len, struct tokens *out,
		     struct err *e);
char *tokens_text(const struct tokens *all, size_t *len); /* malloc'ed, NUL behind it */

/* passlist.h - lines "address TAB password" (or address:password), as administrators hand them in and get them out.
 *
 * Reading: blank lines are passed over, CRLF is fine, of several lines for one address the last one counts. A list that is also
 * written (passlist_make) grows by whole lines, which are on disk before anybody uses what they say.
 *
 * Thread:  one at a time. Owner: secrets lent live as long as the list, which wipes them.
 * Failure: EC_USAGE names the line and never shows what is in it; EC_DENIED others could read the file.
 */
#pragma once
#include <stddef.h>
#include "server/base/err.h"
#include "server/base/name.h"
#include "server/base/secret.h"

struct passlist;

struct passlist *passlist_new(void);
void passlist_free(struct passlist **l);
/* Adds what the text says, or nothing. what: the file's name in error texts. */
enum ec passlist_parse(struct passlist *l, const char *text, size_t len, const char *what,
		       struct err *e);
/* Adds what the open file says. It must be a plain one that only its owner may read. */
enum ec passlist_read(struct passlist *l, int fd, const char *what, struct err *e);
/* NULL: none. */
const struct secret *passlist_get(const struct passlist *l, const struct name *n);
void passlist_put(struct passlist *l, const struct name *n, const struct secret *s);
size_t passlist_count(const struct passlist *l);

/* A random password, for the list and at the end of the file: on disk when EC_OK. */
enum ec passlist_make(struct passlist *l, int fd, const struct name *n, struct err *e);

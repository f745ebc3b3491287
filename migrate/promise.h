/* promise.h - what was promised to whom: logon names to new accounts, entries to mailboxes. Private to migrate/.
 *
 * Texts are compared as directories do, in any letter case. Thread: one at a time while promises are made, then any number.
 * Owner: texts are lent and outlive the struct.
 */
#pragma once
#include <stddef.h>
#include <stdbool.h>

struct promises;

#define PROMISE_NOBODY ((size_t)-1)

struct promises *promises_new(void);
void promises_free(struct promises **p);
/* PROMISE_NOBODY, and it is who's from now on; else whose it is. */
size_t promises_make(struct promises *p, const char *text, size_t who);
size_t promises_whose(const struct promises *p, const char *text);

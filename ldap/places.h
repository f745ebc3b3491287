/* places.h - the setting directory_servers as addresses: those it names, and those that DNS has for the domains it names. Private
 * to ldap/. Thread: one at a time; places_refresh may block. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/err.h"

struct places;

/* EC_BROKEN: something in it is neither an address nor "srv:DOMAIN"; the text says what. */
enum ec places_new(const char *servers, struct places **out, struct err *e);
void places_free(struct places **p);
bool places_by_dns(const struct places *p);
/* Looks all domains up again. A domain that does not answer keeps the addresses it had; the error is the last one then. */
enum ec places_refresh(struct places *p, unsigned timeout_ms, struct err *e);
/* Addresses in order of preference, at most max; lent until the next refresh. */
size_t places_list(const struct places *p, const char **out, size_t max);

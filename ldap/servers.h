/* servers.h - which server to use: order of preference, breaker, back-off. Pure: time is a parameter. Private to ldap/.
 *
 * A server is up until it fails; then it is aside until somebody has seen it work again. Whoever tries asks servers_due first. A server
 * keeps its number and its text for good, also when it leaves the list (DNS) and comes back.
 *
 * Thread: one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVERS_MAX 64       /* that were ever in the list; more are not taken */
#define SERVERS_RETRY_MS 100 /* first; doubles */
#define SERVERS_RETRY_MAX_MS 5000
/* When the server refuses our credentials each try counts as a wrong password there, and an account may be locked for it. */
#define SERVERS_REFUSED_RETRY_MS 1000
#define SERVERS_REFUSED_RETRY_MAX_MS 60000
#define SERVERS_NONE UINT64_MAX

struct servers;

struct servers *servers_new(void);
void servers_free(struct servers **s);
/* The list from now on, preferred ones first. What is known about a server stays. Repeated ones count once. */
void servers_set(struct servers *s, const char *const *uris, size_t n);
/* The preferred one that is up; -1: none. */
int servers_pick(const struct servers *s);
const char *servers_uri(const struct servers *s, unsigned i);
bool servers_up(const struct servers *s, unsigned i);
/* It failed at `now`. True: it was up until now. why is copied. */
bool servers_fail(struct servers *s, unsigned i, uint64_t now_ms, bool refused, const char *why);
/* It works. True: it was aside. */
bool servers_good(struct servers *s, unsigned i);
/* One that is aside and may be tried at `now`, the one that waits longest first; -1: none. */
int servers_due(const struct servers *s, uint64_t now_ms);
/* When servers_due will have one; SERVERS_NONE: none is aside. */
uint64_t servers_next_ms(const struct servers *s);
/* Why the preferred one is aside; "" if none is. */
const char *servers_why(const struct servers *s);
/* Numbers of those in the list, in order; returns how many there are. */
size_t servers_list(const struct servers *s, unsigned *out, size_t max);

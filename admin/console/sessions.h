/* sessions.h - who is signed in: kept by the keeper alone, found by a secret that only a browser's cookie holds.
 *
 * Of the secret just its hash is kept, so that nobody who can read this memory can sign in by it. A session ends when it is idle
 * for too long, when it is too old, and when its owner says so. Pure but for the secret itself; time is a parameter.
 * Thread: one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/accounts/accounts.h"
#include "admin/scope.h"

#define SESSION_ID_LEN 64 /* hexadecimal digits of 32 octets */
#define SESSION_AGE_MS (12ull * 3600 * 1000)
#define SESSION_LOOK_MS 60000ull /* or a fifteenth of idle_ms, if that is less */
#define SESSIONS_MAX 512
#define SESSIONS_EACH 8

struct sessions;
struct session {
	const char *who;
	struct scope scope;
	const char *stamp; /* of his account (accounts.h); "": not known */
};

struct sessions *sessions_new(uint64_t idle_ms);
void sessions_free(struct sessions **s); /* ends them all */
void sessions_idle(struct sessions *s, uint64_t idle_ms);
/* All of new is copied. The oldest of his goes if he has too many; EC_BUSY: there are too many of all. */
enum ec sessions_add(struct sessions *s, const struct session *new, uint64_t now_ms,
		     char id[SESSION_ID_LEN + 1], struct err *e);
/* NULL: none. touch: somebody is there; else it ages. Lent until the next call. */
const struct session *sessions_get(struct sessions *s, const char *id, bool touch, uint64_t now_ms);
/* Is it time to look at his account and his rights again? As long as nobody has: sessions_looked. */
bool sessions_due(struct sessions *s, const char *id, uint64_t now_ms);
void sessions_looked(struct sessions *s, const char *id, uint64_t now_ms);
void sessions_end(struct sessions *s, const char *id);
void sessions_end_all(struct sessions *s);
unsigned sessions_count(const struct sessions *s);

/* What a request must bring beside the cookie: only a page of ours was told. */
void session_csrf(const char *id, char out[SESSION_ID_LEN + 1]);
bool session_csrf_is(const char *id, const char *token);

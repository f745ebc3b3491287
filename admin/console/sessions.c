/* sessions.c - see sessions.h. A list: there are as many as administrators, and each look at it comes with a request. */
#include <stdlib.h>
#include <string.h>
#include "server/base/b64.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/base/secret.h"
#include "admin/console/sessions.h"

#define SECRET_LEN (SESSION_ID_LEN / 2)

struct row {
	struct row *next;
	struct arena *mem;
	struct session session;
	unsigned char hash[32]; /* of the secret */
	uint64_t since_ms, seen_ms, looked_ms;
};

struct sessions {
	struct row *first; /* the youngest */
	uint64_t idle_ms;
	unsigned n;
};

struct sessions *sessions_new(uint64_t idle_ms)
{
	struct sessions *s = mem_new(sizeof(*s));

	s->idle_ms = idle_ms;
	return s;
}

void sessions_idle(struct sessions *s, uint64_t idle_ms)
{
	s->idle_ms = idle_ms;
}

unsigned sessions_count(const struct sessions *s)
{
	return s->n;
}

static void drop(struct sessions *s, struct row **at)
{
	struct row *r = *at;

	*at = r->next;
	arena_drop(&r->mem);
	wipe(r, sizeof(*r));
	free(r);
	s->n--;
}

void sessions_end_all(struct sessions *s)
{
	while (s->first)
		drop(s, &s->first);
}

void sessions_free(struct sessions **sp)
{
	if (!*sp)
		return;
	sessions_end_all(*sp);
	free(*sp);
	*sp = NULL;
}

static void drop_old(struct sessions *s, uint64_t now_ms)
{
	struct row **at = &s->first;

	while (*at) {
		if (now_ms - (*at)->seen_ms >= s->idle_ms ||
		    now_ms - (*at)->since_ms >= SESSION_AGE_MS)
			drop(s, at);
		else
			at = &(*at)->next;
	}
}

/* The youngest come first, so the last that is his is his oldest. */
static void make_room(struct sessions *s, const char *who)
{
	struct row **oldest = NULL;
	unsigned n = 0;

	for (struct row **at = &s->first; *at; at = &(*at)->next) {
		if (strcmp((*at)->session.who, who) != 0)
			continue;
		oldest = at;
		n++;
	}
	if (n >= SESSIONS_EACH)
		drop(s, oldest);
}

static bool hash_of(const char *id, unsigned char out[32])
{
	unsigned char secret[SECRET_LEN];

	if (strlen(id) != SESSION_ID_LEN || !hex_decode(secret, id, SESSION_ID_LEN))
		return false;
	sha256(out, secret, sizeof(secret));
	wipe(secret, sizeof(secret));
	return true;
}

static void new_id(char id[SESSION_ID_LEN + 1])
{
	unsigned char secret[SECRET_LEN];

	random_bytes(secret, sizeof(secret));
	hex_encode(id, secret, sizeof(secret));
	id[SESSION_ID_LEN] = '\0';
	wipe(secret, sizeof(secret));
}

enum ec sessions_add(struct sessions *s, const struct session *new, uint64_t now_ms,
		     char id[SESSION_ID_LEN + 1], struct err *e)
{
	drop_old(s, now_ms);
	make_room(s, new->who);
	if (s->n >= SESSIONS_MAX)
		return err_set(e, EC_BUSY, "too many people are signed in: try again later");
	struct row *r = mem_new(sizeof(*r));

	*r = (struct row){ .next = s->first,
			   .mem = arena_new("console session", 256),
			   .since_ms = now_ms,
			   .seen_ms = now_ms,
			   .looked_ms = now_ms };
	r->session.who = arena_strz(r->mem, new->who);
	r->session.stamp = arena_strz(r->mem, new->stamp);
	scope_copy(r->mem, &new->scope, &r->session.scope);
	new_id(id);
	hash_of(id, r->hash);
	s->first = r;
	s->n++;
	return EC_OK;
}

/* By the hash: how long a comparison takes tells nothing about the secret. */
static struct row **find(struct sessions *s, const char *id)
{
	unsigned char hash[32];
	struct row **at = &s->first;

	if (!hash_of(id, hash))
		return NULL;
	while (*at && !same_bytes((*at)->hash, hash, sizeof(hash)))
		at = &(*at)->next;
	wipe(hash, sizeof(hash));
	return *at ? at : NULL;
}

const struct session *sessions_get(struct sessions *s, const char *id, bool touch, uint64_t now_ms)
{
	drop_old(s, now_ms);
	struct row **at = find(s, id);

	if (!at)
		return NULL;
	if (touch)
		(*at)->seen_ms = now_ms;
	return &(*at)->session;
}

bool sessions_due(struct sessions *s, const char *id, uint64_t now_ms)
{
	uint64_t every = s->idle_ms / 15 < SESSION_LOOK_MS ? s->idle_ms / 15 : SESSION_LOOK_MS;
	struct row **at = find(s, id);

	return at && now_ms - (*at)->looked_ms >= every;
}

void sessions_looked(struct sessions *s, const char *id, uint64_t now_ms)
{
	struct row **at = find(s, id);

	if (at)
		(*at)->looked_ms = now_ms;
}

void sessions_end(struct sessions *s, const char *id)
{
	struct row **at = find(s, id);

	if (at)
		drop(s, at);
}

void session_csrf(const char *id, char out[SESSION_ID_LEN + 1])
{
	static const char what[] = "winpop console csrf";
	unsigned char mac[32];

	hmac_sha256(mac, id, strlen(id), what, sizeof(what) - 1);
	hex_encode(out, mac, sizeof(mac));
	out[SESSION_ID_LEN] = '\0';
}

bool session_csrf_is(const char *id, const char *token)
{
	char want[SESSION_ID_LEN + 1];

	session_csrf(id, want);
	return strlen(token) == SESSION_ID_LEN && same_bytes(want, token, SESSION_ID_LEN);
}

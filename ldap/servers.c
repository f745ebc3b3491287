/* servers.c - the breaker. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/servers.h"
#include "server/base/mem.h"

struct server {
	char *uri;
	bool up;
	unsigned backoff_ms; /* of the last failure */
	uint64_t retry_ms;   /* aside: when to try again */
	char why[240];
};

struct servers {
	struct server all[SERVERS_MAX];
	size_t n_all;
	unsigned list[SERVERS_MAX]; /* numbers, preferred first */
	size_t n_list;
};

struct servers *servers_new(void)
{
	return mem_new(sizeof(struct servers));
}

void servers_free(struct servers **s)
{
	if (!*s)
		return;
	for (size_t i = 0; i < (*s)->n_all; i++)
		free((*s)->all[i].uri);
	free(*s);
	*s = NULL;
}

/* Its number, a new one if need be; -1: no room. */
static int number_of(struct servers *s, const char *uri)
{
	size_t i;

	for (i = 0; i < s->n_all; i++)
		if (strcmp(s->all[i].uri, uri) == 0)
			return (int)i;
	if (i == SERVERS_MAX)
		return -1;
	s->all[i] = (struct server){ .uri = mem_strz(uri), .up = true };
	s->n_all++;
	return (int)i;
}

static bool listed(const struct servers *s, unsigned i)
{
	for (size_t k = 0; k < s->n_list; k++)
		if (s->list[k] == i)
			return true;
	return false;
}

void servers_set(struct servers *s, const char *const *uris, size_t n)
{
	s->n_list = 0;
	for (size_t k = 0; k < n; k++) {
		int i = number_of(s, uris[k]);

		if (i >= 0 && !listed(s, (unsigned)i))
			s->list[s->n_list++] = (unsigned)i;
	}
}

int servers_pick(const struct servers *s)
{
	for (size_t k = 0; k < s->n_list; k++)
		if (s->all[s->list[k]].up)
			return (int)s->list[k];
	return -1;
}

const char *servers_uri(const struct servers *s, unsigned i)
{
	assert(i < s->n_all);
	return s->all[i].uri;
}

bool servers_up(const struct servers *s, unsigned i)
{
	assert(i < s->n_all);
	return s->all[i].up;
}

static unsigned next_backoff(const struct server *v, bool refused)
{
	unsigned first = refused ? SERVERS_REFUSED_RETRY_MS : SERVERS_RETRY_MS;
	unsigned most = refused ? SERVERS_REFUSED_RETRY_MAX_MS : SERVERS_RETRY_MAX_MS;
	unsigned twice = v->up ? 0 : v->backoff_ms * 2;

	if (twice < first)
		return first;
	return twice < most ? twice : most;
}

bool servers_fail(struct servers *s, unsigned i, uint64_t now_ms, bool refused, const char *why)
{
	struct server *v = &s->all[i];
	bool was_up = v->up;

	assert(i < s->n_all);
	v->backoff_ms = next_backoff(v, refused);
	v->retry_ms = now_ms + v->backoff_ms;
	v->up = false;
	snprintf(v->why, sizeof(v->why), "%s", why);
	return was_up;
}

bool servers_good(struct servers *s, unsigned i)
{
	struct server *v = &s->all[i];
	bool was_up = v->up;

	assert(i < s->n_all);
	v->up = true;
	v->backoff_ms = 0;
	v->why[0] = '\0';
	return !was_up;
}

/* The one to be tried first, whenever that is. */
static int first_to_try(const struct servers *s)
{
	int first = -1;

	for (size_t k = 0; k < s->n_list; k++) {
		unsigned i = s->list[k];

		if (!s->all[i].up && (first < 0 || s->all[i].retry_ms < s->all[first].retry_ms))
			first = (int)i;
	}
	return first;
}

int servers_due(const struct servers *s, uint64_t now_ms)
{
	int i = first_to_try(s);

	return i >= 0 && s->all[i].retry_ms <= now_ms ? i : -1;
}

uint64_t servers_next_ms(const struct servers *s)
{
	int i = first_to_try(s);

	return i >= 0 ? s->all[i].retry_ms : SERVERS_NONE;
}

const char *servers_why(const struct servers *s)
{
	for (size_t k = 0; k < s->n_list; k++)
		if (!s->all[s->list[k]].up)
			return s->all[s->list[k]].why;
	return "";
}

size_t servers_list(const struct servers *s, unsigned *out, size_t max)
{
	for (size_t k = 0; k < s->n_list && k < max; k++)
		out[k] = s->list[k];
	return s->n_list;
}

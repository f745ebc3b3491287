/* places.c - where servers are. */
#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/places.h"
#include "ldap/srv.h"
#include "server/base/arena.h"
#include "server/base/mem.h"

struct place {
	const char *uri;    /* or */
	const char *domain; /* with these */
	struct arena *found_mem;
	const char *found[SRV_MAX];
	size_t n_found;
	struct place *next;
};

struct places {
	struct arena *mem;
	struct place *first, **end;
};

static const char by_dns[] = "srv:";

static bool known_scheme(const char *uri)
{
	LDAPURLDesc *u;

	if (ldap_url_parse(uri, &u) != LDAP_URL_SUCCESS)
		return false;
	bool known = strcmp(u->lud_scheme, "ldap") == 0 || strcmp(u->lud_scheme, "ldaps") == 0 ||
		     strcmp(u->lud_scheme, "ldapi") == 0;
	ldap_free_urldesc(u);
	return known;
}

static enum ec add_place(struct places *p, const char *word, struct err *e)
{
	struct place *place = arena_alloc(p->mem, sizeof(*place));
	size_t mark = sizeof(by_dns) - 1;

	if (strncmp(word, by_dns, mark) == 0 && word[mark] != '\0')
		place->domain = word + mark;
	else if (known_scheme(word))
		place->uri = word;
	else
		return err_set(
			e, EC_BROKEN,
			"directory_servers: \"%s\" is neither ldap://, ldaps://, ldapi:// nor "
			"srv:DOMAIN",
			word);
	*p->end = place;
	p->end = &place->next;
	return EC_OK;
}

enum ec places_new(const char *servers, struct places **out, struct err *e)
{
	struct arena *mem = arena_new("servers", 1024);
	struct places *p = arena_alloc(mem, sizeof(*p));
	char *text = arena_strz(mem, servers), *rest = NULL;
	enum ec rc = EC_OK;

	p->mem = mem;
	p->end = &p->first;
	for (char *word = strtok_r(text, " \t", &rest); word && rc == EC_OK;
	     word = strtok_r(NULL, " \t", &rest))
		rc = add_place(p, word, e);
	if (rc == EC_OK && !p->first)
		rc = err_set(e, EC_BROKEN, "directory_servers names no server");
	if (rc != EC_OK)
		places_free(&p);
	*out = p;
	return rc;
}

void places_free(struct places **p)
{
	if (!*p)
		return;
	for (struct place *place = (*p)->first; place; place = place->next)
		arena_drop(&place->found_mem);
	struct arena *mem = (*p)->mem;
	*p = NULL;
	arena_drop(&mem);
}

bool places_by_dns(const struct places *p)
{
	for (const struct place *place = p->first; place; place = place->next)
		if (place->domain)
			return true;
	return false;
}

static enum ec look_up(struct place *place, unsigned timeout_ms, struct err *e)
{
	struct srv found[SRV_MAX];
	size_t n;
	enum ec rc = srv_find(place->domain, timeout_ms, found, &n, e);

	if (rc != EC_OK)
		return rc;
	arena_drop(&place->found_mem);
	place->found_mem = arena_new("servers by DNS", 1024);
	for (size_t i = 0; i < n; i++)
		place->found[i] =
			arena_fmt(place->found_mem, "ldap://%s:%u", found[i].host, found[i].port);
	place->n_found = n;
	return EC_OK;
}

enum ec places_refresh(struct places *p, unsigned timeout_ms, struct err *e)
{
	enum ec worst = EC_OK;

	for (struct place *place = p->first; place; place = place->next) {
		enum ec rc = place->domain ? look_up(place, timeout_ms, e) : EC_OK;
		if (rc != EC_OK)
			worst = rc;
	}
	return worst;
}

size_t places_list(const struct places *p, const char **out, size_t max)
{
	size_t n = 0;

	for (const struct place *place = p->first; place; place = place->next) {
		if (place->uri && n < max)
			out[n++] = place->uri;
		for (size_t i = 0; i < place->n_found && n < max; i++)
			out[n++] = place->found[i];
	}
	return n;
}

/* fuzz_rights.c - a file of rights: what is taken gives domains that are names, the same each time, and only to those it names;
 * one damaged line and there is nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "admin/rights.h"
#include "server/base/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool nobody(void *ctx, enum rights_group kind, const char *group)
{
	(void)kind;
	check(*group);
	++*(unsigned *)ctx;
	return false;
}

static bool anybody(void *ctx, enum rights_group kind, const char *group)
{
	return !nobody(ctx, kind, group);
}

static void check_scope(const struct scope *s)
{
	for (size_t i = 0; i < s->n_domains; i++) {
		struct name n;
		check(name_parse_domain(&n, s->domains[i], strlen(s->domains[i]), NULL) == EC_OK);
		check(strcmp(n.domain, s->domains[i]) == 0);
		check(i == 0 || strcmp(s->domains[i - 1], s->domains[i]) < 0);
		check(scope_has(s, n.domain));
	}
	check(s->whole ? s->n_domains == 0 : s->n_domains > 0);
}

static void check_rights(const struct rights *r)
{
	unsigned asked = 0;
	struct scope s;

	/* No line names him, whatever there is. */
	check(rights_of(r, "nobody-has-this-name", nobody, &asked, &s, NULL) == EC_DENIED);
	if (rights_of(r, "nobody-has-this-name", anybody, &asked, &s, NULL) == EC_OK)
		check_scope(&s);
	if (rights_of(r, "kim@example.com", nobody, &asked, &s, NULL) == EC_OK)
		check_scope(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *mem = arena_new("fuzz", 4096);
	struct rights *r;
	struct err e;
	enum ec rc = rights_parse(mem, (const char *)data, size, &r, &e);

	check((rc == EC_OK) == (r != NULL));
	if (rc == EC_OK)
		check_rights(r);
	else
		check(rc == EC_USAGE && strncmp(e.text, "line ", 5) == 0);
	arena_drop(&mem);
	return 0;
}

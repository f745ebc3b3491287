/* fuzz_tokens.c - the file of tokens: what is taken are tokens whose names, hashes, times and domains could have been written by us,
 * and is the same once more; one damaged line and there are none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "admin/tokens.h"
#include "server/base/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_scope(const struct scope *s)
{
	struct name n;

	check(s->whole ? s->n_domains == 0 : s->n_domains > 0);
	for (size_t i = 0; i < s->n_domains; i++) {
		check(name_parse_domain(&n, s->domains[i], strlen(s->domains[i]), NULL) == EC_OK);
		check(strcmp(n.domain, s->domains[i]) == 0);
	}
}

static void check_token(const struct token *t)
{
	size_t len = strlen(t->name);

	check(len > 0 && len <= TOKEN_NAME_MAX && !strpbrk(t->name, " \n\t/"));
	check(t->made_s >= 0 && t->ends_s >= 0);
	check(*t->by && !strpbrk(t->by, " \n"));
	check_scope(&t->scope);
}

/* Written down again, each is the line that it was, but for the ways to write a number and a domain. */
static void check_again(struct arena *mem, const struct tokens *all)
{
	size_t len;
	char *text = tokens_text(all, &len);
	struct tokens again;

	check(tokens_parse(mem, text, len, &again, NULL) == EC_OK && again.n == all->n);
	for (size_t i = 0; i < all->n; i++) {
		const struct token *a = &all->rows[i], *b = &again.rows[i];
		check(strcmp(a->name, b->name) == 0 && strcmp(a->by, b->by) == 0);
		check(memcmp(a->hash, b->hash, sizeof(a->hash)) == 0);
		check(a->made_s == b->made_s && a->ends_s == b->ends_s);
		check(scope_same(&a->scope, &b->scope));
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *mem = arena_new("fuzz", 4096);
	struct tokens all;
	struct err e;
	enum ec rc = tokens_parse(mem, (const char *)data, size, &all, &e);

	check(rc == EC_OK || rc == EC_BROKEN);
	for (size_t i = 0; rc == EC_OK && i < all.n; i++)
		check_token(&all.rows[i]);
	if (rc == EC_OK)
		check_again(mem, &all);
	arena_drop(&mem);
	return 0;
}

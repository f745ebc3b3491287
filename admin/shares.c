/* shares.c - see shares.h. The C library's red-black tree: sorted, and no size to guess. */
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/mem.h"
#include "admin/shares.h"

struct shares {
	void *tree;
};

/* The account is first in a share, so a name finds it as well as another one. */
static int compare(const void *a, const void *b)
{
	return strcasecmp(a, b);
}

struct shares *shares_new(void)
{
	struct shares *s = mem_new(sizeof(*s));

	*s = (struct shares){ 0 };
	return s;
}

void shares_free(struct shares **s)
{
	if (*s)
		tdestroy((*s)->tree, free);
	free(*s);
	*s = NULL;
}

struct share *shares_find(const struct shares *s, const char *account)
{
	void *const *node = tfind(account, &s->tree, compare);

	return node ? *node : NULL;
}

struct share *shares_at(struct shares *s, const char *account)
{
	struct share *one = shares_find(s, account);

	if (one)
		return one;
	one = mem_new(sizeof(*one));
	*one = (struct share){ 0 };
	strncpy(one->account, account, sizeof(one->account) - 1);
	if (!tsearch(one, &s->tree, compare))
		die("out of memory");
	return one;
}

struct walk {
	bool (*fn)(void *ctx, struct share *);
	void *ctx;
	bool stopped;
};

static void visit(const void *node, VISIT when, void *closure)
{
	struct walk *walk = closure;

	if (!walk->stopped && (when == postorder || when == leaf))
		walk->stopped = !walk->fn(walk->ctx, *(struct share *const *)node);
}

void shares_each(struct shares *s, bool (*fn)(void *ctx, struct share *), void *ctx)
{
	struct walk walk = { .fn = fn, .ctx = ctx };

	twalk_r(s->tree, visit, &walk);
}

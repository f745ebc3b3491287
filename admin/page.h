/* page.h - a piece of a listing: from which name, how many, and with which text in them.
 *
 * A console that shows a hundred of 100,000 mailboxes asks for those; no look is taken at the others.
 * Thread: any. Owner: strings are lent.
 */
#pragma once
#include <stdint.h>
#include "server/base/err.h"
#include "server/catalog/catalog.h"
#include "admin/out.h"

#define PAGE_LIMIT 100
#define PAGE_LIMIT_MAX 10000

/* Rows of a command's switches. */
#define PAGE_SWITCHES                                                                              \
	{ "from", "Name", false, "Begins with this name, or with the next one there is" },         \
		{ "limit", "N", false, "At most so many; 100 if not given, 10000 at most" },       \
	{                                                                                          \
		"match", "Text", false, "Only names that hold this text, in any case"              \
	}

struct page {
	bool asked; /* else all, and none of the rest counts */
	const char
		*from; /* the first name wanted, which need not exist; NULL: from the beginning */
	const char *match; /* part of the name, in any case; NULL: all */
	uint64_t limit;
};
/* Of the names that match: how many there are, how many are before the page, and the first behind it ("" = none). */
struct page_at {
	uint64_t total, before;
	char more[NAME_TEXT_MAX + 1];
};

/* "/limit": NULL gives PAGE_LIMIT. EC_USAGE: no number from 1 to PAGE_LIMIT_MAX. */
enum ec page_limit(const char *text, uint64_t *out, struct err *e);
/* Of the three switches; each may be NULL. */
enum ec page_read(const char *from, const char *limit, const char *match, struct page *out,
		  struct err *e);
/* The page of the domains (domain NULL), or of a domain's mailboxes: in order of their names; fn false stops. As with struct
 * catalog_ops.each, a damaged entry is shown all the same. */
enum ec page_each(struct catalog *cat, const struct name *domain, const struct page *wish,
		  bool (*fn)(void *ctx, const struct entry *), void *ctx, struct page_at *at,
		  struct err *e);
/* As fields of the answer, behind the list. */
void page_tell(struct out *o, const struct page_at *at);

/* wizard.h - pages of questions, one after the other: a default for each, back, help, every answer checked at once.
 *
 *	wizard_begin(&z, pages, ctx, mem);
 *	while (wizard_page(&z)) {
 *		... show the page, read a line ...
 *		said = wizard_say(&z, line, &e);
 *	}
 *
 * Pages are data. A line is an answer, or one of four signs that no answer can be: nothing takes the default, "-" takes none,
 * "<" goes back a page, "?" asks for help, "!" leaves. What has been said stays while going back and forth, as the default of
 * its page; each page that is passed again is checked again, for an earlier answer may have changed.
 * Pure but for what the pages' own functions do. Thread: one at a time. Owner: answers live in the arena.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/kv.h"

#define WIZARD_PAGES_MAX 40
#define WIZARD_ANSWER_MAX 1024

enum wizard_kind { WIZARD_TEXT, WIZARD_CHOICE, WIZARD_YESNO };

struct wizard_choice {
	const char *word, *title;
	const char *text;           /* when to choose it */
	bool (*offered)(void *ctx); /* NULL: always */
};

struct wizard_page {
	const char *key; /* in a file of answers; the setting's name, where it is one */
	const char *title;
	const char *question;
	const char *text; /* what it is about; '\n' parts paragraphs */
	const char *help; /* what "?" adds */
	enum wizard_kind kind;
	bool needed;                         /* of a text: nothing is no answer */
	bool (*spares)(void *ctx);           /* when it is not needed after all; NULL: never */
	const struct wizard_choice *choices; /* ends with a NULL word */
	bool (*applies)(void *ctx);          /* NULL: always */
	const char *(*preset)(void *ctx);    /* NULL: none */
	const char *(*finding)(
		void *ctx); /* what was found out on the spot, above the question; may be NULL */
	/* *stored: what is kept; `answer` unless set. EC_OK goes on. */
	enum ec (*check)(void *ctx, const char *answer, const char **stored, struct err *e);
};

enum wizard_said {
	WIZARD_NEXT,  /* another page is there, or there are no more */
	WIZARD_AGAIN, /* the answer will not do; the error says why */
	WIZARD_HELP,  /* wanted for this page */
	WIZARD_LEFT,  /* enough; nothing is to be done */
};

struct wizard {
	const struct wizard_page *pages; /* ends with a NULL key */
	size_t n, at;
	void *ctx;
	struct arena *mem;
	const char *answers[WIZARD_PAGES_MAX]; /* NULL: not answered yet */
};

void wizard_begin(struct wizard *z, const struct wizard_page *pages, void *ctx, struct arena *mem);
const struct wizard_page *wizard_page(const struct wizard *z); /* NULL: all are answered */
enum wizard_said wizard_say(struct wizard *z, const char *line, struct err *e);
/* From the end back to the last page. */
void wizard_reopen(struct wizard *z);

/* What nothing stands for on this page; "" if for nothing. */
const char *wizard_default(const struct wizard *z, const struct wizard_page *p);
bool wizard_offers(const struct wizard *z, const struct wizard_choice *c);
/* The answer; NULL if there is none, or the page has no place with the other answers. */
const char *wizard_answer(const struct wizard *z, const char *key);
bool wizard_is(const struct wizard *z, const char *key, const char *answer);
bool wizard_yes(const struct wizard *z, const char *key);
/* Which page of how many, as far as can be said now. */
void wizard_place(const struct wizard *z, size_t *nth, size_t *of);

/* All pages from a file of answers; what it does not hold takes its default. EC_USAGE: an answer that will not do, by its line;
 * one that is missing and has no default - all of those are named -; or one that nobody asked for. */
enum ec wizard_fill(struct wizard *z, const struct kv *answers, struct err *e);

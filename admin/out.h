/* out.h - how a command answers: sentences, fields, lists of records.
 *
 *	out_list(o, "mailboxes");
 *	out_record(o);  out_field(o, "name", "kim@example.com");  out_end(o);    ... once per mailbox
 *	out_end(o);
 *	out_field_u(o, "messages", 17);
 *
 * A list holds records, a record holds fields; fields outside a list belong to the answer itself.
 * Keys are the same words everywhere: a label on a terminal, a column, a JSON member. Writers stream:
 * what they keep does not grow with the list. Control octets in values never reach a terminal.
 * Thread: one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "server/base/err.h"

struct out;

struct out_ops {
	void (*list)(struct out *, const char *key);
	void (*record)(struct out *);
	void (*field)(struct out *, const char *key, const char *value);
	void (*number)(struct out *, const char *key, uint64_t value);
	void (*end)(struct out *); /* of the innermost record or list */
	void (*say)(struct out *, const char *text);
	void (*note)(struct out *, const char *text);
	enum ec (*close)(struct out **, const struct err *failed, const char *hint, struct err *);
};
struct out { /* writers embed it as their first member */
	const struct out_ops *ops;
};

enum out_layout {
	OUT_ALIGNED, /* for people: aligned columns with a heading, "key: value" lines */
	OUT_TABS,    /* for programs: tabs, no heading */
};
/* Notes go to `notes`. Both files are lent. */
struct out *out_text(FILE *to, FILE *notes, enum out_layout layout);
/* One JSON object; notes and the error are in it. */
struct out *out_json(FILE *to);
/* Tables (RFC 4180): each list is one, and the fields outside of lists are one of a single row; an empty line stands between
 * two. Notes go to `notes`. */
struct out *out_csv(FILE *to, FILE *notes);

static inline void out_list(struct out *o, const char *key)
{
	o->ops->list(o, key);
}
static inline void out_record(struct out *o)
{
	o->ops->record(o);
}
static inline void out_field(struct out *o, const char *key, const char *value)
{
	o->ops->field(o, key, value);
}
static inline void out_field_u(struct out *o, const char *key, uint64_t value)
{
	o->ops->number(o, key, value);
}
static inline void out_end(struct out *o)
{
	o->ops->end(o);
}
/* A sentence or a page of text that is the answer. */
void out_say(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something to know beside the answer. */
void out_note(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ends what is open and flushes; failed: the command's error or NULL. EC_TEMP: could not be written. */
enum ec out_close(struct out **o, const struct err *failed, const char *hint, struct err *e);

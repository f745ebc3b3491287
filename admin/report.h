/* report.h - what became of each account: kept, counted, shown, and written to a file.
 *
 * Rows of a run come in any order and are shown in order of names, so they are kept until it ends. Thread: one at a time.
 */
#pragma once
#include <stddef.h>
#include "admin/cmd.h"
#include "migrate/mig.h"

struct report;

struct report *report_new(void);
void report_free(struct report **r); /* NULL is fine */
void report_add(struct report *r, const struct mig_row *row);
size_t report_size(const struct report *r);
size_t report_count(const struct report *r, enum mig_what what);
size_t report_failed(const struct report *r); /* those whose class is not EC_OK */
size_t report_new_passwords(const struct report *r);
/* The first such, in order of names; false if there is none.. */
bool report_first_failed(struct report *r, enum mig_what *what, struct err *why);

/* The list `key` of how many there are of each kind. */
void report_totals(const struct report *r, struct out *o, const char *key);
/* The list "accounts": all, or only those that somebody must hear of - not migrated, another logon name, a new password. */
void report_accounts(struct report *r, struct out *o, bool all);
/* All of it into a file: .csv, .json, text (.txt, or nothing). Replaces a plain file of that name, whole or not at all; as who
 * started winpop. report_may_write is asked before there is anything to write. */
enum ec report_may_write(const char *path, struct err *e);
enum ec report_write(struct report *r, const char *path, struct err *e);

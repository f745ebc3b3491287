/* people.h - a directory opened as accounts, over a local catalog in a mail root of its own. */
#pragma once
#include <string.h>
#include "ldap/flavour.h"
#include "tests/unit/store/tree.h"

struct people {
	struct tree tree; /* with example.com and kim@example.com */
	struct conf *conf;
	struct catalog *catalog;
	struct dir *dir;
	struct accounts *a;
};

/* settings: lines of winpop.conf */
void people_open(struct people *p, const char *settings);
void people_close(struct people *p);
/* The same mail root, other settings. */
void people_reopen(struct people *p, const char *settings);

enum ec people_resolve(struct people *p, const char *typed, struct account *out, struct err *e);
enum ec people_find(struct people *p, const char *address, struct account *out, struct err *e);
enum ec people_create(struct people *p, const char *address, const char *password, struct err *e);
enum ec people_change(struct people *p, const char *address, const char *password, struct err *e);
enum ec people_remove(struct people *p, const char *address, struct err *e);
enum ec people_verify(struct people *p, const struct account *who, const char *password,
		      struct err *e);
/* Resolve and verify. */
enum ec people_sign_in(struct people *p, const char *typed, const char *password, struct err *e);

/* Fails the test, with the text, if it is another class. */
#define assert_says(call, want, e)                                                                 \
	do {                                                                                       \
		enum ec got_ = (call);                                                             \
		if (got_ != (want))                                                                \
			fail_msg("%s: %s, not %s: %s", #call, ec_name(got_), ec_name(want),        \
				 (e)->text);                                                       \
	} while (0)

/* ---- changing the directory behind its back ---- */

/* lines: "attr: value" with "dn: DN" in front, as in LDIF; nothing is folded or encoded. */
void people_add_entry(struct dir_conn *c, const char *lines);
/* Replaces; NULL: removes. */
void people_put(struct dir_conn *c, const char *dn, const char *attr, const char *value);

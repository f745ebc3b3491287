/* setup.h - `winpop setup`: what its files share.
 *
 *	found.c  what this computer has        pages.c  the questions        try.c     the directory, tried
 *	plan.c   answers -> settings, summary  steps.c  what is done         apply.c   all of it or nothing
 *	command.c a row of the command table   log.c    what was done        remove.c  the role taken away
 *
 * Thread: one. Owner: struct setup lends everything for the length of the command; secrets are wiped at its end.
 */
#pragma once
#include <stdio.h>
#include "server/base/secret.h"
#include "server/conf/options.h"
#include "admin/cmd.h"
#include "admin/identity.h"
#include "admin/setup_found.h"
#include "admin/setup_log.h"
#include "admin/wizard.h"

struct setup_pair {
	const char *key, *value;
};
#define SETUP_PAIRS_MAX 32
/* How a directory did when it was tried. */
struct setup_trial {
	const char *of; /* the settings it was tried with; NULL: not tried yet */
	bool good;
	const char *text;
};

struct setup {
	struct wp *w;
	struct wizard z;
	struct found found;
	struct setup_trial trial;
	struct setup_log log;
	struct secret directory_password, mailbox_password; /* empty: none was asked for */
	const char *password_of;                            /* whose mailbox_password is */
	bool postfix_set;                                   /* by us, just now */
	bool person;                                        /* somebody sits at a terminal */
	bool dry; /* nothing will be done: passwords for later are not asked for */
};

/* ---- setup_pages.c ---- */
extern const struct wizard_page setup_pages[];
#define SETUP_APPLY "apply" /* the last page */

/* ---- setup_plan.c ---- */

/* As it will be: the answer, else what is set now, else the default. */
const char *setup_setting(const struct setup *s, const char *key);
/* The settings to be made: answers that differ from what is set. Returns how many. */
size_t setup_settings(const struct setup *s, struct setup_pair out[SETUP_PAIRS_MAX]);
/* The whole of them, checked with all rules. *out is the caller's. */
enum ec setup_conf(const struct setup *s, struct conf **out, struct err *e);
/* The mailbox that is to be made, "kim@example.com"; "": none. */
const char *setup_mailbox(const struct setup *s);
/* The directory of the settings file, and a file in it. */
const char *setup_file(const struct setup *s, const char *name);
/* What will be done, a line for each; fn is called with each of them. */
typedef void setup_line_fn(void *ctx, const char *line);
void setup_summary(const struct setup *s, setup_line_fn *fn, void *ctx);

/* For so many mailboxes (setup_size.c, pure). */
struct setup_size {
	unsigned socketmax, socketmin, socketthreshold, socketbacklog, workers;
};
#define SETUP_USERS_MAX 1000000
struct setup_size setup_size(unsigned long users);

/* Names parted by semicolons as lines of console_rights; *out: the names without needless blanks. (setup_rights.c) */
enum ec setup_rights(struct arena *mem, const char *names, const char **out, struct err *e);

/* The file with those lines too that it does not have yet. before: as it is now, "". */
const char *setup_rights_text(struct arena *mem, const char *before, const char *names);

/* ---- setup_try.c ---- */
/* Tries the directory as it is answered, once for the same answers. */
const struct setup_trial *setup_try(struct setup *s);
/* Are certificate and key good, and of each other? */
enum ec setup_try_cert(const char *cert, const char *key, struct err *e);
/* How many settings of Postfix an administrator has set otherwise; *which names them. EC_ABSENT: it is not installed. */
enum ec setup_try_postfix(const struct setup *s, const char **which, size_t *n, struct err *e);

/* ---- setup_command.c ---- */
/* Runs a row of the command table as the command line would, in a process of its own. password may be NULL. The error and the
 * hint are its own. */
enum ec setup_command(struct setup *s, const char *const words[], const struct secret *password,
		      struct err *e);

/* ---- setup_apply.c, setup_steps.c ---- */
struct setup_step {
	/* "Makes the mail root /var/lib/winpop/mailroot"; NULL: there is nothing to do. */
	const char *(*what)(const struct setup *s);
	enum ec (*run)(struct setup *s, void *kept, struct err *e);
	/* Takes back what run did, all or a part of it: it may have failed in the middle. NULL: nothing stays of it. */
	enum ec (*undo)(struct setup *s, void *kept, struct err *e);
	size_t kept_bytes; /* what run keeps for undo, zeroed */
};
extern const struct setup_step setup_steps[]; /* ends with a row of nothing */
enum ec setup_apply(struct setup *s, const struct setup_step *steps, struct err *e);

/* ---- setup_terminal.c ---- */
/* Asks until all is answered. EC_REFUSED: left. */
enum ec setup_talk(struct setup *s, struct err *e);
void setup_say(const char *text); /* a paragraph on the terminal, wrapped */

/* ---- setup_remove.c ---- */
enum ec setup_remove(struct setup *s, bool yes, struct err *e);

/* ---- setup_next.c ---- */
/* "This server is now a mail server", and what to do next. */
void setup_finish(struct setup *s);

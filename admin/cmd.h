/* cmd.h - what a command of winpop is: one row of data that carries its own syntax and help.
 *
 * Parser, help, man page and audit read the rows; commands never print. A command fills an `out`
 * (out.h), asks through `ask` (ask.h) and returns a class; winpop.c turns that into one line on
 * stderr and an exit code (exits.h). Another front end may fill the same structs.
 *
 * Thread:  one command at a time per struct wp; commands may block.
 * Owner:   everything in struct wp and wp_args is lent for the length of the command.
 */
#pragma once
#include <stdbool.h>
#include "server/backends/backends.h"
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/base/secret.h"
#include "server/conf/conf.h"
#include "admin/out.h"
#include "admin/scope.h"

enum wp_how { WP_READS, WP_WRITES }; /* WP_WRITES is audited, unless it only looked */
enum wp_needs {
	WP_NOTHING, /* runs anywhere */
	WP_FILE,    /* the settings file's path; reads and writes it itself, as the caller */
	WP_CONF,    /* the settings */
	WP_MAIL,    /* settings and backends; runs as the owner of the mail root */
	WP_KEYS, /* the same, and may be root again for the key file and others outside the mail root */
	WP_CARRY, /* the same, and opens a directory that is not in use yet (target.h) */
};

struct wp_switch {
	const char *name;  /* without '/' or "--" */
	const char *value; /* what follows it, as help shows it; NULL = nothing does */
	bool secret;       /* the value is a password; may be left out, then it is asked for */
	const char *help;
	bool optional; /* the value may be left out: "" then */
};
#define WP_SWITCHES_MAX 10
#define WP_ARGS_MAX 64

struct wp;
struct wp_args;

struct wp_cmd {
	const char *name; /* as help shows it; matched in any case */
	const char *args; /* syntax, switches included */
	const char *help; /* one sentence */
	const char *more; /* further paragraphs for `help COMMAND` and the man page, or NULL */
	int argc_min, argc_max;
	int raw_from;  /* from this argument on '/' and '-' mean nothing; 0 = nowhere */
	bool path;     /* an argument is a path: it may begin with '/' and is no switch then */
	int secret_at; /* this argument is a password; 0 = none */
	enum wp_how how;
	enum wp_needs needs;
	enum wp_scope scope;
	bool extra; /* not in the original */
	struct wp_switch switches[WP_SWITCHES_MAX + 1];
	enum ec (*run)(struct wp *w, const struct wp_args *a, struct err *e);
};

/* A command line, read (args.c). */
struct wp_args {
	const struct wp_cmd *cmd; /* NULL: none was named */
	int argc;
	const char *argv[WP_ARGS_MAX];
	const char
		*given[WP_SWITCHES_MAX]; /* by row of cmd->switches: value or ""; NULL = absent */
	struct secret secret;
	const char *config; /* NULL = default */
	const char
		*bind_as; /* the administrator's own name in the directory; NULL = the service's */
	bool json, csv, help, version;
};

/* How a command asks a person. `secret` asks for a new password, twice where a person types it; `known` for one that exists
 * already; `confirm` is EC_REFUSED for "no" and where nobody can be asked. */
struct wp_ask {
	enum ec (*secret)(void *ctx, const char *what, struct secret *out, struct err *e);
	enum ec (*known)(void *ctx, const char *what, struct secret *out, struct err *e);
	enum ec (*confirm)(void *ctx, const char *question, struct err *e);
	void *ctx;
};

/* Somebody who runs a command by another front end than the shell. */
struct wp_caller {
	const char *name, *from;  /* who, as he signed in, and his address; for the audit */
	const struct scope *only; /* NULL: the whole server */
};

struct rights;
struct veil;

/* One run of one command. */
struct wp {
	struct arena *mem;
	const char *conf_path;
	struct conf *conf;             /* WP_CONF, WP_MAIL */
	struct backends backends;      /* WP_MAIL; a delegate's holds his domains only */
	struct catalog *everyone;      /* all of the catalog: to count, never to tell a delegate */
	const struct wp_caller *by;    /* NULL: the shell */
	const struct scope *only;      /* NULL: everything */
	const struct veil *veil;       /* NULL: nothing is hidden */
	struct rights *rights;         /* who may do more than a delegate (rank.h); NULL: nobody */
	const struct dir_identity *as; /* who acts in a directory; NULL = the service */
	struct log log;                /* where admin events go */
	struct out *out;
	const struct wp_ask *ask;
	const char *target; /* what it acted on, for the audit */
	const char *hint;   /* after a failure: what to do next */
	bool partly;        /* failed with some of the work done */
	bool looked;        /* a WP_WRITES that was not asked to change anything */
};

extern const struct wp_cmd *const wp_cmds[]; /* in the order of help; ends with NULL */
const struct wp_cmd *wp_cmd_find(const char *name);

/* ---- what commands share (common.c) ---- */

/* The argument as a name under the rule of the accounts in use; also notes it as the target. EC_DENIED: its domain is not the
 * caller's. */
enum ec wp_name(struct wp *w, const char *text, struct name *out, struct err *e);
enum ec wp_mailbox(struct wp *w, const char *text, struct name *out, struct err *e);
enum ec wp_domain(struct wp *w, const char *text, struct name *out, struct err *e);
/* EC_DENIED: only administrators of the whole server may; `what` begins the sentence: "domains are deleted". */
enum ec wp_whole(const struct wp *w, const char *what, struct err *e);
/* `name`, as text that lives as long as the command. */
const char *wp_text(struct wp *w, const struct name *n);
/* Looks it up. A damaged file of its own is a note and no failure: it must not keep an administrator
 * from mending or deleting what it belongs to. */
enum ec wp_find(struct wp *w, const struct name *n, struct entry *out, struct err *e);
/* The password of the command line, or asked for; never empty. */
enum ec wp_password(struct wp *w, const struct wp_args *a, struct secret *out, struct err *e);
/* EC_DENIED: users of this computer, and we are not root. To be asked before anything is asked of a person, or done. */
enum ec wp_may_change_accounts(const struct wp *w, struct err *e);
/* Before the first of several steps that belong together: from here to the end of the command, its answer and the audit
 * included, nobody's Ctrl-C or kill comes between. It strikes afterwards. */
void wp_hold_signals(void);
/* The changes of struct accounts_ops; as root where they are changes of this computer's users. */
enum ec wp_account_create(struct wp *w, const struct account_wish *wish, const struct secret *s,
			  struct draft *draft, struct err *e);
enum ec wp_account_set_password(struct wp *w, const struct name *n, const struct secret *s,
				struct err *e);
enum ec wp_account_remove(struct wp *w, const struct account *who, struct err *e);
/* Sets w->hint, for `return wp_hint(w, rc, ...)`. */
enum ec wp_hint(struct wp *w, enum ec rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The answer of service.h: nothing is wrong with what was asked, so a service that is down is trouble, not a refusal. */
enum ec wp_not_running(struct wp *w, enum ec rc, struct err *e);
/* "locked" or "unlocked": what a client meets; and for a mailbox whose lock that is. */
const char *wp_state(const struct entry *en);
const char *wp_locked_by(const struct entry *en); /* "-", "mailbox", "domain", "both" */
/* The same of its hold: "held" or "open", and whose. */
const char *wp_delivery(const struct entry *en);
const char *wp_held_by(const struct entry *en);

extern const struct wp_cmd wp_add, wp_delete, wp_list, wp_lock, wp_unlock, wp_stat, wp_changepwd,
	wp_createquotafile, wp_migrate, wp_set, wp_get, wp_help, wp_init, wp_rekey, wp_status,
	wp_reload, wp_kick, wp_checkdirectory, wp_purge, wp_adopt, wp_hold, wp_unhold, wp_setexpire,
	wp_mta, wp_setquota, wp_check, wp_who, wp_messages, wp_history, wp_setup, wp_support,
	wp_token, wp_console;

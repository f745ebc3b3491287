/* options.h - the option table: one row per setting, carrying its own help.
 *
 * Used by conf.c to parse, by `winpop get/set/help`, by the console's forms and by the man page
 * generator. Thread: constant.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "server/base/err.h"
#include "server/conf/conf.h"

enum opt_type {
	OPT_UINT,
	OPT_BYTES,
	OPT_BOOL,
	OPT_TEXT,
	OPT_PATH,
	OPT_WORD,
	OPT_AUTHN,
	OPT_EXPIRE
};
/* When a change takes effect: at a reload; at a reload, by backends opened anew; only at the next start. */
enum opt_when { OPT_LIVE, OPT_REOPEN, OPT_RESTART };
enum opt_group {
	OPT_ORIGINAL,
	OPT_LISTEN,
	OPT_TLS,
	OPT_SIGNIN,
	OPT_DIRECTORY,
	OPT_MAIL,
	OPT_LIMITS,
	OPT_PROCESS,
	OPT_CONSOLE
};

struct option {
	const char *name;  /* lower case, as in the file and after `winpop set` */
	const char *alias; /* "auth" for authentication, or NULL */
	enum opt_type type;
	size_t at;          /* offset in struct conf */
	const char *preset; /* default, as text; NULL = computed (threadcount, hostname) */
	uint64_t min, max;  /* for OPT_UINT and OPT_BYTES; length limit for texts in max */
	const char *
		words; /* OPT_WORD: "a|b|c" in enum order; OPT_TEXT: what is allowed, NULL = anything */
	enum opt_when when;
	enum opt_group group;
	const char *help; /* one sentence */
	/* What type, range and words can't say; NULL if nothing. Its text does not name the option. */
	enum ec (*extra)(const char *value, struct err *e);
};

extern const struct option options[];
extern const size_t n_options;

const struct option *option_find(const char *name); /* any case, alias too; NULL if none */
/* The one that was probably meant by a misspelt name; NULL if none comes near. */
const struct option *option_nearest(const char *name);
/* Checks one value alone (ranges, words), not the tuple rules. `role` translates 1|2|3 of
 * authentication to its name. On success *stored is the text to put in the file (in the arena). */
struct arena;
enum ec option_check(struct arena *a, const struct option *o, const char *value,
		     enum host_role role, const char **stored, struct err *e);
/* Current value of a snapshot as text for `winpop get` (arena). authentication gives its name; see
 * authn_number. */
const char *option_text(struct arena *a, const struct option *o, const struct conf *c);
/* Puts a text that option_check stored into a snapshot under construction; strings go to its arena. */
void option_put(struct conf *c, const struct option *o, const char *stored);
/* 1|2|3 of the original for this role, 0 if that role does not offer it (seed: winpop set
 * authentication). */
unsigned authn_number(enum authentication m, enum host_role role);
/* socketmax > socketmin + socketthreshold and socketthreshold > 0, or socketmin = socketmax and
 * socketthreshold = 0. */
enum ec socket_rule(unsigned max, unsigned min, unsigned threshold, struct err *e);

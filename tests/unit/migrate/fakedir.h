/* fakedir.h - a directory in memory that outlives the process that changes it, and goes wrong wherever a test says.
 *
 * Its state lies in memory shared with children, so that one can be killed in the middle of something and what it did by then is
 * still there. Every call of a slot is a step, and so is every line of the journal and of the list of new passwords (fakedir_step);
 * a fault is a step's number and what goes wrong there.
 *
 * It keeps an eye on what must not happen: sign-ins and passwords tried on accounts that others made.
 */
#pragma once
#include "server/accounts/accounts.h"
#include "server/catalog/catalog.h"

#define FAKE_MOST 48
#define FAKE_BASE ",ou=people,dc=example"

struct fake_entry {
	bool used, foreign, enabled, locked_out;
	char mail[NAME_TEXT_MAX + 1], logon[NAME_TEXT_MAX + 1], mark[ACCOUNT_MARK_MAX + 1];
	char password[300];
	unsigned set_at; /* by the directory's clock */
	bool registered, locked, held;
	char quota[NAME_TEXT_MAX + 1];
};
struct fake_domain {
	char name[NAME_DOMAIN_MAX + 1];
	bool locked, held;
	bool has_rule;
	uint32_t expire_days;
};

enum fault_kind {
	FAULT_NONE,
	FAULT_BEFORE, /* answers with the class, nothing was done */
	FAULT_AFTER, /* does it and answers with the class: the answer was lost, or half of it stayed */
	KILL_BEFORE, /* the process ends */
	KILL_AFTER,
};
struct fault {
	enum fault_kind kind;
	unsigned at; /* the step's number, from 1 */
	enum ec class;
};

enum step {
	STEP_FIND,
	STEP_RESOLVE,
	STEP_VERIFY,
	STEP_CREATE,
	STEP_INSPECT,
	STEP_SET_PASSWORD,
	STEP_REMOVE,
	STEP_ENTRIES, /* whatever the catalog is asked */
	STEP_JOURNAL,
	STEP_NOTE,
};

struct fake_state {
	struct fake_entry entries[FAKE_MOST];
	struct fake_domain domains[4];
	size_t min_password;            /* shorter ones are refused */
	bool no_rights;                 /* create is denied */
	bool no_container;              /* create is broken */
	bool marks_hidden;              /* inspect shows none */
	bool deaf;                      /* verify never succeeds: what the proof is for */
	bool must_change;               /* verify of a right password is refused */
	char misled[NAME_TEXT_MAX + 1]; /* resolve gives the entry of this logon name */
	unsigned clock;
	bool timeless;   /* inspect does not know when a password was set */
	unsigned unseen; /* so many looks do not show what was made */
	/* what happened */
	struct fault fault;
	unsigned n_steps;
	enum step struck; /* which the fault hit */
	bool hit;
	unsigned n_foreign_touched, n_created, n_removed, n_passwords;
};

struct fakedir {
	struct accounts accounts;
	struct catalog catalog;
	struct fake_state *s; /* shared */
};

void fakedir_open(struct fakedir *f);
void fakedir_close(struct fakedir *f);
/* Begins to count anew. */
void fakedir_fault(struct fakedir *f, struct fault fault);
/* Made by somebody else. */
struct fake_entry *fakedir_hire(struct fakedir *f, const char *mail, const char *logon,
				const char *password);
struct fake_entry *fakedir_by_mail(struct fakedir *f, const char *mail); /* NULL: none */
unsigned fakedir_count_ours(const struct fake_state *s);
const char *fake_key(const struct fake_entry *en, char out[ACCOUNT_KEY_MAX + 1]);

/* For steps that are no slots: EC_OK means to do it, and to call fakedir_stepped behind it. */
enum ec fakedir_step(struct fakedir *f, enum step what, struct err *e);
enum ec fakedir_stepped(struct fakedir *f, enum ec rc, struct err *e);

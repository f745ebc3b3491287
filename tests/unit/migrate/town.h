/* town.h - many people: their mailboxes, their passwords, and a directory that any number of threads may ask.
 *
 * The mailboxes are what a password file and a mail root would tell of them. The directory is one that can be away now and then, at
 * random, before or after it did what it was asked (the answer was lost). For one account at a time, and for kills, see fakedir.h.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "migrate/mig.h"

#define TOWN_MOST 6000
#define TOWN_SLOTS 4096

struct resident {
	struct name name;
	char password[32]; /* "" = there is no record */
	bool damaged;      /* its entry in the catalog */
};

struct town_entry {
	bool used, foreign, enabled;
	char mail[NAME_TEXT_MAX + 1]; /* "" = none */
	char logon[NAME_TEXT_MAX + 1], mark[ACCOUNT_MARK_MAX + 1], password[128];
	struct town_entry *by_mail, *by_logon; /* the next of the same slot */
};

struct town {
	struct accounts from, to;
	struct catalog boxes;
	char dir[32], journal[64];
	struct mig_setup setup;
	struct resident residents[TOWN_MOST]; /* in order of names */
	size_t n_residents;

	pthread_mutex_t lock; /* all below */
	struct town_entry entries[TOWN_MOST];
	size_t n_entries;
	struct town_entry *by_mail[TOWN_SLOTS], *by_logon[TOWN_SLOTS];
	unsigned trouble; /* one of so many calls comes to nothing; 0 = none */
	unsigned dice;
	bool away, no_rights, no_container;
	size_t min_password, min_foreseen; /* as it is, and as it is told beforehand */
	char stuck[NAME_TEXT_MAX + 1];     /* who is never answered about */
	unsigned n_troubles, n_calls, n_creates, n_passwords, n_removes, n_foreign_touched;
	struct mig *stop; /* to be stopped ... */
	unsigned stop_at; /* ... at this call */
};

struct town *town_new(void);
void town_free(struct town **t);
/* In order of names. */
void town_settle(struct town *t, const char *address, const char *password);
/* Made by somebody else; mail "" = none. */
struct town_entry *town_hire(struct town *t, const char *mail, const char *logon);
struct town_entry *town_find(struct town *t, const char *address); /* by its mail; NULL: none */
const char *town_key(const struct town_entry *en, char out[ACCOUNT_KEY_MAX + 1]);
size_t town_count_ours(const struct town *t);

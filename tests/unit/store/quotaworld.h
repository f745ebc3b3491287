/* quotaworld.h - a mail root with quota accounts of every kind, and what must be true of it. */
#pragma once
#include "tests/unit/store/tree.h"

enum { KIM, LEE, SAM, ANN, BOB, NOMAD, N_MAILBOXES };
struct world {
	struct tree tree;
	const char *nomad_in; /* the account that the last of them counts in; NULL: not known */
};
#define TEAM "team@example.com"
#define LIMIT 4000 /* octets, of every account */

/* kim is alone; lee and sam are TEAM; ann is her own account's owner, and bob is in it; the nomad is in TEAM first. All settled. */
void world_setup(struct world *w);
void world_teardown(struct world *w);

const char *world_address(unsigned mailbox);
const char *world_account(const struct world *w, unsigned mailbox);
/* A message of n octets, within LIMIT. */
enum ec world_deliver(struct world *w, unsigned mailbox, size_t n, struct err *e);
/* Removes up to n messages, if nobody has it open. */
void world_remove(struct world *w, unsigned mailbox, unsigned n);
void world_settle(struct world *w, unsigned mailbox, const char *account);

/* What the files say; nothing if it was removed. */
struct quota_usage world_files(const struct world *w, unsigned mailbox);
struct quota_usage world_files_of(const struct world *w, const char *account);
/* No account holds more than LIMIT. */
void world_check_limits(const struct world *w);
/* The mailbox's files, index and line agree. */
void world_check_mailbox(struct world *w, unsigned mailbox, const char *when);
/* usage() of every account is what the files say; all are settled. */
void world_check_accounts(struct world *w, const char *when);

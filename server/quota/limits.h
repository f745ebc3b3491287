/* limits.h - what a quota account may hold: its entry in the directory says it, else the table in the mail root, else the
 * settings' quota_bytes and quota_messages. Administrators are not limited.
 *
 * What accounts answer is remembered for a minute (a mail storm asks for one account again and again), and for as long as it
 * takes while the directory is away: mail goes on. Changes by limits_set are seen by every process with its next question.
 *
 *	mailroot/.quota/3f0c….limit     account = kim@example.com
 *	                                bytes = 500M
 *
 * Thread: any; limits_find and limits_charge may block. Failure: EC_TEMP the directory is away and the account was never asked about;
 * EC_BROKEN a damaged file; EC_REFUSED an administrator's limit is set.
 */
#pragma once
#include <stdbool.h>
#include "server/accounts/accounts.h"
#include "server/base/err.h"
#include "server/base/name.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/store/mailroot.h"
#include "server/store/quota.h"

struct limits;

/* Both lent. */
void limits_open(struct mailroot *root, struct accounts *accounts, struct limits **out);
void limits_close(struct limits **l);

enum limit_from { LIMIT_NONE, LIMIT_SETTINGS, LIMIT_TABLE, LIMIT_ENTRY, LIMIT_ADMIN };
/* standard: what the settings say for accounts that have none of their own (they are reloaded more often than backends). */
enum ec limits_find(struct limits *l, const char *account, const struct quota_limit *standard,
		    struct quota_limit *out, enum limit_from *from, struct err *e);
/* Whom mail to a mailbox is charged to, and that account's limit; account is room for the text. EC_BROKEN also where that
 * cannot be read (quota_damaged). */
enum ec limits_charge(struct limits *l, const struct entry *mailbox, const struct conf *conf,
		      char account[NAME_TEXT_MAX + 1], struct charge *out, struct err *e);
/* The same on an event loop, for a mailbox that is linked to no other account. EC_OK; or EC_BUSY: something is to be read or
 * asked. */
enum ec limits_charge_now(struct limits *l, const struct entry *mailbox, const struct conf *conf,
			  char account[NAME_TEXT_MAX + 1], struct charge *out);
/* After a delivery: what it left of the account is remembered for a few seconds, in this process. */
void limits_left(struct limits *l, const struct charge *c);
/* By that memory: is there room for so many octets more, far and wide? Then the store need not be asked before a delivery, which
 * decides anyway. false: it must be. */
bool limits_roomy(struct limits *l, const struct charge *c, uint64_t octets);

/* Where the account's limit is kept: with its entry if the accounts keep limits and have it, else in the table. NULL takes its
 * own limit away. EC_REFUSED: an administrator. EC_ABSENT is not said: an account need not exist to have a limit. */
enum ec limits_set(struct limits *l, const char *account, const struct quota_limit *limit,
		   enum limit_from *kept, struct err *e);
/* Those of the table, in no order; fn false stops. */
enum ec limits_each(struct limits *l,
		    bool (*fn)(void *ctx, const char *account, const struct quota_limit *),
		    void *ctx, struct err *e);

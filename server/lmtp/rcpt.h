/* rcpt.h - may this mailbox have mail, and whom is that charged to?
 *
 * Asked at RCPT, so that the MTA knows before it sends the message; delivery decides again.
 */
#pragma once
#include "server/lmtp/attach.h"

/* May block. name: as the catalog has it when EC_OK. account: room for the charge's. EC_LOCKED: on hold. */
enum ec rcpt_find(const struct lmtp_setup *with, struct name *name, uint64_t size_hint,
		  struct charge *charge, char account[NAME_TEXT_MAX + 1], struct err *e);
/* On a loop. EC_OK: the same answer; or EC_BUSY: a worker must find out. */
enum ec rcpt_find_now(const struct lmtp_setup *with, const struct name *name, uint64_t size_hint,
		      struct charge *charge, char account[NAME_TEXT_MAX + 1]);

/* mail.h - one transaction: a sender, recipients, a body on its way.
 *
 * It owns all it holds, so that it can be handed from the session to a worker and back, or be left
 * to the worker when the session ends.
 * Thread: one at a time; lm_mail_spool and lm_mail_deliver may block.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/base/name.h"
#include "server/quota/warning.h"
#include "server/store/store.h"

struct lm_rcpt {
	struct lm_rcpt *next;
	struct name name;
	const char *address; /* as the MTA wrote it: for Delivered-To, replies and the log */
	struct charge charge;
	enum ec class; /* the outcome */
	struct err err;
};
struct lm_mail {
	struct arena *mem;
	const char *from; /* as the MTA wrote it, "" for <> */
	struct lm_rcpt *rcpts, *last;
	unsigned n_rcpts;
	struct buf body; /* canonical octets; those in the spool file come before them */
	int spool_fd;    /* -1: none */
	uint64_t spool_len;
	uint32_t flags; /* MSG_DOTS, MSG_UTF8 of the body */
};

struct lm_mail *lm_mail_new(const char *from, size_t from_len);
void lm_mail_free(struct lm_mail **m);
void lm_mail_unspool(struct lm_mail *m); /* lets go of the spool file; may take its time */
/* All is copied. */
struct lm_rcpt *lm_mail_add(struct lm_mail *m, const struct name *name, const struct charge *charge,
			    const char *address, size_t address_len);

/* Appends the body in memory to the spool file, which is made in dir at first and has no name: a
 * crash leaves nothing behind. */
enum ec lm_mail_spool(struct lm_mail *m, const char *dir, struct err *e);
/* The body is all in memory or all in the spool file. Sets class and err of every recipient. One
 * log event per recipient. Whoever's mailbox has become nearly full by it is warned. */
void lm_mail_deliver(struct lm_mail *m, const struct quota_warner *with);
/* The one place that says "delivery-refused", or "over-quota" if there is somebody whose quota it is (charge NULL: nobody):
 * loud only where an administrator can act. */
void lm_log_refused(const struct log *log, const char *account, const char *from,
		    const struct err *why, const struct charge *charge);

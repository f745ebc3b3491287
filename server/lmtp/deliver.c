/* deliver.c - one outcome per recipient (RFC 2033 section 4.2). Runs on a worker.
 *
 * Each mailbox gets its own copy with its own two lines on top (RFC 5321 section 4.4: Return-Path
 * is added at final delivery; Delivered-To shows later which address brought it here). A Return-Path
 * that the message already carries is left alone: it is the sender's octets, and readers take the
 * first. A recipient named twice, in whatever spelling, receives once and is answered twice.
 * Whether there is room was asked at RCPT and may have changed since: the store decides again, for good.
 */
#include <assert.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/meter.h"
#include "server/base/utf8.h"
#include "server/lmtp/mail.h"

static void log_over_quota(const struct log *log, const char *mailbox, const char *from,
			   const struct err *why, const struct charge *c)
{
	log_event(log, LV_WARN, "over-quota", KV("account", c->account), KV("mailbox", mailbox),
		  KV("from", from), KV_U("used", c->before.octets), KV_U("limit", c->limit.octets),
		  KV_U("messages", c->before.messages), KV_U("messages_limit", c->limit.messages),
		  KV("text", why->text));
}

void lm_log_refused(const struct log *log, const char *account, const char *from,
		    const struct err *why, const struct charge *charge)
{
	static const enum lv level[EC_COUNT] = {
		[EC_QUOTA] = LV_WARN,
		[EC_BUSY] = LV_WARN,
		[EC_TEMP] = LV_WARN,
		[EC_BROKEN] = LV_CRIT,
	};
	enum lv lv = level[why->class] ? level[why->class] : LV_INFO;

	meter_add(log_meters(log), METER_DELIVERIES + why->class, 1);
	if (why->class == EC_QUOTA && charge)
		log_over_quota(log, account, from, why, charge);
	else
		log_event(log, lv, "delivery-refused", KV("account", account), KV("from", from),
			  KV("class", ec_name(why->class)), KV("text", why->text));
}

static struct lm_rcpt *served_before(struct lm_mail *m, const struct lm_rcpt *r)
{
	for (struct lm_rcpt *q = m->rcpts; q != r; q = q->next) {
		if (name_equal(&q->name, &r->name))
			return q;
	}
	return NULL;
}

static void count(const struct log *log, uint64_t octets)
{
	meter_add(log_meters(log), METER_DELIVERIES + EC_OK, 1);
	meter_add(log_meters(log), METER_DELIVERED_OCTETS, octets);
}

static void deliver_one(struct lm_mail *m, struct lm_rcpt *r, const struct quota_warner *with)
{
	struct store *store = with->store;
	uint64_t began_us = clock_mono_us(), octets = m->body.len + m->spool_len;
	struct buf head = { 0 };
	char account[NAME_TEXT_MAX + 1];

	buf_fmt(&head, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", m->from, r->address);
	struct iovec iov[] = {
		{ .iov_base = (void *)(uintptr_t)buf_at(&head), .iov_len = head.len },
		{ .iov_base = (void *)(uintptr_t)buf_at(&m->body), .iov_len = m->body.len },
	};
	struct message msg = {
		.iov = iov,
		.n_iov = m->spool_fd < 0 ? 2 : 1,
		.spool_fd = m->spool_fd,
		.spool_len = m->spool_len,
		.flags = m->flags | (ascii_only(buf_at(&head), head.len) ? 0 : MSG_UTF8),
		.charge = &r->charge,
	};
	r->class = store->ops->deliver(store, &r->name, &msg, &r->err);
	name_text(&r->name, account);
	if (r->class == EC_OK)
		log_event(with->log, LV_INFO, "delivered", KV("account", account),
			  KV("from", m->from), KV_U("octets", head.len + octets),
			  KV_U("ms", (clock_mono_us() - began_us) / 1000));
	else
		lm_log_refused(with->log, account, m->from, &r->err, &r->charge);
	if (r->class == EC_OK)
		count(with->log, head.len + octets);
	buf_drop(&head);
	if (r->class == EC_OK) {
		limits_left(with->limits, &r->charge);
		quota_warn(with, &r->name, &r->charge);
	}
}

void lm_mail_deliver(struct lm_mail *m, const struct quota_warner *with)
{
	assert(m->spool_fd < 0 || m->body.len == 0);
	for (struct lm_rcpt *r = m->rcpts; r; r = r->next) {
		const struct lm_rcpt *before = served_before(m, r);

		if (before) {
			r->class = before->class;
			r->err = before->err;
		} else {
			deliver_one(m, r, with);
		}
	}
}

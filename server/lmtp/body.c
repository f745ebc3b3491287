/* body.c - DATA and BDAT: message octets to their canonical form, in bounded memory.
 *
 * Both ways end in take(), which makes the form that is stored. A megabyte is kept in memory, which
 * is all of most messages; what is longer goes to a spool file a megabyte at a time, by question,
 * with no input taken meanwhile - so a client can't send faster than the disk takes. A message that
 * has become impossible (too long, spool file in trouble) is read to its end all the same, for the
 * client listens only then (RFC 5321 section 4.1.1.4), and every recipient is answered.
 */
#include <assert.h>
#include "server/lmtp/engine.h"

#define SLICE (64u << 10) /* looked at between two checks of how much is in memory */

/* What MAIL said of the size spares the body its growing, which copies and wipes. Room that is not used is address space. */
static void make_room(struct lm *s)
{
	buf_room(&s->mail->body,
		 s->size_hint < LM_SPOOL_AT ? (size_t)s->size_hint : LM_SPOOL_AT + SLICE);
}

void lm_body_begin(struct lm *s)
{
	canon_begin(&s->canon);
	make_room(s);
	s->dots = (struct dots){ 0 };
	s->refused = NULL;
}

static void refuse(struct lm *s, const struct lm_words *why)
{
	s->refused = why;
	buf_drop(&s->mail->body);
}

static void check_size(struct lm *s)
{
	uint64_t max = s->policy->message_max_bytes;

	if (max > 0 && s->canon.out > max && !s->refused)
		refuse(s, &lm_too_big);
}

static void take(struct lm *s, const char *p, size_t len)
{
	if (s->refused)
		return;
	canon_feed(&s->canon, p, len, &s->mail->body);
	check_size(s);
}

static bool spool_due(const struct lm *s)
{
	return s->mail->body.len >= LM_SPOOL_AT;
}

static enum lm_verdict spool(struct lm *s, enum lm_state back)
{
	s->back = back;
	return lm_ask(s, LM_ASK_SPOOL, LM_SPOOLING);
}

/* The end. */

static enum lm_verdict answer_all(struct lm *s, const struct lm_words *why)
{
	struct err e;

	err_set(&e, why == &lm_too_big ? EC_QUOTA : EC_TEMP, "%s", why->text);
	for (struct lm_rcpt *r = s->mail->rcpts; r; r = r->next) {
		lm_log_refused(s->log, r->address, s->mail->from, &e, NULL);
		lm_say(s, why, r->address);
	}
	s->totals.n_refused += s->mail->n_rcpts;
	return lm_transaction_over(s);
}

static enum lm_verdict deliver(struct lm *s)
{
	s->totals.octets += s->canon.out;
	s->mail->flags = s->canon.flags & (MSG_DOTS | MSG_UTF8);
	return lm_ask(s, LM_ASK_DELIVER, LM_DELIVERING);
}

static enum lm_verdict body_end(struct lm *s)
{
	if (!s->refused) {
		canon_end(&s->canon, &s->mail->body);
		check_size(s);
	}
	if (s->refused)
		return answer_all(s, s->refused);
	if (s->mail->spool_fd >= 0 && s->mail->body.len > 0)
		return spool(s, LM_DELIVERING);
	return deliver(s);
}

enum lm_verdict lm_delivered(struct lm *s)
{
	for (struct lm_rcpt *r = s->mail->rcpts; r; r = r->next) {
		if (r->class == EC_OK)
			s->totals.n_delivered++;
		else
			s->totals.n_refused++;
		lm_say(s, lm_words_final(r->class, s->q.full_waits), r->address);
	}
	return lm_transaction_over(s);
}

/* Chunks. */

static enum lm_verdict chunk_over(struct lm *s)
{
	if (s->state == LM_DISCARD) {
		lm_enter(s, s->back);
		return lm_bad(s, "503 5.5.1 no valid recipients for this chunk");
	}
	if (s->chunk_last)
		return body_end(s);
	lm_enter(s, LM_CHUNKED);
	if (s->refused)
		lm_say(s, s->refused, NULL);
	else
		lm_sayf(s, "250 2.0.0 chunk ok");
	return LM_NEXT;
}

static enum lm_verdict chunk_go_on(struct lm *s)
{
	return s->chunk_left > 0 ? LM_NEXT : chunk_over(s);
}

enum lm_verdict lm_chunk_begin(struct lm *s, uint64_t size, bool last)
{
	s->chunk_left = size;
	s->chunk_last = last;
	if (s->state == LM_CHUNKED || (s->state == LM_ENVELOPE && s->mail->n_rcpts > 0)) {
		if (s->state == LM_ENVELOPE)
			lm_body_begin(s);
		lm_enter(s, LM_CHUNK);
	} else {
		s->back = s->state;
		lm_enter(s, LM_DISCARD);
	}
	return chunk_go_on(s);
}

static enum lm_verdict chunk_feed(struct lm *s, const char *p, size_t len, size_t *eaten)
{
	*eaten = len < s->chunk_left ? len : (size_t)s->chunk_left;
	s->chunk_left -= *eaten;
	if (s->state == LM_DISCARD)
		return chunk_go_on(s);
	take(s, p, *eaten);
	return spool_due(s) ? spool(s, LM_CHUNK) : chunk_go_on(s);
}

/* DATA. */

static enum lm_verdict data_feed(struct lm *s, const char *p, size_t len, size_t *eaten)
{
	while (*eaten < len && !dots_ended(&s->dots)) {
		const char *span;
		size_t n;

		*eaten += dots_next(&s->dots, p + *eaten, len - *eaten, &span, &n);
		take(s, span, n);
	}
	if (dots_ended(&s->dots))
		return body_end(s);
	return spool_due(s) ? spool(s, LM_DATA) : LM_NEXT;
}

enum lm_verdict lm_body_feed(struct lm *s, const char *p, size_t len, size_t *eaten)
{
	size_t n = len < SLICE ? len : SLICE;

	*eaten = 0;
	if (s->state == LM_DATA)
		return data_feed(s, p, n, eaten);
	assert(s->state == LM_CHUNK || s->state == LM_DISCARD);
	return chunk_feed(s, p, n, eaten);
}

/* Whatever the class: our disk is in trouble, not a mailbox, so nothing here is 5xx. */
static void spool_failed(struct lm *s)
{
	bool busy = s->q.class == EC_BUSY;

	log_event(s->log, busy ? LV_WARN : LV_CRIT, "spool-failed", KV("text", s->q.err.text));
	refuse(s, lm_words_final(busy ? EC_BUSY : EC_TEMP, true));
}

enum lm_verdict lm_spooled(struct lm *s)
{
	if (s->q.class != EC_OK)
		spool_failed(s);
	if (s->back == LM_DELIVERING)
		return s->refused ? answer_all(s, s->refused) : deliver(s);
	lm_enter(s, s->back);
	return s->back == LM_CHUNK ? chunk_go_on(s) : LM_NEXT;
}

/* list.c - LIST and UIDL: one message, or all of them, in pieces.
 *
 * A mailbox may hold 100,000 messages and a client may be slow, or pipeline fifty LISTs: an answer is made only as fast as it
 * leaves. It stops when enough is queued and goes on from p3_drained; the place in the list is all that is kept.
 */
#include <inttypes.h>
#include <stdio.h>
#include "server/pop3/p3.h"

#define LISTING_PIECE 4096
#define LISTING_ROW 128 /* number, blank, 20 digits or 70 of UIDL, CRLF */

bool p3_msg(struct p3 *s, struct p3_slice arg, uint32_t *i, enum verdict *v)
{
	uint64_t n;

	*v = V_NEXT;
	if (!p3_number(arg, &n)) {
		*v = p3_bad(s, "a message number is made of digits only");
		return false;
	}
	if (n == 0 || n > s->box->n_msgs) {
		p3_err(s, "no such message; this mailbox holds %" PRIu32, s->box->n_msgs);
		return false;
	}
	*i = (uint32_t)(n - 1);
	if (p3_marked(s->removed, *i)) {
		p3_err(s, "message %" PRIu64 " is deleted; RSET brings it back", n);
		return false;
	}
	return true;
}

static int row(const struct p3 *s, uint32_t i, char out[LISTING_ROW])
{
	const struct msg *m = &s->box->msgs[i];

	if (s->send.uidl)
		return snprintf(out, LISTING_ROW, "%" PRIu32 " %.70s\r\n", i + 1, m->uidl);
	return snprintf(out, LISTING_ROW, "%" PRIu32 " %" PRIu64 "\r\n", i + 1, m->octets);
}

/* Rows of what is left of the list, as many as fit. */
static void put_piece(struct p3 *s)
{
	char piece[LISTING_PIECE];
	size_t len = 0;
	uint32_t *i = &s->send.msg;

	for (; *i < s->box->n_msgs && len + LISTING_ROW <= sizeof(piece); (*i)++) {
		if (!p3_marked(s->removed, *i))
			len += (size_t)row(s, *i, piece + len);
	}
	s->out->put(s->ctx, piece, len);
}

static enum verdict list_more(struct p3 *s)
{
	while (s->send.msg < s->box->n_msgs) {
		if (p3_full(s))
			return V_WAIT;
		put_piece(s);
	}
	p3_putz(s, ".\r\n");
	p3_enter(s, P3_TRANS);
	return V_NEXT;
}

static enum verdict list(struct p3 *s, const struct p3_req *req, bool uidl)
{
	enum verdict v;
	uint32_t i, n = s->box->n_msgs - s->n_removed;
	char one[LISTING_ROW];

	s->send = (struct p3_send){ .more = list_more, .uidl = uidl };
	if (req->argc) {
		if (p3_msg(s, req->arg[0], &i, &v)) {
			row(s, i, one);
			p3_putz(s, "+OK ");
			p3_putz(s, one);
		}
		return v;
	}
	p3_ok(s, "%" PRIu32 " %s (%" PRIu64 " octets)", n, n == 1 ? "message" : "messages",
	      s->box->octets - s->octets_removed);
	p3_enter(s, P3_SEND);
	return list_more(s);
}

enum verdict p3_list(struct p3 *s, const struct p3_req *req)
{
	return list(s, req, false);
}

enum verdict p3_uidl(struct p3 *s, const struct p3_req *req)
{
	return list(s, req, true);
}

/* list.c - LIST and UIDL: one message, or all of them, in pieces.
 *
 * A mailbox may hold 100,000 messages and a client may be slow, or pipeline fifty LISTs: an answer is made only as fast as it
 * leaves. It stops when enough is queued and goes on from p3_drained; the place in the list is all that is kept.
 */
#include <inttypes.h>
#include <string.h>
#include "server/base/digits.h"
#include "server/pop3/p3.h"

#define LISTING_PIECE 16384
#define LISTING_UIDL 70 /* RFC 1939 section 7 */
#define LISTING_ROW 128 /* number, blank, number or UIDL, CRLF; more than any row has */

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

/* A number in decimal that is counted on in place: the rows' numbers cost no division. */
struct count {
	char text[DECIMAL_MAX];
	size_t len;
};

static struct count count_from(uint32_t n)
{
	struct count c;

	c.len = (size_t)(decimal_put(c.text, n) - c.text);
	return c;
}

static void count_on(struct count *c)
{
	size_t at = c->len;

	while (at > 0 && c->text[at - 1] == '9')
		c->text[--at] = '0';
	if (at > 0) {
		c->text[at - 1]++;
	} else { /* nines only */
		c->text[0] = '1';
		c->text[c->len++] = '0';
	}
}

/* Returns the row's end. printf would take ten times as long, which shows with 100,000 rows. */
static char *row(const struct p3 *s, uint32_t i, const struct count *number, char *to)
{
	const struct msg *m = &s->box->msgs[i];

	memcpy(to, number->text, sizeof(number->text));
	to += number->len;
	*to++ = ' ';
	if (s->send.uidl) {
		size_t len = strnlen(m->uidl, LISTING_UIDL);
		memcpy(to, m->uidl, len);
		to += len;
	} else {
		to = decimal_put(to, m->octets);
	}
	memcpy(to, "\r\n", 2);
	return to + 2;
}

/* Rows of what is left of the list, as many as fit. */
static void put_piece(struct p3 *s)
{
	char piece[LISTING_PIECE], *to = piece;
	uint32_t *i = &s->send.msg;

	for (struct count number = count_from(*i + 1);
	     *i < s->box->n_msgs && to - piece <= LISTING_PIECE - LISTING_ROW;
	     ++*i, count_on(&number)) {
		if (!p3_marked(s->removed, *i))
			to = row(s, *i, &number, to);
	}
	s->out->put(s->ctx, piece, (size_t)(to - piece));
}

static void put_one(struct p3 *s, uint32_t i)
{
	static const char ok[] = "+OK ";
	char line[sizeof(ok) + LISTING_ROW];
	struct count number = count_from(i + 1);

	memcpy(line, ok, sizeof(ok) - 1);
	char *end = row(s, i, &number, line + sizeof(ok) - 1);
	s->out->put(s->ctx, line, (size_t)(end - line));
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

	s->send = (struct p3_send){ .more = list_more, .uidl = uidl };
	if (req->argc) {
		if (p3_msg(s, req->arg[0], &i, &v))
			put_one(s, i);
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

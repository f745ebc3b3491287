/* retr.c - RETR and TOP: a message from the store to the client, octet for octet.
 *
 * Most messages lie in the store exactly as they go out; those are handed over as one blob and leave by sendfile, unseen by
 * us. A message with a line that begins with a dot, or one that is not canonical (a foreign file), and every TOP, is read in
 * pieces and goes through stuff.c.
 *
 * Nothing is promised that is not kept: once "+OK n octets" is out, either those n octets follow, or the connection ends
 * without the final dot, so that the client sees a transfer that broke and not a message that is wrong.
 *
 * RFC 6856 section 2.1 would have us refuse a message with UTF-8 in its header to a client that did not say UTF8, or make a
 * copy of it in ASCII. We send it as it is. Hardly any client knows UTF8; most stop at the first RETR that fails, so refusing
 * would let one raw 8-bit subject line (junk mail is full of them, in any charset) close a mailbox to its owner. A rewritten
 * copy would break signatures and the octet counts of LIST.
 */
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "server/pop3/p3.h"

void p3_send_forget(struct p3 *s)
{
	struct p3_send *d = &s->send;

	if (d->lent)
		s->out->done(s->ctx, &d->blob);
	free(d->chunk);
	s->send = (struct p3_send){ 0 };
}

static enum verdict over(struct p3 *s)
{
	p3_send_forget(s);
	p3_enter(s, P3_TRANS);
	return V_NEXT;
}

static enum verdict cut_off(struct p3 *s, const char *why)
{
	const struct msg *m = &s->box->msgs[s->send.msg];

	log_event(s->log, LV_WARN, "message-cut-off", KV("uidl", m->uidl), KV("why", why),
		  KV_U("announced", m->octets), KV_U("sent", s->send.stuff.octets));
	return p3_bye(s, "message-cut-off");
}

/* A mark that an earlier session left is not made again; under EXPIRE 0 it is what removes the message. */
static void count_retr(struct p3 *s)
{
	const struct msg *m = &s->box->msgs[s->send.msg];
	bool note = !(m->flags & MSG_FETCHED) || s->expire_days == 0;

	s->totals.n_retr++;
	s->totals.octets_retr += m->octets;
	if (s->out->retrieved)
		s->out->retrieved(s->ctx, m->octets);
	if (note && p3_mark(s, &s->fetched, s->send.msg))
		s->n_fetched++;
}

static enum verdict finish(struct p3 *s)
{
	p3_putz(s, ".\r\n");
	if (s->send.top)
		s->totals.n_top++;
	else
		count_retr(s);
	return over(s);
}

static uint64_t announced(const struct p3 *s)
{
	return s->box->msgs[s->send.msg].octets;
}

static enum verdict take_piece(struct p3 *s, const char *p, size_t len)
{
	struct p3_send *d = &s->send;
	struct buf out = { 0 };

	buf_room(&out, len + len / 16);
	stuff_feed(&d->stuff, p, len, &out);
	d->off += len;
	bool fits = d->stuff.octets <= announced(s);
	if (fits)
		s->out->put(s->ctx, buf_at(&out), out.len);
	buf_drop(&out);
	return fits ? V_NEXT : cut_off(s, "longer than announced");
}

static enum verdict take_end(struct p3 *s)
{
	struct p3_send *d = &s->send;
	struct buf out = { 0 };

	stuff_end(&d->stuff, &out);
	s->out->put(s->ctx, buf_at(&out), out.len);
	buf_drop(&out);
	if (!d->top && d->stuff.octets != announced(s))
		return cut_off(s, "length is not as announced");
	return finish(s);
}

static enum verdict took_read(struct p3 *s)
{
	const struct p3_ask *q = &s->q;

	p3_enter(s, P3_SEND);
	if (q->class != EC_OK)
		return cut_off(s, ec_name(q->class));
	if (q->got == 0 || q->got > q->want)
		return cut_off(s, "shorter than announced");
	return take_piece(s, s->send.chunk, q->got);
}

static size_t next_len(const struct p3_send *d)
{
	uint64_t left = d->blob.len - d->off;

	return left < P3_CHUNK ? (size_t)left : P3_CHUNK;
}

/* false: the answer will come later */
static bool ask_read(struct p3 *s)
{
	struct p3_send *d = &s->send;

	if (!d->chunk)
		d->chunk = mem_new(P3_CHUNK);
	s->q.kind = P3_ASK_READ;
	s->q.class = EC_OK;
	s->q.blob = &d->blob;
	s->q.off = d->off;
	s->q.into = d->chunk;
	s->q.want = next_len(d);
	s->q.got = 0;
	p3_enter(s, P3_READ);
	return s->out->ask(s->ctx, &s->q);
}

/* A loop and not p3_ask, which would go one call deeper for every piece of a long message. */
static enum verdict pump(struct p3 *s)
{
	struct p3_send *d = &s->send;

	for (enum verdict v = V_NEXT; v == V_NEXT;) {
		if (d->stuff.over || d->off == d->blob.len)
			return take_end(s);
		if (p3_full(s))
			return V_WAIT;
		if (d->blob.mem)
			v = take_piece(s, d->blob.mem + d->off, next_len(d));
		else
			v = ask_read(s) ? took_read(s) : V_WAIT;
		if (v != V_NEXT)
			return v;
	}
	return V_WAIT;
}

enum verdict p3_read(struct p3 *s)
{
	enum verdict v = took_read(s);

	return v == V_NEXT ? pump(s) : v;
}

/* "+OK n octets", the reply that is sent most of all, without printf. */
static void say_octets(struct p3 *s, uint64_t n)
{
	static const char words[] = " octets\r\n";
	char line[40], *at = line + sizeof(line) - strlen(words);

	memcpy(at, words, strlen(words));
	do
		*--at = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	at -= 4;
	memcpy(at, "+OK ", 4);
	s->out->put(s->ctx, at, (size_t)(line + sizeof(line) - at));
}

static enum verdict send_as_it_lies(struct p3 *s)
{
	s->out->blob(s->ctx, &s->send.blob);
	return finish(s);
}

enum verdict p3_fetched(struct p3 *s)
{
	struct p3_send *d = &s->send;
	const struct msg *m = &s->box->msgs[d->msg];
	bool repair = m->flags & MSG_REPAIR;

	d->lent = s->q.class == EC_OK;
	if (d->lent && !repair && d->blob.len != m->octets) {
		log_event(s->log, LV_WARN, "message-changed", KV("uidl", m->uidl),
			  KV_U("announced", m->octets), KV_U("found", d->blob.len));
		p3_send_forget(s);
		s->q.class = EC_TEMP;
	}
	if (s->q.class != EC_OK) {
		p3_fail(s, s->q.class, NULL);
		p3_enter(s, P3_TRANS);
		return V_NEXT;
	}
	p3_enter(s, P3_SEND);
	if (d->top)
		p3_ok(s, "top of message follows");
	else
		say_octets(s, m->octets);
	if (!d->top && !repair && !(m->flags & MSG_DOTS))
		return send_as_it_lies(s);
	return pump(s);
}

static enum verdict begin(struct p3 *s, uint32_t i)
{
	s->send.more = pump;
	s->send.msg = i;
	s->q.msg = i;
	s->q.blob = &s->send.blob;
	return p3_ask(s, P3_ASK_FETCH, P3_FETCH);
}

enum verdict p3_retr(struct p3 *s, const struct p3_req *req)
{
	enum verdict v;
	uint32_t i;

	if (!p3_msg(s, req->arg[0], &i, &v))
		return v;
	s->send = (struct p3_send){ 0 };
	stuff_begin(&s->send.stuff);
	return begin(s, i);
}

enum verdict p3_top(struct p3 *s, const struct p3_req *req)
{
	enum verdict v;
	uint64_t lines;
	uint32_t i;

	if (!p3_msg(s, req->arg[0], &i, &v))
		return v;
	if (!p3_number(req->arg[1], &lines))
		return p3_bad(s, "the number of lines is made of digits only");
	s->send = (struct p3_send){ .top = true };
	stuff_begin_top(&s->send.stuff, lines);
	return begin(s, i);
}

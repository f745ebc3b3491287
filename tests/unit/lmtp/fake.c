/* fake.c - see fake.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/unit/lmtp/fake.h"

static void put(void *ctx, const void *p, size_t len)
{
	struct fake *f = ctx;

	assert_true(len <= 512);
	assert_memory_equal((const char *)p + len - 2, "\r\n", 2);
	buf_add(&f->out, p, len);
}

static enum ec fate(const char *local)
{
	static const struct {
		const char *local;
		enum ec class;
	} table[] = {
		{ "nobody", EC_ABSENT }, { "full", EC_QUOTA },    { "busy", EC_BUSY },
		{ "away", EC_TEMP },     { "broken", EC_BROKEN }, { "closed", EC_REFUSED },
		{ "held", EC_LOCKED },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(local, table[i].local) == 0)
			return table[i].class;
	}
	return EC_OK;
}

static void answer_rcpt(struct lm_ask *q)
{
	q->class = name_parse(&q->name, q->address, strlen(q->address), NAME_FILE, &q->err);
	if (q->class == EC_OK)
		q->class = err_set(&q->err, fate(q->name.local), "fate");
	snprintf(q->account, sizeof(q->account), "account-of-%s", q->name.local);
	q->charge = (struct charge){ .account = q->account, .limit = { 1000, 10 } };
}

static void keep_spooled(struct fake *f, const struct lm_mail *m)
{
	if (m->spool_fd < 0)
		return;
	char *to = buf_room(&f->got, m->spool_len);

	assert_int_equal(pread(m->spool_fd, to, m->spool_len, 0), (ssize_t)m->spool_len);
	buf_grew(&f->got, m->spool_len);
}

static void answer_deliver(struct fake *f, struct lm_mail *m)
{
	buf_fmt(&f->got, "<%s>", m->from);
	for (struct lm_rcpt *r = m->rcpts; r; r = r->next) {
		bool late = strncmp(r->name.local, "late-", 5) == 0;

		assert_int_equal(strncmp(r->charge.account, "account-of-", 11), 0);
		assert_string_equal(r->charge.account + 11, r->name.local);
		assert_int_equal(r->charge.limit.messages, 10);
		r->class = late ? fate(r->name.local + 5) : EC_OK;
		buf_fmt(&f->got, "%s%s", r == m->rcpts ? " " : ",", r->address);
	}
	buf_addz(&f->got, ": ");
	keep_spooled(f, m);
	buf_add(&f->got, buf_at(&m->body), m->body.len);
	buf_addz(&f->got, "|");
	f->n_deliveries++;
}

static void answer(struct fake *f, struct lm_ask *q)
{
	q->full_waits = f->full_waits;
	switch (q->kind) {
	case LM_ASK_RCPT: answer_rcpt(q); break;
	case LM_ASK_SPOOL:
		f->n_spooled++;
		if (q->mail->body.len > f->body_max)
			f->body_max = q->mail->body.len;
		q->class = lm_mail_spool(q->mail, f->spool_broken ? "/nowhere" : "/tmp", &q->err);
		break;
	case LM_ASK_DELIVER: answer_deliver(f, q->mail); break;
	}
}

static bool ask(void *ctx, struct lm_ask *q)
{
	struct fake *f = ctx;

	assert_null(f->asked);
	if (f->later)
		f->asked = q;
	else
		answer(f, q);
	return !f->later;
}

static void forget(void *ctx, struct lm_mail *mail)
{
	struct fake *f = ctx;

	f->n_forgotten++;
	lm_mail_free(&mail);
}

static const struct lm_out fake_lm_out = { put, ask, forget };
static const struct log silent;

void fake_begin(struct fake *f, bool later)
{
	*f = (struct fake){ .later = later };
	f->mem = arena_new("fake", 1024);
	f->policy = (struct lm_policy){ "mx.example.com", 1000 };
	f->lm = lm_new(f->mem, &f->policy, &fake_lm_out, f, &silent);
}

void fake_end(struct fake *f)
{
	lm_gone(f->lm);
	if (f->asked && f->asked->mail)
		lm_mail_free(&f->asked->mail);
	arena_drop(&f->mem);
	buf_drop(&f->in);
	buf_drop(&f->out);
	buf_drop(&f->got);
}

void fake_answer(struct fake *f)
{
	struct lm_ask *q = f->asked;

	assert_non_null(q);
	f->asked = NULL;
	answer(f, q);
	f->last = lm_answered(f->lm, q);
}

void fake_send(struct fake *f, const void *p, size_t len)
{
	size_t eaten;

	if (f->last == LM_BYE)
		return;
	buf_add(&f->in, p, len);
	do {
		f->last = lm_feed(f->lm, buf_at(&f->in), f->in.len, &eaten);
		assert_true(eaten <= f->in.len);
		buf_eat(&f->in, eaten);
		while (f->last == LM_WAIT) {
			eaten = 1;
			fake_answer(f);
		}
	} while (f->last == LM_NEXT && eaten > 0 && f->in.len > 0);
}

void fake_sendz(struct fake *f, const char *z)
{
	fake_send(f, z, strlen(z));
}

static const char *as_text(struct buf *b)
{
	*buf_room(b, 1) = '\0';
	return buf_at(b);
}

const char *fake_out(struct fake *f)
{
	return as_text(&f->out);
}

const char *fake_got(struct fake *f)
{
	return as_text(&f->got);
}

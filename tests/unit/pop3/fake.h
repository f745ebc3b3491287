/* fake.h - the world around the POP3 engine, made of memory: answers its questions, takes its output, checks its manners.
 *
 * Answers come at once or later (async); reads are short (read_max); output drains only when the engine waits for it (slow).
 * Header only, so that the fuzz target uses it too; it asserts instead of failing a test.
 */
#pragma once
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"
#include "server/pop3/session.h"

#define FAKE_STAMP "<1.2.3@mx.example.com>"
#define FAKE_REPLY_MAX 512

struct fake_msg {
	const char *stored;
	size_t len;
	uint64_t octets; /* as announced; a lie if a test wants one */
	uint32_t flags;
	bool in_memory;
};

struct fake {
	/* set by the test before fake_begin */
	struct p3_policy policy;
	struct p3_allowed allowed, secured;
	bool own_rule; /* the mailbox's EXPIRE is `rule`, else the policy's */
	uint32_t rule;
	bool async, slow;
	size_t read_max;
	const struct fake_msg *mail;
	uint32_t n_mail;
	enum ec table_fails, fetch_fails, read_fails, commit_fails;
	uint32_t n_not_removed;

	/* what happened */
	struct buf out;
	enum verdict verdict;
	unsigned n_claims, n_tables, n_commits, n_cancels, n_blobs_lent, n_tls, n_drains;
	char removed[256], fetched[256]; /* message numbers with blanks, of the last commit */
	bool given_back, told_signed_in;

	/* private */
	struct arena *mem;
	struct p3 *s;
	struct buf in;
	struct log log;
	struct box box;
	struct msg *msgs;
	struct p3_ask *pending;
	bool tls_asked, byed;
	size_t queued;
};

static inline void fake_put(void *ctx, const void *p, size_t len)
{
	struct fake *f = ctx;

	assert(!f->byed);
	buf_add(&f->out, p, len);
	f->queued += len;
}

static inline void fake_blob(void *ctx, struct blob *b)
{
	struct fake *f = ctx;
	const struct fake_msg *m = b->own;

	assert(f->n_blobs_lent == 1 && b->off == 0);
	fake_put(ctx, m->stored, (size_t)b->len);
}

static inline void fake_done(void *ctx, struct blob *b)
{
	struct fake *f = ctx;

	assert(b->own && f->n_blobs_lent == 1);
	f->n_blobs_lent--;
}

static inline void fake_tls(void *ctx)
{
	struct fake *f = ctx;

	f->tls_asked = true;
	f->n_tls++;
}

static inline size_t fake_queued(void *ctx)
{
	struct fake *f = ctx;

	return f->slow ? f->queued : 0;
}

static inline void fake_open(struct fake *f, struct p3_ask *q, const char *mech)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < f->n_mail; i++)
		sum += f->mail[i].octets;
	f->box = (struct box){ .n_msgs = f->n_mail, .octets = sum };
	f->n_claims++;
	q->class = EC_OK;
	q->box = &f->box;
	q->expire_days = f->own_rule ? f->rule : f->policy.expire_days;
	q->mech_done = mech;
	q->who = (struct name){ .local = "kim", .domain = "example.com" };
}

/* Everybody's password is "secret word"; the name says what happens then. */
static inline void fake_judge(struct fake *f, struct p3_ask *q, const char *user, size_t len,
			      bool right, const char *mech)
{
	static const struct {
		const char *user;
		enum ec class;
		enum refusal refusal;
	} trouble[] = {
		{ "inuse", EC_LOCKED },
		{ "busy", EC_BUSY },
		{ "temp", EC_TEMP },
		{ "broken", EC_BROKEN },
		{ "absent", EC_ABSENT },
		{ "refused", EC_REFUSED },
		{ "locked", EC_REFUSED },
		{ "delay", EC_REFUSED },
		{ "expired", EC_REFUSED, REFUSAL_EXPIRED },
		{ "mustchange", EC_REFUSED, REFUSAL_MUST_CHANGE },
		{ "disabled", EC_REFUSED, REFUSAL_DISABLED },
		{ "notnow", EC_REFUSED, REFUSAL_NOT_NOW },
		{ "group", EC_REFUSED, REFUSAL_GROUP },
	};

	q->class = EC_DENIED;
	if (!right)
		return;
	for (size_t i = 0; i < sizeof(trouble) / sizeof(trouble[0]); i++) {
		if (len != strlen(trouble[i].user) || memcmp(user, trouble[i].user, len))
			continue;
		q->class = trouble[i].class;
		q->refusal = trouble[i].refusal;
		if (!strcmp(trouble[i].user, "locked"))
			q->say = "mailbox is locked";
		if (!strcmp(trouble[i].user, "delay"))
			q->code = "LOGIN-DELAY";
		return;
	}
	if (len == 3 && !memcmp(user, "kim", 3))
		fake_open(f, q, mech);
}

static inline void fake_challenge(struct p3_ask *q, const char *text)
{
	q->class = EC_OK;
	q->more = true;
	q->challenge = text;
	q->challenge_len = strlen(text);
}

/* PLAIN wants one response, LOGIN two; what is right begins with "kim". */
static inline void fake_sasl(struct fake *f, struct p3_ask *q)
{
	bool right = q->data_len >= 3 && !memcmp(q->data, "kim", 3);

	if (q->kind == P3_ASK_BEGIN && !q->has_data)
		fake_challenge(q, strcmp(q->mech, "LOGIN") ? "" : "Username:");
	else if (q->data_len == 4 && !memcmp(q->data, "more", 4))
		fake_challenge(q, "Password:");
	else
		fake_judge(f, q, "kim", 3, right, "PLAIN");
}

static inline void fake_table(struct fake *f, struct p3_ask *q)
{
	f->n_tables++;
	q->class = f->table_fails;
	if (q->class != EC_OK)
		return;
	free(f->msgs);
	f->msgs = calloc(f->n_mail + 1, sizeof(*f->msgs));
	for (uint32_t i = 0; i < f->n_mail; i++)
		f->msgs[i] = (struct msg){ .octets = f->mail[i].octets,
					   .flags = f->mail[i].flags,
					   .uidl = arena_fmt(f->mem, "uid-%u", i + 1) };
	f->box.msgs = f->msgs;
}

static inline void fake_fetch(struct fake *f, struct p3_ask *q)
{
	const struct fake_msg *m = &f->mail[q->msg];

	assert(q->msg < f->n_mail && f->n_blobs_lent == 0);
	q->class = f->fetch_fails;
	if (q->class != EC_OK)
		return;
	*q->blob = (struct blob){ .fd = m->in_memory ? -1 : 1000,
				  .len = m->len,
				  .mem = m->in_memory ? m->stored : NULL,
				  .own = (void *)m };
	f->n_blobs_lent++;
}

static inline void fake_read(struct fake *f, struct p3_ask *q)
{
	const struct fake_msg *m = q->blob->own;
	size_t n = m->len - (size_t)q->off;

	assert(f->n_blobs_lent == 1 && q->off <= m->len && q->want > 0);
	q->class = f->read_fails;
	n = n < q->want ? n : q->want;
	if (f->read_max && n > f->read_max)
		n = f->read_max;
	memcpy(q->into, m->stored + q->off, n);
	q->got = n;
}

static inline void fake_bits(const uint8_t *marks, uint32_t n, char *out, size_t size)
{
	out[0] = '\0';
	for (uint32_t i = 0; marks && i < n; i++)
		if (marks[i / 8] >> (i % 8) & 1)
			snprintf(out + strlen(out), size - strlen(out), "%u ", i + 1);
}

static inline void fake_commit(struct fake *f, struct p3_ask *q)
{
	assert(!f->given_back);
	f->given_back = true;
	q->class = f->commit_fails;
	if (!q->marks)
		return;
	f->n_commits++;
	fake_bits(q->marks->removed, f->n_mail, f->removed, sizeof(f->removed));
	fake_bits(q->marks->fetched, f->n_mail, f->fetched, sizeof(f->fetched));
	for (const char *p = f->removed; *p; p++)
		q->commit.n_removed += *p == ' ';
	q->commit.n_failed = f->n_not_removed;
	memset(&f->box, 0xEE, sizeof(f->box)); /* it is gone: whoever looks crashes */
}

static inline void fake_answer(struct fake *f, struct p3_ask *q)
{
	bool right;

	switch (q->kind) {
	case P3_ASK_PASS:
		right = q->secret.len == 11 && !memcmp(q->secret.bytes, "secret word", 11);
		secret_drop(&q->secret);
		fake_judge(f, q, q->user, q->user_len, right, "USER");
		break;
	case P3_ASK_APOP:
		right = !strcmp(q->digest, "c4c9334bac560ecc979e58001b3e22fb");
		fake_judge(f, q, q->user, q->user_len, right, "APOP");
		break;
	case P3_ASK_BEGIN:
	case P3_ASK_STEP: fake_sasl(f, q); break;
	case P3_ASK_CANCEL: f->n_cancels++; break;
	case P3_ASK_TABLE: fake_table(f, q); break;
	case P3_ASK_FETCH: fake_fetch(f, q); break;
	case P3_ASK_READ: fake_read(f, q); break;
	case P3_ASK_COMMIT: fake_commit(f, q); break;
	}
}

static inline bool fake_ask(void *ctx, struct p3_ask *q)
{
	struct fake *f = ctx;

	assert(!f->pending && !f->byed);
	if (f->async) {
		f->pending = q;
		return false;
	}
	fake_answer(f, q);
	return true;
}

static inline void fake_signed_in(void *ctx)
{
	struct fake *f = ctx;

	assert(f->n_claims > 0 && !f->told_signed_in);
	f->told_signed_in = true;
}

static const struct p3_out fake_out = {
	.put = fake_put,
	.blob = fake_blob,
	.done = fake_done,
	.tls = fake_tls,
	.ask = fake_ask,
	.signed_in = fake_signed_in,
	.queued = fake_queued,
};

static inline void fake_defaults(struct fake *f)
{
	*f = (struct fake){
		.policy = { .hostname = "mx.example.com",
			    .implementation = "winpop-test",
			    .stls_offered = true,
			    .expire_days = EXPIRE_NEVER },
		.allowed = { .mechs = "PLAIN LOGIN", .clear = true, .apop_stamp = FAKE_STAMP },
		.secured = { .mechs = "PLAIN LOGIN EXTERNAL", .clear = true, .secure = true },
	};
}

/* Four messages: as they lie, with dots, not canonical, and empty. 25 + 32 + 30 + 0 octets. */
static const char fake_dots[] = "Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n";
static const char fake_foreign[] = "Subject: foreign\n\n.a\nlast";
static const char fake_plain[] = "Subject: plain\r\n\r\nhello\r\n";

static const struct fake_msg fake_mail[] = {
	{ .stored = fake_plain, .len = sizeof(fake_plain) - 1, .octets = sizeof(fake_plain) - 1 },
	{ .stored = fake_dots,
	  .len = sizeof(fake_dots) - 1,
	  .octets = sizeof(fake_dots) - 1,
	  .flags = MSG_DOTS },
	{ .stored = fake_foreign,
	  .len = sizeof(fake_foreign) - 1,
	  .octets = sizeof(fake_foreign) + 4,
	  .flags = MSG_REPAIR },
	{ .stored = "", .len = 0, .octets = 0, .in_memory = true },
};

static inline void fake_with_mail(struct fake *f)
{
	fake_defaults(f);
	f->mail = fake_mail;
	f->n_mail = sizeof(fake_mail) / sizeof(fake_mail[0]);
}

static inline void fake_begin(struct fake *f)
{
	f->mem = arena_new("test", 1024);
	f->s = p3_new(f->mem, &f->policy, &f->allowed, &fake_out, f, &f->log);
	f->verdict = V_NEXT;
}

/* What the engine waits for comes to pass. */
static inline void fake_settle(struct fake *f)
{
	while (f->verdict == V_WAIT) {
		if (f->pending) {
			struct p3_ask *q = f->pending;
			f->pending = NULL;
			fake_answer(f, q);
			f->verdict = p3_answered(f->s, q);
		} else if (f->tls_asked) {
			f->tls_asked = false;
			f->verdict = p3_secured(f->s, &f->secured);
		} else {
			assert(f->slow && f->queued > P3_HIGH);
			f->queued = 0;
			f->n_drains++;
			f->verdict = p3_drained(f->s);
		}
	}
}

static inline void fake_send(struct fake *f, const char *p, size_t len)
{
	buf_add(&f->in, p, len);
	while (f->verdict != V_BYE) {
		size_t eaten = 0, had = f->in.len;

		f->verdict = p3_feed(f->s, buf_at(&f->in), had, &eaten);
		assert(eaten <= had);
		assert(!f->tls_asked || eaten == had);
		buf_eat(&f->in, eaten);
		if (f->verdict == V_NEXT)
			break;
		fake_settle(f);
	}
	f->byed = f->verdict == V_BYE;
}

static inline void fake_end(struct fake *f)
{
	p3_gone(f->s);
	assert(f->n_blobs_lent == 0);
	arena_drop(&f->mem);
	buf_drop(&f->in);
	buf_drop(&f->out);
	free(f->msgs);
	f->msgs = NULL;
}

/* verbs.c - the command table and its handlers.
 *
 * A row says what a command is called, whether it wants an argument and in which states it may
 * come; lm_command enforces that, the handlers assume it. BDAT may come in any state, because its
 * octets follow whatever we answer and must not be taken for commands (RFC 3030 section 2).
 */
#include <string.h>
#include "server/base/utf8.h"
#include "server/lmtp/engine.h"

enum arg { NONE, NEEDED, ANY };

struct verb {
	const char *name;
	enum arg arg;
	unsigned in; /* states */
	enum lm_verdict (*run)(struct lm *s, struct lm_text arg);
};

#define HELLO LM_IN(LM_HELLO)
#define READY LM_IN(LM_READY)
#define ENVELOPE LM_IN(LM_ENVELOPE)
#define CHUNKED LM_IN(LM_CHUNKED)
#define ALWAYS (HELLO | READY | ENVELOPE | CHUNKED)

static enum lm_verdict do_lhlo(struct lm *s, struct lm_text arg);
static enum lm_verdict do_helo(struct lm *s, struct lm_text arg);
static enum lm_verdict do_mail(struct lm *s, struct lm_text arg);
static enum lm_verdict do_rcpt(struct lm *s, struct lm_text arg);
static enum lm_verdict do_data(struct lm *s, struct lm_text arg);
static enum lm_verdict do_bdat(struct lm *s, struct lm_text arg);
static enum lm_verdict do_rset(struct lm *s, struct lm_text arg);
static enum lm_verdict do_noop(struct lm *s, struct lm_text arg);
static enum lm_verdict do_vrfy(struct lm *s, struct lm_text arg);
static enum lm_verdict do_expn(struct lm *s, struct lm_text arg);
static enum lm_verdict do_help(struct lm *s, struct lm_text arg);
static enum lm_verdict do_quit(struct lm *s, struct lm_text arg);

static const struct verb verbs[] = {
	{ "LHLO", NEEDED, ALWAYS, do_lhlo },   { "HELO", ANY, ALWAYS, do_helo },
	{ "EHLO", ANY, ALWAYS, do_helo },      { "MAIL", NEEDED, READY, do_mail },
	{ "RCPT", NEEDED, ENVELOPE, do_rcpt }, { "DATA", NONE, ENVELOPE, do_data },
	{ "BDAT", ANY, ALWAYS, do_bdat },      { "RSET", NONE, ALWAYS, do_rset },
	{ "NOOP", ANY, ALWAYS, do_noop },      { "VRFY", NEEDED, ALWAYS, do_vrfy },
	{ "EXPN", NEEDED, ALWAYS, do_expn },   { "HELP", ANY, ALWAYS, do_help },
	{ "QUIT", NONE, ALWAYS, do_quit },
};

static const char *const out_of_order[LM_STATES] = {
	[LM_HELLO] = "503 5.5.1 say LHLO first",
	[LM_READY] = "503 5.5.1 say MAIL first",
	[LM_ENVELOPE] = "503 5.5.1 a transaction is open, RSET ends it",
	[LM_CHUNKED] = "503 5.5.1 only BDAT goes on here, or RSET",
};

static const struct verb *find(struct lm_text name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (lm_text_is(name, verbs[i].name))
			return &verbs[i];
	}
	return NULL;
}

enum lm_verdict lm_command(struct lm *s, const char *p, size_t len)
{
	struct lm_req req;

	if (!lm_parse_line(p, len, &req))
		return lm_bad(s, "501 5.5.2 control octet in a command");
	const struct verb *v = find(req.verb);

	if (!v)
		return lm_bad(s, "500 5.5.1 unknown command");
	if (!(v->in & LM_IN(s->state)))
		return lm_bad(s, out_of_order[s->state]);
	if (v->arg == NONE && req.arg.len > 0)
		return lm_bad(s, "501 5.5.4 this command takes no argument");
	if (v->arg == NEEDED && req.arg.len == 0)
		return lm_bad(s, "501 5.5.4 this command needs an argument");
	return v->run(s, req.arg);
}

/* Greeting. */

static enum lm_verdict do_lhlo(struct lm *s, struct lm_text arg)
{
	if (!ascii_only(arg.p, arg.len))
		return lm_bad(s, "501 5.5.4 give your host name in ASCII");
	lm_forget(s); /* RFC 5321 section 4.1.4: as RSET does */
	lm_sayf(s, "250-%.253s", s->policy->hostname);
	lm_sayf(s, "250-PIPELINING");
	lm_sayf(s, "250-8BITMIME");
	lm_sayf(s, "250-SMTPUTF8");
	lm_sayf(s, "250-CHUNKING");
	lm_sayf(s, "250-ENHANCEDSTATUSCODES");
	lm_sayf(s, "250 SIZE %llu", (unsigned long long)s->policy->message_max_bytes);
	return lm_transaction_over(s);
}

/* RFC 2033 section 4.1: they must not succeed, or an SMTP client would misread the final replies. */
static enum lm_verdict do_helo(struct lm *s, struct lm_text arg)
{
	(void)arg;
	return lm_bad(s, "500 5.5.1 this is LMTP, say LHLO");
}

/* MAIL. */

struct envelope {
	uint64_t size;
	bool has_size, has_body, utf8;
};

/* Each returns NULL or the reply that refuses the parameter. */
static const char *param_size(struct envelope *e, struct lm_text value)
{
	if (e->has_size || !lm_parse_number(value, &e->size))
		return "501 5.5.4 SIZE is one number of octets";
	e->has_size = true;
	return NULL;
}

static const char *param_body(struct envelope *e, struct lm_text value)
{
	if (e->has_body || !(lm_text_is(value, "7BIT") || lm_text_is(value, "8BITMIME")))
		return "501 5.5.4 BODY is 7BIT or 8BITMIME";
	e->has_body = true;
	return NULL;
}

static const char *param_utf8(struct envelope *e, struct lm_text value)
{
	if (e->utf8 || value.len > 0)
		return "501 5.5.4 SMTPUTF8 takes no value";
	e->utf8 = true;
	return NULL;
}

static const struct {
	const char *key;
	const char *(*set)(struct envelope *e, struct lm_text value);
} mail_params[] = {
	{ "SIZE", param_size },
	{ "BODY", param_body },
	{ "SMTPUTF8", param_utf8 },
};

static const char *mail_param(struct envelope *e, const struct lm_param *p)
{
	for (size_t i = 0; i < sizeof(mail_params) / sizeof(mail_params[0]); i++) {
		if (lm_text_is(p->key, mail_params[i].key))
			return mail_params[i].set(e, p->value);
	}
	return "555 5.5.4 unknown parameter";
}

static const char *mail_params_all(struct envelope *e, struct lm_text rest)
{
	struct lm_param p;

	for (;;) {
		switch (lm_next_param(&rest, &p)) {
		case LM_PARAMS_END: return NULL;
		case LM_PARAM_BAD: return "501 5.5.4 parameters are KEY or KEY=VALUE";
		case LM_PARAM: break;
		}
		const char *reply = mail_param(e, &p);
		if (reply)
			return reply;
	}
}

static enum lm_verdict do_mail(struct lm *s, struct lm_text arg)
{
	struct envelope e = { 0 };
	struct lm_path path;
	uint64_t max = s->policy->message_max_bytes;

	if (!lm_parse_path(&arg, "FROM:", &path))
		return lm_bad(s, "501 5.1.7 the form is MAIL FROM:<address>");
	const char *reply = mail_params_all(&e, arg);

	if (reply)
		return lm_bad(s, reply);
	if (path.utf8 && !e.utf8) /* RFC 6531 section 3.5 */
		return lm_bad(s, "553 5.6.7 this address needs SMTPUTF8");
	if (max > 0 && e.size > max) {
		lm_say(s, &lm_too_big, NULL);
		return LM_NEXT;
	}
	s->mail = lm_mail_new(path.text.p, path.text.len);
	s->smtputf8 = e.utf8;
	s->n_bad_row = 0;
	s->size_hint = e.size;
	lm_enter(s, LM_ENVELOPE);
	lm_sayf(s, "250 2.1.0 sender ok");
	return LM_NEXT;
}

/* RCPT. */

/* NULL, or why this can't be a recipient of ours. */
static const char *rcpt_flaw(const struct lm *s, const struct lm_path *path)
{
	if (path->text.len == 0)
		return "501 5.1.3 a recipient has an address";
	if (path->utf8 && !s->smtputf8)
		return "553 5.6.7 this address needs SMTPUTF8 at MAIL";
	if (path->literal)
		return "550 5.1.2 no mail for address literals here";
	if (path->domain.len == 0)
		return "550 5.1.1 a recipient needs a domain here";
	if (s->mail->n_rcpts >= LM_RCPT_MAX)
		return "452 4.5.3 too many recipients, the rest in a new transaction";
	return NULL;
}

/* "local@domain" as name.h reads it, NULL if quoting hides an '@', which no mailbox has. */
static const char *lookup_text(struct arena *mem, const struct lm_path *path)
{
	char *text = arena_alloc(mem, path->text.len + 2);
	size_t n = lm_path_local(path, text);

	if (memchr(text, '@', n))
		return NULL;
	text[n] = '@';
	memcpy(text + n + 1, path->domain.p, path->domain.len);
	return text;
}

static enum lm_verdict rcpt_refused(struct lm *s, const char *reply)
{
	s->totals.n_refused++;
	lm_sayf(s, "%s", reply);
	return LM_NEXT;
}

static enum lm_verdict do_rcpt(struct lm *s, struct lm_text arg)
{
	struct lm_path path;
	struct lm_param p;

	if (!lm_parse_path(&arg, "TO:", &path))
		return lm_bad(s, "501 5.1.3 the form is RCPT TO:<address>");
	enum lm_more more = lm_next_param(&arg, &p);

	if (more != LM_PARAMS_END)
		return lm_bad(s, more == LM_PARAM ? "555 5.5.4 unknown parameter"
						  : "501 5.5.4 parameters are KEY or KEY=VALUE");
	const char *flaw = rcpt_flaw(s, &path);

	if (flaw)
		return rcpt_refused(s, flaw);
	s->asked = arena_new("lmtp-rcpt", 512);
	s->rcpt = arena_str(s->asked, path.text.p, path.text.len);
	s->q.address = lookup_text(s->asked, &path);
	s->q.size_hint = s->size_hint;
	s->q.begins = s->mail->n_rcpts == 0;
	if (s->q.address)
		return lm_ask(s, LM_ASK_RCPT, LM_LOOKUP);
	arena_drop(&s->asked);
	return rcpt_refused(s, "550 5.1.1 no such mailbox here");
}

enum lm_verdict lm_rcpt_answered(struct lm *s)
{
	lm_enter(s, LM_ENVELOPE);
	if (s->q.class == EC_OK) {
		lm_mail_add(s->mail, &s->q.name, &s->q.charge, s->rcpt, strlen(s->rcpt));
	} else {
		s->totals.n_refused++;
		lm_log_refused(s->log, s->rcpt, s->mail->from, &s->q.err, &s->q.charge);
	}
	lm_say(s, lm_words_rcpt(s->q.class, s->q.full_waits), s->rcpt);
	arena_drop(&s->asked);
	return LM_NEXT;
}

/* Data. */

static enum lm_verdict do_data(struct lm *s, struct lm_text arg)
{
	(void)arg;
	if (s->mail->n_rcpts == 0) { /* RFC 2033 section 4.2 */
		lm_sayf(s, "503 5.5.1 no valid recipients");
		return LM_NEXT;
	}
	lm_body_begin(s);
	lm_enter(s, LM_DATA);
	lm_sayf(s, "354 go ahead, end with CRLF.CRLF");
	return LM_NEXT;
}

/* A size we can't read leaves us not knowing where the chunk ends and the next command begins:
 * to go on would make commands of message octets. */
static enum lm_verdict do_bdat(struct lm *s, struct lm_text arg)
{
	uint64_t size;
	bool last;

	if (lm_parse_chunk(arg, &size, &last))
		return lm_chunk_begin(s, size, last);
	s->totals.n_bad++;
	lm_sayf(s, "501 5.5.4 the form is BDAT size [LAST]");
	lm_sayf(s, "421 4.7.0 where that chunk ends is unknown, closing");
	lm_gone(s);
	return LM_BYE;
}

/* The rest. */

static enum lm_verdict do_rset(struct lm *s, struct lm_text arg)
{
	(void)arg;
	lm_sayf(s, "250 2.0.0 ok");
	if (s->state == LM_HELLO)
		return LM_NEXT;
	return lm_transaction_over(s);
}

static enum lm_verdict do_noop(struct lm *s, struct lm_text arg)
{
	(void)arg;
	lm_sayf(s, "250 2.0.0 ok");
	return LM_NEXT;
}

static enum lm_verdict do_vrfy(struct lm *s, struct lm_text arg)
{
	(void)arg;
	lm_sayf(s, "252 2.0.0 RCPT tells");
	return LM_NEXT;
}

static enum lm_verdict do_expn(struct lm *s, struct lm_text arg)
{
	(void)arg;
	return lm_bad(s, "502 5.5.1 there are no lists here");
}

static enum lm_verdict do_help(struct lm *s, struct lm_text arg)
{
	(void)arg;
	lm_sayf(s, "214 2.0.0 LMTP, RFC 2033: LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
	return LM_NEXT;
}

static enum lm_verdict do_quit(struct lm *s, struct lm_text arg)
{
	(void)arg;
	lm_sayf(s, "221 2.0.0 %.253s closing", s->policy->hostname);
	lm_gone(s);
	return LM_BYE;
}

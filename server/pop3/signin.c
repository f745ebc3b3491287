/* signin.c - USER, PASS, APOP, AUTH: collects what proves who somebody is, asks, tells the outcome.
 *
 * A sign-in is one question, and its answer carries the open mailbox with it: no state in which somebody is known but has no
 * maildrop. USER is always welcome (RFC 1939 section 7): whether a name exists is not for strangers to know. After a failure the
 * client may try again, by the same or another way, a limited number of times; slowing it down is the answerer's business.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include "server/base/b64.h"
#include "server/pop3/p3.h"

static void forget_question(struct p3 *s)
{
	secret_drop(&s->q.secret);
	buf_wipe(&s->sasl);
	s->q = (struct p3_ask){ 0 };
	s->cancelled = NULL;
}

void p3_signin_forget(struct p3 *s)
{
	forget_question(s);
	buf_wipe(&s->user);
}

static enum verdict ask_signin(struct p3 *s, enum p3_ask_kind kind)
{
	return p3_ask(s, kind, P3_SIGNIN);
}

enum verdict p3_user(struct p3 *s, const struct p3_req *req)
{
	buf_wipe(&s->user);
	buf_add(&s->user, req->arg[0].p, req->arg[0].len);
	p3_ok(s, "send PASS");
	return V_NEXT;
}

enum verdict p3_pass(struct p3 *s, const struct p3_req *req)
{
	if (s->user.len == 0)
		return p3_bad(s, "send USER first");
	s->q.user = buf_at(&s->user);
	s->q.user_len = s->user.len;
	secret_set(&s->q.secret, req->rest.p, req->rest.len);
	return ask_signin(s, P3_ASK_PASS);
}

/* Name and digest are kept in one buffer, the digest with its NUL: the input is eaten before the answer comes. */
enum verdict p3_apop(struct p3 *s, const struct p3_req *req)
{
	const struct p3_slice *name = &req->arg[0], *digest = &req->arg[1];

	buf_wipe(&s->user);
	buf_add(&s->user, name->p, name->len);
	buf_add(&s->user, digest->p, digest->len);
	buf_add(&s->user, "", 1);
	s->q.user = buf_at(&s->user);
	s->q.user_len = name->len;
	s->q.digest = s->q.user + name->len;
	return ask_signin(s, P3_ASK_APOP);
}

/* MS-POP3 2.2.1: AUTH alone asks which ways there are. */
static enum verdict list_mechs(struct p3 *s)
{
	const char *at = s->allowed.mechs;

	p3_ok(s, "these can follow AUTH");
	while (*(at += strspn(at, " "))) {
		size_t n = strcspn(at, " ");
		p3_line(s, "%.*s", (int)n, at);
		at += n;
	}
	p3_putz(s, ".\r\n");
	return V_NEXT;
}

/* The name as we write it, in capitals; false if it is not on our list. */
static bool take_mech(struct p3 *s, struct p3_slice name)
{
	const char *at = s->allowed.mechs;

	while (*(at += strspn(at, " "))) {
		size_t n = strcspn(at, " ");
		if (n == name.len && n <= P3_MECH_MAX && strncasecmp(at, name.p, n) == 0) {
			for (size_t i = 0; i < n; i++)
				s->mech[i] = (char)toupper((unsigned char)at[i]);
			s->mech[n] = '\0';
			return true;
		}
		at += n;
	}
	return false;
}

static bool decode(struct p3 *s, struct p3_slice text)
{
	size_t n = 0;

	buf_wipe(&s->sasl);
	if (text.len == 0)
		return true;
	char *room = buf_room(&s->sasl, B64_DEC_MAX(text.len) + 1);
	if (!b64_decode((unsigned char *)room, &n, text.p, text.len))
		return false;
	buf_grew(&s->sasl, n);
	return true;
}

enum verdict p3_auth(struct p3 *s, const struct p3_req *req)
{
	if (req->argc == 0)
		return list_mechs(s);
	if (!take_mech(s, req->arg[0]))
		return p3_bad(s, "this mechanism is not offered; AUTH alone lists those that are");
	s->q.mech = s->mech;
	s->q.has_data = req->argc == 2;
	if (s->q.has_data) {
		/* RFC 5034 section 4: "=" is an initial response of no octets */
		bool empty = p3_is(req->arg[1], "=");
		if (!decode(s, empty ? (struct p3_slice){ "", 0 } : req->arg[1])) {
			forget_question(s);
			return p3_bad(s, "the initial response is not base64");
		}
	}
	s->q.data = buf_at(&s->sasl);
	s->q.data_len = s->sasl.len;
	return ask_signin(s, P3_ASK_BEGIN);
}

enum verdict p3_sasl_cancel(struct p3 *s, const char *why)
{
	s->cancelled = why;
	return ask_signin(s, P3_ASK_CANCEL);
}

enum verdict p3_sasl_line(struct p3 *s, struct p3_slice line)
{
	if (p3_is(line, "*"))
		return p3_sasl_cancel(s, "sign-in cancelled");
	if (!decode(s, line))
		return p3_sasl_cancel(s, "this is not base64; sign-in ended");
	s->q.mech = s->mech;
	s->q.data = buf_at(&s->sasl);
	s->q.data_len = s->sasl.len;
	s->q.has_data = true;
	return ask_signin(s, P3_ASK_STEP);
}

/* MS-POP3 3.1.5.2: the original's word for "go on" between AUTH NTLM and the client's first message. */
static bool plus_ok(const struct p3 *s)
{
	return s->policy->ntlm_plus_ok && s->q.kind == P3_ASK_BEGIN && !s->q.has_data &&
	       strcmp(s->mech, "NTLM") == 0;
}

/* "+ " with its blank even when nothing follows: clients compare two characters. */
static enum verdict challenge(struct p3 *s)
{
	struct buf line = { 0 };
	size_t n = B64_ENC_LEN(s->q.challenge_len);

	buf_addz(&line, plus_ok(s) ? "+OK" : "+ ");
	b64_encode(buf_room(&line, n), s->q.challenge, s->q.challenge_len);
	buf_grew(&line, n);
	buf_addz(&line, "\r\n");
	s->out->put(s->ctx, buf_at(&line), line.len);
	buf_wipe(&line);
	forget_question(s);
	p3_enter(s, P3_SASL);
	return V_NEXT;
}

/* name may be s->mech itself. */
static void keep_mech(struct p3 *s, const char *name)
{
	size_t n = strnlen(name, P3_MECH_MAX);

	memmove(s->mech, name, n);
	s->mech[n] = '\0';
	s->totals.mech = s->mech;
}

static enum verdict welcome(struct p3 *s)
{
	s->box = s->q.box;
	s->expire_days = s->q.expire_days;
	s->totals.who = s->q.who;
	keep_mech(s, s->q.mech_done ? s->q.mech_done : "");
	s->n_bad_row = 0;
	p3_signin_forget(s);
	p3_enter(s, P3_TRANS);
	p3_ok(s, "mailbox open, %" PRIu32 " %s (%" PRIu64 " octets)", s->box->n_msgs,
	      s->box->n_msgs == 1 ? "message" : "messages", s->box->octets);
	s->out->signed_in(s->ctx);
	return V_NEXT;
}

static enum verdict refuse(struct p3 *s)
{
	bool last = ++s->n_failures >= P3_MAX_FAILURES;

	if (s->cancelled)
		p3_err(s, "%s", s->cancelled);
	else if (last)
		p3_fail_signin(s, &s->q, "too many failed sign-ins; closing the connection");
	else
		p3_fail_signin(s, &s->q, NULL);
	p3_signin_forget(s);
	if (last)
		return p3_bye(s, "failed-signins");
	p3_enter(s, P3_AUTH);
	return V_NEXT;
}

enum verdict p3_signin_answered(struct p3 *s)
{
	if (s->cancelled || s->q.class != EC_OK)
		return refuse(s);
	return s->q.more ? challenge(s) : welcome(s);
}

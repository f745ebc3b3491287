/* verbs.c - the command table, its dispatcher, and the commands that need no more than a line.
 *
 * The dispatcher checks everything that a row can say - octets, state, whether the command is on offer, arguments, whether the
 * table of messages is there - in this order, so a handler only does its work. A bad octet makes the whole line bad: what is
 * cut off or passed on with a NUL in it has signed people in with the wrong password elsewhere.
 */
#include <inttypes.h>
#include <string.h>
#include "server/base/utf8.h"
#include "server/conf/conf.h"
#include "server/pop3/p3.h"

static enum verdict do_quit(struct p3 *s, const struct p3_req *req);
static enum verdict do_stls(struct p3 *s, const struct p3_req *req);
static enum verdict do_utf8(struct p3 *s, const struct p3_req *req);
static enum verdict do_stat(struct p3 *s, const struct p3_req *req);
static enum verdict do_dele(struct p3 *s, const struct p3_req *req);
static enum verdict do_noop(struct p3 *s, const struct p3_req *req);
static enum verdict do_rset(struct p3 *s, const struct p3_req *req);

static bool clear_ok(const struct p3 *s)
{
	return s->allowed.clear;
}

static bool apop_ok(const struct p3 *s)
{
	return s->allowed.apop_stamp != NULL;
}

static bool stls_ok(const struct p3 *s)
{
	return s->policy->stls_offered && !s->allowed.secure;
}

#define ANY (IN(P3_AUTH) | IN(P3_TRANS))

/* clang-format off */
const struct p3_verb p3_verbs[] = {
	/* name  args  flags         allowed in    run       offered   usage                           CAPA */
	{ "RETR", 1, 1, TABLE,        IN(P3_TRANS), p3_retr,  NULL,     "RETR message",                 NULL }, /* asked for most often */
	{ "CAPA", 0, 0, 0,            ANY,          p3_capa,  NULL,     "CAPA",                         NULL },
	{ "STLS", 0, 0, 0,            IN(P3_AUTH),  do_stls,  stls_ok,  "STLS",                         p3_capa_name },
	{ "USER", 1, 1, UTF8,         IN(P3_AUTH),  p3_user,  clear_ok, "USER name",                    p3_capa_name },
	{ "PASS", 1, 1, UTF8 | REST,  IN(P3_AUTH),  p3_pass,  clear_ok, "PASS password",                NULL },
	{ "APOP", 2, 2, UTF8,         IN(P3_AUTH),  p3_apop,  apop_ok,  "APOP name digest",             NULL },
	{ "AUTH", 0, 2, 0,            IN(P3_AUTH),  p3_auth,  NULL,     "AUTH mechanism [response]",    p3_capa_sasl },
	{ "UTF8", 0, 0, 0,            IN(P3_AUTH),  do_utf8,  NULL,     "UTF8",                         p3_capa_utf8 },
	{ "LANG", 0, 1, 0,            ANY,          p3_lang,  NULL,     "LANG [language]",              p3_capa_name },
	{ "STAT", 0, 0, 0,            IN(P3_TRANS), do_stat,  NULL,     "STAT",                         NULL },
	{ "LIST", 0, 1, TABLE,        IN(P3_TRANS), p3_list,  NULL,     "LIST [message]",               NULL },
	{ "UIDL", 0, 1, TABLE,        IN(P3_TRANS), p3_uidl,  NULL,     "UIDL [message]",               p3_capa_name },
	{ "TOP",  2, 2, TABLE,        IN(P3_TRANS), p3_top,   NULL,     "TOP message lines",            p3_capa_name },
	{ "DELE", 1, 1, TABLE,        IN(P3_TRANS), do_dele,  NULL,     "DELE message",                 NULL },
	{ "NOOP", 0, 0, 0,            IN(P3_TRANS), do_noop,  NULL,     "NOOP",                         NULL },
	{ "RSET", 0, 0, 0,            IN(P3_TRANS), do_rset,  NULL,     "RSET",                         NULL },
	{ "QUIT", 0, 0, 0,            ANY,          do_quit,  NULL,     "QUIT",                         NULL },
};
/* clang-format on */
const size_t p3_n_verbs = sizeof(p3_verbs) / sizeof(p3_verbs[0]);

static const struct p3_verb *find_verb(struct p3_slice name)
{
	for (size_t i = 0; i < p3_n_verbs; i++)
		if (p3_is(name, p3_verbs[i].name))
			return &p3_verbs[i];
	return NULL;
}

static enum verdict refuse_state(struct p3 *s)
{
	if (s->state == P3_TRANS)
		return p3_bad(s, "you are signed in already");
	return p3_bad(s, "sign in first");
}

static enum verdict refuse_offer(struct p3 *s, const struct p3_verb *v)
{
	if (v->run == do_stls && s->allowed.secure)
		return p3_bad(s, "TLS is on already");
	if (v->run == do_stls)
		return p3_bad(s, "TLS is not set up on this server");
	if (v->run == p3_apop)
		return p3_bad(s, "APOP is not offered here; CAPA lists what is");
	if (s->policy->spa_only)
		return p3_bad(s, "turn on Secure Password Authentication in the mail program");
	if (stls_ok(s))
		return p3_bad(s, "no password in the clear; send STLS first");
	return p3_bad(s, "%s is not offered here; use AUTH", v->name);
}

static bool args_ok(const struct p3_verb *v, struct p3_req *req)
{
	if (v->flags & REST)
		return req->rest.len > 0;
	return p3_split_args(req) && req->argc >= v->argc_min && req->argc <= v->argc_max;
}

static bool octets_ok(const struct p3_verb *v, const struct p3_req *req)
{
	const struct p3_slice *r = &req->rest;

	if (r->len == 0)
		return true;
	return v->flags & UTF8 ? utf8_valid(r->p, r->len) : ascii_only(r->p, r->len);
}

static bool lacks_table(const struct p3 *s, const struct p3_verb *v)
{
	return (v->flags & TABLE) && s->box->n_msgs && !s->box->msgs;
}

/* While the table is awaited the command stays in the input; with the answer it is read again and comes here again. */
static enum verdict run(struct p3 *s, const struct p3_verb *v, const struct p3_req *req)
{
	uint32_t n_bad = s->totals.n_bad;

	if (lacks_table(s, v) && s->table_failed == EC_OK &&
	    p3_ask(s, P3_ASK_TABLE, P3_TABLE) == V_WAIT)
		return V_WAIT;
	if (lacks_table(s, v)) {
		p3_fail(s, s->table_failed, NULL);
		s->table_failed = EC_OK;
		return V_NEXT;
	}
	enum verdict w = v->run(s, req);
	if (s->totals.n_bad == n_bad)
		s->n_bad_row = 0;
	return w;
}

static enum verdict count_unsigned(struct p3 *s)
{
	if (s->state != P3_AUTH || ++s->n_unsigned <= P3_MAX_UNSIGNED)
		return V_NEXT;
	p3_err(s, "too many commands without signing in; closing the connection");
	return p3_bye(s, "no-signin");
}

enum verdict p3_dispatch(struct p3 *s, struct p3_slice line)
{
	struct p3_req req;

	if (count_unsigned(s) == V_BYE)
		return V_BYE;
	if (has_control(line.p, line.len))
		return p3_bad(s, "control characters are not allowed in a command");
	p3_split(line, &req);
	const struct p3_verb *v = find_verb(req.verb);
	if (!v)
		return p3_bad(s, "unknown command");
	if (!(v->states & IN(s->state)))
		return refuse_state(s);
	if (v->offered && !v->offered(s))
		return refuse_offer(s, v);
	if (!octets_ok(v, &req))
		return p3_bad(s, v->flags & UTF8 ? "name and password must be UTF-8"
						 : "the command must be plain ASCII");
	if (!args_ok(v, &req))
		return p3_bad(s, "write it as: %s", v->usage);
	return run(s, v, &req);
}

static enum verdict do_noop(struct p3 *s, const struct p3_req *req)
{
	(void)req;
	p3_ok(s, "still here");
	return V_NEXT;
}

static enum verdict do_stls(struct p3 *s, const struct p3_req *req)
{
	(void)req;
	if (s->utf8)
		return p3_bad(s, "STLS must come before UTF8");
	p3_ok(s, "begin TLS now");
	p3_enter(s, P3_TLS);
	s->out->tls(s->ctx);
	return V_WAIT;
}

/* Messages go out as they are in either mode (retr.c says why), and our own texts are ASCII. */
static enum verdict do_utf8(struct p3 *s, const struct p3_req *req)
{
	(void)req;
	s->utf8 = true;
	p3_ok(s, "UTF-8 it is");
	return V_NEXT;
}

static enum verdict do_stat(struct p3 *s, const struct p3_req *req)
{
	(void)req;
	p3_ok(s, "%" PRIu32 " %" PRIu64, s->box->n_msgs - s->n_removed,
	      s->box->octets - s->octets_removed);
	return V_NEXT;
}

static enum verdict do_dele(struct p3 *s, const struct p3_req *req)
{
	enum verdict v;
	uint32_t i;

	if (!p3_msg(s, req->arg[0], &i, &v))
		return v;
	p3_mark(s, &s->removed, i);
	s->n_removed++;
	s->octets_removed += s->box->msgs[i].octets;
	s->totals.n_dele++;
	p3_ok(s, "message %" PRIu32 " will be removed at QUIT", i + 1);
	return V_NEXT;
}

static enum verdict do_rset(struct p3 *s, const struct p3_req *req)
{
	(void)req;
	if (s->removed)
		memset(s->removed, 0, (s->box->n_msgs + 7) / 8);
	s->n_removed = 0;
	s->octets_removed = 0;
	s->totals.n_dele = 0;
	p3_ok(s, "nothing is marked, %" PRIu32 " in the mailbox", s->box->n_msgs);
	return V_NEXT;
}

/* EXPIRE 0 (RFC 2449 section 6.7): what was fetched whole counts as deleted. */
static void expire_now(struct p3 *s)
{
	for (uint32_t i = 0; i < s->box->n_msgs && s->fetched; i++)
		if (p3_marked(s->fetched, i) && p3_mark(s, &s->removed, i))
			s->n_removed++;
}

static enum verdict do_quit(struct p3 *s, const struct p3_req *req)
{
	(void)req;
	if (s->state == P3_AUTH) {
		p3_ok(s, "good bye");
		return p3_bye(s, "quit");
	}
	if (s->expire_days == 0)
		expire_now(s);
	bool keeps = s->expire_days != EXPIRE_NEVER && s->n_fetched;
	struct marks *marks = arena_alloc(s->mem, sizeof(*marks));
	marks->removed = s->n_removed ? s->removed : NULL;
	marks->fetched = keeps ? s->fetched : NULL;
	s->q = (struct p3_ask){ .marks = s->n_removed || keeps ? marks : NULL };
	return p3_ask(s, P3_ASK_COMMIT, P3_UPDATE);
}

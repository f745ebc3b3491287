/* requests.c - answers to the control socket. Runs on the keeper. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/mem.h"
#include "server/main/figures.h"
#include "server/main/winpopd.h"
#include "server/pop3/who.h"

static enum ec do_status(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	(void)request, (void)e;
	figures_status(w, reply);
	return EC_OK;
}

static enum ec do_metrics(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	char *text = figures_metrics(w, METRICS_OPEN);

	(void)request, (void)e;
	json_object_set_new(reply, "text", json_string(text));
	free(text);
	return EC_OK;
}

static enum ec do_health(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	(void)request, (void)reply;
	return figures_health(w, e) ? EC_OK : e->class;
}

static enum ec do_reload(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	(void)request;
	char restart[1024] = "";
	enum ec rc = winpopd_reload(w, restart, sizeof(restart), e);
	if (rc == EC_OK)
		json_object_set_new(reply, "restart", json_string(restart));
	return rc;
}

/* "who": a mailbox, a domain, or everybody. */
static enum ec take_who(const struct winpopd *w, const json_t *request, struct name *who,
			bool *everybody, struct err *e)
{
	const char *text = json_string_value(json_object_get(request, "who"));
	if (!text)
		return err_set(e, EC_USAGE,
			       "say \"who\": a mailbox, a domain, or \"*\" for everybody");
	*everybody = strcmp(text, "*") == 0;
	return *everybody ? EC_OK
			  : name_parse_any(who, text, strlen(text),
					   w->backing->backends.accounts->ops->rule, e);
}

static enum ec do_kick(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	(void)reply;
	struct name who;
	bool everybody;
	enum ec rc = take_who(w, request, &who, &everybody, e);
	if (rc == EC_OK)
		pop3_kick(w->pop3, everybody ? NULL : &who);
	return rc;
}

/* What was remembered about passwords; for a domain everybody's, which costs nothing but a question each. */
static enum ec do_forget(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	(void)reply;
	struct name who;
	bool everybody;
	enum ec rc = take_who(w, request, &who, &everybody, e);
	if (rc == EC_OK)
		auth_forget(w->auth, everybody || name_is_domain(&who) ? NULL : &who);
	return rc;
}

/* Rules, or quota files, have changed. */
static enum ec do_upkeep(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	(void)request, (void)reply, (void)e;
	caretaker_look_again(w);
	return EC_OK;
}

/* ---- who: a look at some sessions, answered when it comes home ---- */

struct question {
	struct pop3_look look; /* first */
	struct winpopd *w;
	struct control_later *later;
};

static void put_text(json_t *row, const char *key, const char *value)
{
	json_t *text = json_string(value);

	json_object_set_new(row, key, text ? text : json_string("?"));
}

static json_t *at_text(const struct pop3_at *at)
{
	char text[32];

	snprintf(text, sizeof(text), "%u.%u", at->side, (unsigned)at->slot);
	return json_string(text);
}

static json_t *session_row(const struct pop3_session *s)
{
	char who[NAME_TEXT_MAX + 1] = "";
	json_t *row =
		json_pack("{s:o, s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:I}", "at",
			  at_text(&s->at), "sid", s->sid, "peer", s->peer, "tls", s->tls,
			  "mechanism", s->mech, "seconds", (json_int_t)(s->born_ms / 1000), "idle",
			  (json_int_t)(s->idle_ms / 1000), "retrieved", (json_int_t)s->n_retr,
			  "deleted", (json_int_t)s->n_dele, "octets", (json_int_t)s->octets_out);

	if (s->who.domain[0])
		name_text(&s->who, who);
	put_text(row, "mailbox", who);
	return row;
}

static void who_found(struct pop3_look *look)
{
	struct question *q = (struct question *)look;
	json_t *sessions = json_array();
	struct lmtp_now l;
	struct mta_now m;

	lmtp_now(q->w->lmtp, &l);
	mta_now(q->w->mta, &m);
	for (unsigned i = 0; i < look->n_found; i++)
		json_array_append_new(sessions, session_row(&look->found[i]));
	json_t *reply =
		json_pack("{s:b, s:o, s:i, s:i}", "ok", 1, "sessions", sessions, "lmtp_sessions",
			  (int)l.sessions, "mta_sessions", (int)m.sessions);
	if (look->more)
		json_object_set_new(reply, "more", at_text(&look->from));
	control_answer(&q->later, reply);
	free(look->found);
	free(q);
}

/* "from": where the look before ended. */
static enum ec take_from(const json_t *request, struct pop3_at *at, struct err *e)
{
	const char *text = json_string_value(json_object_get(request, "from"));
	unsigned side, slot;
	int len = 0;

	if (!text)
		return EC_OK;
	if (sscanf(text, "%u.%u%n", &side, &slot, &len) != 2 || text[len])
		return err_set(e, EC_USAGE, "\"%.40s\" is not what an answer had as \"more\"",
			       text);
	*at = (struct pop3_at){ side, slot };
	return EC_OK;
}

static enum ec do_who(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	(void)reply;
	struct pop3_look look = { .n_slots = POP3_LOOK_MOST, .home = w->keeper, .done = who_found };
	enum ec rc = take_who(w, request, &look.who, &look.everybody, e);
	if (rc == EC_OK)
		rc = take_from(request, &look.from, e);
	if (rc != EC_OK)
		return rc;
	struct question *q = mem_new(sizeof(*q));
	*q = (struct question){ .look = look, .w = w, .later = control_later(w->control) };
	pop3_look(w->pop3, &q->look);
	return EC_OK;
}

static enum ec do_stop(struct winpopd *w, const json_t *request, json_t *reply, struct err *e)
{
	(void)request, (void)reply, (void)e;
	winpopd_stop(w);
	return EC_OK;
}

static const struct {
	const char *name;
	enum ec (*run)(struct winpopd *, const json_t *request, json_t *reply, struct err *);
} requests[] = {
	{ "status", do_status },   { "reload", do_reload }, { "kick", do_kick },
	{ "forget", do_forget },   { "upkeep", do_upkeep }, { "who", do_who },
	{ "metrics", do_metrics }, { "health", do_health }, { "stop", do_stop },
};

enum ec winpopd_request(void *ctx, const json_t *request, json_t *reply, struct err *e)
{
	const char *what = json_string_value(json_object_get(request, "do"));
	for (size_t i = 0; what && i < sizeof(requests) / sizeof(requests[0]); i++)
		if (strcmp(what, requests[i].name) == 0)
			return requests[i].run(ctx, request, reply, e);
	return err_set(e, EC_USAGE,
		       "unknown request; known are status, reload, kick, forget, upkeep, who, "
		       "metrics, stop");
}

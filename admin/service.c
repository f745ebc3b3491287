/* service.c - requests to winpopd. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "server/ops/control.h"
#include "admin/service.h"

#define ANSWER_MS 10000

/* The service's own refusal, with the class it named. */
static enum ec refused(const json_t *reply, struct err *e)
{
	const char *word = json_string_value(json_object_get(reply, "class"));
	const char *text = json_string_value(json_object_get(reply, "text"));
	enum ec class = EC_BROKEN;

	for (int i = EC_OK + 1; word && i < EC_COUNT; i++) {
		if (strcmp(word, ec_name((enum ec)i)) == 0)
			class = (enum ec)i;
	}
	return err_set(e, class, "%s", text ? text : "winpopd refused without saying why");
}

/* Sends and drops the request; *reply is a new reference when EC_OK. */
static enum ec call(const struct conf *c, json_t *request, json_t **reply, struct err *e)
{
	*reply = NULL;
	enum ec rc = control_call(c->control_socket, request, reply, ANSWER_MS, e);

	json_decref(request);
	if (rc == EC_OK && !json_is_true(json_object_get(*reply, "ok")))
		rc = refused(*reply, e);
	if (rc != EC_OK) {
		json_decref(*reply);
		*reply = NULL;
	}
	return rc;
}

/* What the service notes of it tells who it was that asked us. */
static json_t *change(const char *what, const struct wp_caller *by)
{
	return by ? json_pack("{s:s, s:s, s:s}", "do", what, "by", by->name, "from", by->from)
		  : json_pack("{s:s}", "do", what);
}

enum ec service_reload(const struct conf *c, const struct wp_caller *by, struct arena *mem,
		       const char **restart, struct err *e)
{
	json_t *reply;
	enum ec rc = call(c, change("reload", by), &reply, e);

	if (rc != EC_OK)
		return rc;
	const char *names = json_string_value(json_object_get(reply, "restart"));
	*restart = arena_strz(mem, names ? names : "");
	json_decref(reply);
	return EC_OK;
}

static enum ec call_about(const struct conf *c, const struct wp_caller *by, const char *what,
			  const char *who, struct err *e)
{
	json_t *reply, *request = change(what, by);

	json_object_set_new(request, "who", json_string(who));
	enum ec rc = call(c, request, &reply, e);

	json_decref(reply);
	return rc;
}

enum ec service_kick(const struct conf *c, const struct wp_caller *by, const char *who,
		     struct err *e)
{
	return call_about(c, by, "kick", who, e);
}

enum ec service_forget(const struct conf *c, const struct wp_caller *by, const char *who,
		       struct err *e)
{
	return call_about(c, by, "forget", who, e);
}

enum ec service_upkeep(const struct conf *c, const struct wp_caller *by, struct err *e)
{
	json_t *reply;
	enum ec rc = call(c, change("upkeep", by), &reply, e);

	json_decref(reply);
	return rc;
}

static void put_field(struct out *out, const char *key, const json_t *v)
{
	if (json_is_string(v))
		out_field(out, key, json_string_value(v));
	else if (json_is_integer(v))
		out_field_u(out, key, (uint64_t)json_integer_value(v));
}

static void put_events(struct out *out, json_t *events)
{
	const char *key;
	json_t *v;

	out_list(out, "events");
	json_object_foreach(events, key, v)
	{
		out_record(out);
		out_field(out, "event", key);
		out_field_u(out, "count", (uint64_t)json_integer_value(v));
		out_end(out);
	}
	out_end(out);
}

static const char *text_in(const json_t *row, const char *key)
{
	const char *z = json_string_value(json_object_get(row, key));

	return z ? z : "";
}

static uint64_t number_in(const json_t *row, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(row, key));
}

static bool tell_session(const json_t *row, bool (*fn)(void *ctx, const struct service_session *),
			 void *ctx)
{
	const struct service_session s = {
		.at = text_in(row, "at"),
		.sid = text_in(row, "sid"),
		.peer = text_in(row, "peer"),
		.mailbox = text_in(row, "mailbox"),
		.mechanism = text_in(row, "mechanism"),
		.tls = json_is_true(json_object_get(row, "tls")),
		.seconds = number_in(row, "seconds"),
		.idle = number_in(row, "idle"),
		.retrieved = number_in(row, "retrieved"),
		.deleted = number_in(row, "deleted"),
		.octets = number_in(row, "octets"),
	};

	return fn(ctx, &s);
}

/* One answer. *next: where the following one begins, "" if this was the last, or enough. */
static enum ec who_once(const struct conf *c, const char *who, char next[SERVICE_AT_MAX],
			bool (*fn)(void *ctx, const struct service_session *), void *ctx,
			struct service_others *others, struct err *e)
{
	json_t *ask = json_pack("{s:s, s:s}", "do", "who", "who", who), *reply, *row;
	bool on = true;
	size_t i;

	if (*next)
		json_object_set_new(ask, "from", json_string(next));
	enum ec rc = call(c, ask, &reply, e);
	if (rc != EC_OK)
		return rc;
	json_array_foreach(json_object_get(reply, "sessions"), i, row)
	{
		on = on && tell_session(row, fn, ctx);
	}
	*others = (struct service_others){ number_in(reply, "lmtp_sessions"),
					   number_in(reply, "mta_sessions") };
	snprintf(next, SERVICE_AT_MAX, "%s", on ? text_in(reply, "more") : "");
	json_decref(reply);
	return EC_OK;
}

enum ec service_who(const struct conf *c, const char *who, const char *from,
		    bool (*fn)(void *ctx, const struct service_session *), void *ctx,
		    struct service_others *others, struct err *e)
{
	char next[SERVICE_AT_MAX] = "";
	enum ec rc;

	if (from && strlen(from) >= sizeof(next))
		return err_set(e, EC_USAGE, "\"%.40s\" is not what an answer had as more", from);
	strcpy(next, from ? from : "");
	do
		rc = who_once(c, who, next, fn, ctx, others, e);
	while (rc == EC_OK && *next);
	return rc;
}

enum ec service_method(const struct conf *c, struct arena *mem, const char **out, struct err *e)
{
	json_t *reply;
	enum ec rc = call(c, json_pack("{s:s}", "do", "status"), &reply, e);

	if (rc != EC_OK)
		return rc;
	const char *method = json_string_value(json_object_get(reply, "authentication"));
	*out = arena_strz(mem, method ? method : "");
	json_decref(reply);
	return EC_OK;
}

enum ec service_figures(const struct conf *c, const struct service_told *to, char *version,
			size_t version_len, struct err *e)
{
	const char *key;
	json_t *reply, *v;
	enum ec rc = call(c, json_pack("{s:s}", "do", "status"), &reply, e);

	if (rc != EC_OK)
		return rc;
	json_object_foreach(reply, key, v)
	{
		if (json_is_integer(v))
			to->number(to->ctx, key, (uint64_t)json_integer_value(v));
	}
	json_object_foreach(json_object_get(reply, "events"), key, v)
	{
		to->event(to->ctx, key, (uint64_t)json_integer_value(v));
	}
	snprintf(version, version_len, "%s", text_in(reply, "version"));
	json_decref(reply);
	return EC_OK;
}

enum ec service_status(const struct conf *c, struct out *out, struct err *e)
{
	const char *key;
	json_t *reply, *v;
	enum ec rc = call(c, json_pack("{s:s}", "do", "status"), &reply, e);

	if (rc != EC_OK)
		return rc;
	json_object_foreach(reply, key, v)
	{
		if (strcmp(key, "ok") != 0)
			put_field(out, key, v);
	}
	put_events(out, json_object_get(reply, "events"));
	json_decref(reply);
	return EC_OK;
}

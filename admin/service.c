/* service.c - requests to winpopd. */
#include <jansson.h>
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

enum ec service_reload(const struct conf *c, struct arena *mem, const char **restart, struct err *e)
{
	json_t *reply;
	enum ec rc = call(c, json_pack("{s:s}", "do", "reload"), &reply, e);

	if (rc != EC_OK)
		return rc;
	const char *names = json_string_value(json_object_get(reply, "restart"));
	*restart = arena_strz(mem, names ? names : "");
	json_decref(reply);
	return EC_OK;
}

static enum ec call_about(const struct conf *c, const char *what, const char *who, struct err *e)
{
	json_t *reply;
	enum ec rc = call(c, json_pack("{s:s, s:s}", "do", what, "who", who), &reply, e);

	json_decref(reply);
	return rc;
}

enum ec service_kick(const struct conf *c, const char *who, struct err *e)
{
	return call_about(c, "kick", who, e);
}

enum ec service_forget(const struct conf *c, const char *who, struct err *e)
{
	return call_about(c, "forget", who, e);
}

enum ec service_upkeep(const struct conf *c, struct err *e)
{
	json_t *reply;
	enum ec rc = call(c, json_pack("{s:s}", "do", "upkeep"), &reply, e);

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

/* request.c - JSON in, JSON out.
 *
 * A line that is not an object with a "do" is answered like any other mistake: with its class and a
 * text that says what is expected. Duplicate keys are refused, because the audit and the handler
 * must not read different ones.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "server/ops/request.h"

char *request_line(json_t *reply)
{
	char *text = json_dumps(reply, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;
	char *line = text ? realloc(text, len + 2) : NULL;

	if (!line)
		die("out of memory");
	memcpy(line + len, "\n", 2);
	json_decref(reply);
	return line;
}

/* An error text may quote foreign octets, which JSON can't hold. */
static json_t *text_value(const char *text)
{
	json_t *v = json_string(text);

	return v ? v : json_string("the text of this error is not UTF-8");
}

char *request_refuse(enum ec class, const char *text)
{
	return request_line(json_pack("{s:b, s:s, s:o}", "ok", 0, "class", ec_name(class), "text",
				      text_value(text)));
}

/* Asked to know, not to change. */
static bool only_looks(const char *what)
{
	return strcmp(what, "status") == 0 || strcmp(what, "who") == 0 ||
	       strcmp(what, "metrics") == 0 || strcmp(what, "health") == 0;
}

static const char *text_in(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

static void audit(const struct request_server *s, const struct audit_peer *peer,
		  const json_t *request, enum ec rc, const char *text)
{
	const char *what = text_in(request, "do");
	const struct audit_peer by = {
		peer->uid,
		peer->pid,
		text_in(request, "by"),
		text_in(request, "from"),
	};

	if (what && !only_looks(what))
		audit_change(s->log, &by, what, text_in(request, "who"), rc, text);
}

static char *answer(const struct request_server *s, const struct audit_peer *by,
		    const json_t *request)
{
	json_t *reply = json_pack("{s:b}", "ok", 1);
	struct err e = { .text = "" };
	enum ec rc = s->fn(s->ctx, request, reply, &e);

	audit(s, by, request, rc, e.text);
	if (rc == EC_OK)
		return request_line(reply);
	json_decref(reply);
	return request_refuse(rc, e.text);
}

char *request_answer(const struct request_server *s, const struct audit_peer *by, const char *line,
		     size_t len)
{
	json_error_t why;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
	char *reply;
	struct err e;

	if (!request) {
		err_set(&e, EC_USAGE, "not JSON: %s", why.text);
		return request_refuse(EC_USAGE, e.text);
	}
	if (json_is_string(json_object_get(request, "do")))
		reply = answer(s, by, request);
	else
		reply = request_refuse(EC_USAGE, "a request is an object with \"do\"");
	json_decref(request);
	return reply;
}

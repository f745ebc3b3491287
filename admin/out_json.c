/* out_json.c - answers as one JSON object.
 *
 *	{"mailboxes":[{"name":"kim@example.com",...},...],"messages":17,"ok":true}
 *
 * Records are built and dumped one by one, so that a list of a million streams; the object around
 * them is written by hand. Whatever goes wrong midway, the output is one complete object, and its
 * "ok" tells.
 */
#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include "server/base/mem.h"
#include "admin/out.h"

struct json {
	struct out out;
	FILE *to;
	bool open, in_list, list_has_records;
	json_t *record;        /* NULL outside a record */
	json_t *texts, *notes; /* arrays */
};

static struct json *self(struct out *o)
{
	return (struct json *)o;
}

static void dump(struct json *j, json_t *value)
{
	json_dumpf(value, j->to, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(value);
}

/* Names come from checked bytes, but settings may hold anything: what is not UTF-8 shows as "?". */
static json_t *string(const char *z)
{
	json_t *s = json_string(z);

	return s ? s : json_string("?");
}

static void put_key(struct json *j, const char *key)
{
	fputs(j->open ? "," : "{", j->to);
	j->open = true;
	dump(j, string(key));
	putc(':', j->to);
}

static void json_list(struct out *o, const char *key)
{
	struct json *j = self(o);

	assert(!j->in_list);
	put_key(j, key);
	putc('[', j->to);
	j->in_list = true;
	j->list_has_records = false;
}

static void json_record(struct out *o)
{
	struct json *j = self(o);

	assert(j->in_list && !j->record);
	j->record = json_object();
}

static void put_value(struct json *j, const char *key, json_t *value)
{
	if (j->record) {
		json_object_set_new(j->record, key, value);
		return;
	}
	assert(!j->in_list);
	put_key(j, key);
	dump(j, value);
}

static void json_field(struct out *o, const char *key, const char *value)
{
	put_value(self(o), key, string(value));
}

static void json_number(struct out *o, const char *key, uint64_t value)
{
	put_value(self(o), key, json_integer((json_int_t)value));
}

static void json_end(struct out *o)
{
	struct json *j = self(o);

	assert(j->in_list);
	if (!j->record) {
		putc(']', j->to);
		j->in_list = false;
		return;
	}
	if (j->list_has_records)
		putc(',', j->to);
	j->list_has_records = true;
	dump(j, j->record);
	j->record = NULL;
}

static void json_say(struct out *o, const char *text)
{
	json_array_append_new(self(o)->texts, string(text));
}

static void json_note(struct out *o, const char *text)
{
	json_array_append_new(self(o)->notes, string(text));
}

static void put_error(struct json *j, const struct err *failed, const char *hint)
{
	json_t *error = json_object();

	json_object_set_new(error, "class", string(ec_name(failed->class)));
	json_object_set_new(error, "text", string(failed->text));
	if (hint)
		json_object_set_new(error, "hint", string(hint));
	put_value(j, "error", error);
}

static enum ec json_close(struct out **o, const struct err *failed, const char *hint, struct err *e)
{
	struct json *j = self(*o);
	enum ec rc = EC_OK;

	while (j->in_list)
		json_end(*o);
	if (json_array_size(j->texts) > 0)
		put_value(j, "text", json_incref(j->texts));
	if (json_array_size(j->notes) > 0)
		put_value(j, "notes", json_incref(j->notes));
	if (failed)
		put_error(j, failed, hint);
	put_value(j, "ok", json_boolean(!failed));
	fputs("}\n", j->to);
	if (fflush(j->to) != 0 || ferror(j->to))
		rc = err_sys(e, "cannot write the answer");
	json_decref(j->texts);
	json_decref(j->notes);
	free(j);
	*o = NULL;
	return rc;
}

struct out *out_json(FILE *to)
{
	static const struct out_ops ops = {
		.list = json_list,
		.record = json_record,
		.field = json_field,
		.number = json_number,
		.end = json_end,
		.say = json_say,
		.note = json_note,
		.close = json_close,
	};
	struct json *j = mem_new(sizeof(*j));

	*j = (struct json){
		.out.ops = &ops, .to = to, .texts = json_array(), .notes = json_array()
	};
	return &j->out;
}

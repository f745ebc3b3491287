/* order.c - see order.h.
 *
 * The same rules as those of the command line (args.c), but no words that could be one thing or the other: an argument is an
 * argument, whatever it begins with, and a switch is named as one. A password has a place of its own, so that nothing else is
 * ever taken for one and none is told by mistake.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "server/base/utf8.h"
#include "admin/console/order.h"
#include "admin/perform.h"

#define PARTLY 0x40 /* beside the class, in what a process returns */

_Static_assert(EC_COUNT <= PARTLY, "a class and its mark fit into an exit status");

/* Reading one. */
struct reader {
	struct order *o;
	const struct wp_cmd *cmd;
	struct err *e;
};

/* Text that can be an argument: no NUL hides in it, no other control octet. */
static const char *text_of(struct reader *r, const json_t *v)
{
	const char *z = json_string_value(v);

	if (!z || strlen(z) != json_string_length(v) || has_control(z, strlen(z)))
		return NULL;
	return arena_strz(r->o->mem, z);
}

/* ---- arguments ---- */

static enum ec read_argument(struct reader *r, const json_t *v)
{
	struct wp_args *a = &r->o->args;
	const char *text = text_of(r, v);

	if (!text)
		return err_set(r->e, EC_USAGE,
			       "%s: arguments are strings without control characters",
			       r->cmd->name);
	if (r->cmd->secret_at > 0 && a->argc >= r->cmd->secret_at)
		return err_set(r->e, EC_USAGE, "%s: send the password as \"password\"",
			       r->cmd->name);
	if (a->argc >= r->cmd->argc_max || a->argc >= WP_ARGS_MAX)
		return err_set(r->e, EC_USAGE, "%s: too many arguments", r->cmd->name);
	a->argv[a->argc++] = text;
	return EC_OK;
}

static enum ec read_arguments(struct reader *r, const json_t *all)
{
	enum ec rc = EC_OK;

	if (all && !json_is_array(all))
		return err_set(r->e, EC_USAGE, "\"arguments\" is a list");
	for (size_t i = 0; i < json_array_size(all) && rc == EC_OK; i++)
		rc = read_argument(r, json_array_get(all, i));
	if (rc == EC_OK && r->o->args.argc < r->cmd->argc_min)
		rc = err_set(r->e, EC_USAGE, "%s: something is missing: %s", r->cmd->name,
			     r->cmd->args);
	return rc;
}

/* ---- switches ---- */

static int find_switch(const struct wp_cmd *cmd, const char *name)
{
	for (int i = 0; cmd->switches[i].name; i++) {
		if (strcasecmp(cmd->switches[i].name, name) == 0)
			return i;
	}
	return -1;
}

static const char *value_of(struct reader *r, const json_t *v)
{
	if (json_is_integer(v))
		return arena_fmt(r->o->mem, "%lld", (long long)json_integer_value(v));
	return text_of(r, v);
}

static enum ec read_switch(struct reader *r, const char *name, const json_t *v)
{
	int i = find_switch(r->cmd, name);
	const struct wp_switch *s = i < 0 ? NULL : &r->cmd->switches[i];
	const char *value = json_is_true(v) ? "" : value_of(r, v);

	if (!s)
		return err_set(r->e, EC_USAGE, "%s: unknown switch", r->cmd->name);
	if (json_is_false(v) || json_is_null(v))
		return EC_OK;
	if (!value)
		return err_set(r->e, EC_USAGE, "/%s: expected a string or true", s->name);
	if (r->o->args.given[i])
		return err_set(r->e, EC_USAGE, "/%s is given twice", s->name);
	if (*value && s->secret)
		return err_set(r->e, EC_USAGE,
			       "/%s: write true, and send the password as \"password\"", s->name);
	if (*value && !s->value)
		return err_set(r->e, EC_USAGE, "/%s takes no value: write true", s->name);
	if (!*value && s->value && !s->secret && !s->optional)
		return err_set(r->e, EC_USAGE, "/%s needs a value: %s", s->name, s->value);
	r->o->args.given[i] = value;
	return EC_OK;
}

static enum ec read_switches(struct reader *r, json_t *all)
{
	const char *name;
	json_t *v;
	enum ec rc = EC_OK;

	if (all && !json_is_object(all))
		return err_set(r->e, EC_USAGE, "\"switches\" is an object");
	json_object_foreach(all, name, v)
	{
		if (rc == EC_OK)
			rc = read_switch(r, name, v);
	}
	return rc;
}

/* ---- the password ---- */

static bool takes_password(const struct reader *r)
{
	bool takes = r->cmd->secret_at > 0;

	for (int i = 0; r->cmd->switches[i].name; i++)
		takes = takes || (r->cmd->switches[i].secret && r->o->args.given[i]);
	return takes;
}

static enum ec read_password(struct reader *r, json_t *v)
{
	const char *z = json_string_value(v);

	if (!v)
		return EC_OK;
	if (!z || json_string_length(v) != strlen(z) || !*z)
		return err_set(r->e, EC_USAGE, "\"password\" is a string that is not empty");
	if (!takes_password(r))
		return err_set(r->e, EC_USAGE, "%s takes no password here", r->cmd->name);
	secret_set(&r->o->args.secret, z, strlen(z));
	return EC_OK;
}

/* ---- the whole ---- */

static enum ec read_members(struct reader *r, json_t *body)
{
	const char *key;
	json_t *v;

	json_object_foreach(body, key, v)
	{
		if (strcmp(key, "arguments") != 0 && strcmp(key, "switches") != 0 &&
		    strcmp(key, "password") != 0)
			return err_set(r->e, EC_USAGE,
				       "write \"arguments\", \"switches\", \"password\" and "
				       "nothing else");
	}
	enum ec rc = read_arguments(r, json_object_get(body, "arguments"));

	if (rc == EC_OK)
		rc = read_switches(r, json_object_get(body, "switches"));
	if (rc == EC_OK)
		rc = read_password(r, json_object_get(body, "password"));
	return rc;
}

/* jansson does not. */
static void wipe_string(json_t *v)
{
	if (json_is_string(v))
		wipe((char *)(uintptr_t)json_string_value(v), json_string_length(v));
}

enum ec order_read(const struct wp_cmd *cmd, const char *body, size_t len, struct order **out,
		   struct err *e)
{
	json_t *root = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	struct reader r = { mem_new(sizeof(*r.o)), cmd, e };
	enum ec rc;

	r.o->mem = arena_new("order", 512);
	r.o->args.cmd = cmd;
	r.o->args.json = true;
	if (json_is_object(root))
		rc = read_members(&r, root);
	else
		rc = err_set(e, EC_USAGE, "the body is not a JSON object");
	wipe_string(json_object_get(root, "password"));
	json_decref(root);
	if (rc != EC_OK)
		order_free(&r.o);
	*out = r.o;
	return rc;
}

void order_sign(struct order *o, const char *who, const char *from, const struct scope *scope,
		const char *conf_path)
{
	scope_copy(o->mem, scope, &o->scope);
	o->by = (struct wp_caller){ arena_strz(o->mem, who), arena_strz(o->mem, from), &o->scope };
	o->args.config = arena_strz(o->mem, conf_path);
}

void order_free(struct order **op)
{
	struct order *o = *op;

	*op = NULL;
	if (!o)
		return;
	secret_drop(&o->args.secret);
	arena_drop(&o->mem);
	free(o);
}

/* ---- its run ---- */

int order_run(struct order *o, int out)
{
	struct wp_result result;
	FILE *to = fdopen(out, "w");

	if (!to)
		return EC_TEMP;
	struct out *answer = out_json(to);

	wp_perform(&o->args, &o->by, &answer, &ask_nobody, &result);
	fclose(to);
	return (int)result.rc | (result.partly ? PARTLY : 0);
}

enum ec order_result(int status, bool *partly)
{
	*partly = status >= 0 && (status & PARTLY);
	int class = status & ~PARTLY;

	return status >= 0 && class < EC_COUNT ? (enum ec) class : EC_BROKEN;
}

/* openapi.c - the API described in OpenAPI 3.1, made from the tables that serve it.
 *
 * Every command that can be run by HTTP has a path of its own, though all are one route: so a reader, and a program that is made
 * from this, sees its arguments and switches. Answers are what `winpop COMMAND --json` prints, and are not described further.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/err.h"
#include "admin/cmd.h"
#include "admin/console/api.h"

static json_t *schema_string(const char *about)
{
	return about ? json_pack("{s:s, s:s}", "type", "string", "description", about)
		     : json_pack("{s:s}", "type", "string");
}

static json_t *object_schema(json_t *properties)
{
	return json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0,
			 "properties", properties);
}

/* ---- commands ---- */

static json_t *switch_schema(const struct wp_switch *s)
{
	if (!s->value || s->secret) /* a password is beside the switches */
		return json_pack("{s:s, s:s}", "type", "boolean", "description", s->help);
	return schema_string(s->help);
}

static json_t *switches_schema(const struct wp_cmd *cmd)
{
	json_t *all = json_object();

	for (int i = 0; cmd->switches[i].name; i++)
		json_object_set_new(all, cmd->switches[i].name, switch_schema(&cmd->switches[i]));
	return object_schema(all);
}

static bool takes_secret(const struct wp_cmd *cmd)
{
	bool any = cmd->secret_at > 0;

	for (int i = 0; cmd->switches[i].name; i++)
		any = any || cmd->switches[i].secret;
	return any;
}

static json_t *command_schema(const struct wp_cmd *cmd)
{
	json_t *arguments = json_pack("{s:s, s:{s:s}, s:i, s:i, s:s}", "type", "array", "items",
				      "type", "string", "minItems", cmd->argc_min, "maxItems",
				      cmd->argc_max, "description", cmd->args);
	json_t *properties =
		json_pack("{s:o, s:o}", "arguments", arguments, "switches", switches_schema(cmd));

	if (takes_secret(cmd))
		json_object_set_new(properties, "password",
				    json_pack("{s:s, s:s, s:b}", "type", "string", "format",
					      "password", "writeOnly", 1));
	return object_schema(properties);
}

/* ---- what routes have in common ---- */

static json_t *answer(const char *about)
{
	return json_pack("{s:s}", "description", about);
}

static json_t *answers(const struct api_route *r)
{
	json_t *all = json_pack("{s:o}", "200", answer("Done"));

	if (r->who == FOR_PEOPLE || r->who == FOR_WHOLE || r == &api_routes[API_SIGN_IN])
		json_object_set_new(all, "401", answer("Nobody, or nobody with rights"));
	if (r->who == FOR_PEOPLE || r->who == FOR_WHOLE)
		json_object_set_new(all, "403", answer("Not his to do"));
	json_object_set_new(all, "503", answer("Too much at once, or trouble that passes"));
	if (r == &api_routes[API_COMMAND]) {
		json_object_set_new(all, "202", answer("A job was begun"));
		json_object_set_new(all, "207", answer("Partly done; the answer says what"));
		json_object_set_new(all, "404", answer("There is no such thing"));
		json_object_set_new(all, "409", answer("Refused as things stand"));
	}
	return all;
}

static json_t *security(const struct api_route *r)
{
	if (r->who != FOR_PEOPLE && r->who != FOR_WHOLE)
		return json_array();
	if (r->method == HTTP_GET)
		return json_pack("[{s:[]}, {s:[]}]", "token", "session");
	return json_pack("[{s:[]}, {s:[], s:[]}]", "token", "session", "csrf");
}

static json_t *json_body(json_t *schema)
{
	return json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content", "application/json",
			 "schema", schema);
}

static json_t *operation(const struct api_route *r, const char *id, const char *summary)
{
	return json_pack("{s:s, s:s, s:o, s:o}", "operationId", id, "summary", summary, "responses",
			 answers(r), "security", security(r));
}

static json_t *parameter(const char *name, const char *where, bool required, json_t *schema)
{
	return json_pack("{s:s, s:s, s:b, s:o}", "name", name, "in", where, "required", required,
			 "schema", schema);
}

static void add(json_t *paths, const struct api_route *r, const char *path, json_t *op)
{
	json_object_set_new(paths, path,
			    json_pack("{s:o}", r->method == HTTP_GET ? "get" : "post", op));
}

/* ---- paths ---- */

static void add_command(json_t *paths, const struct wp_cmd *cmd)
{
	const struct api_route *r = &api_routes[API_COMMAND];
	char path[128];
	json_t *op = operation(r, cmd->name, cmd->help);

	json_object_set_new(op, "x-winpop-scope",
			    json_string(cmd->scope == WP_WHOLE ? "whole" : "domain"));
	json_object_set_new(op, "x-winpop-writes", json_boolean(cmd->how == WP_WRITES));
	json_object_set_new(op, "parameters",
			    json_pack("[o]", parameter("job", "query", false,
						       json_pack("{s:[s]}", "enum", "1"))));
	json_object_set_new(op, "requestBody", json_body(command_schema(cmd)));
	snprintf(path, sizeof(path), "%.*s%s", (int)strcspn(r->path, "{"), r->path, cmd->name);
	add(paths, r, path, op);
}

static void add_route(json_t *paths, const struct api_route *r)
{
	json_t *op = operation(r, r->name, r->summary);
	const char *brace = strchr(r->path, '{');

	if (brace)
		json_object_set_new(
			op, "parameters",
			json_pack("[o]", parameter("id", "path", true, schema_string(NULL))));
	if (r == &api_routes[API_SIGN_IN]) {
		json_t *fields = json_pack("{s:o, s:{s:s, s:s}}", "name", schema_string(NULL),
					   "password", "type", "string", "format", "password");
		json_object_set_new(op, "requestBody", json_body(object_schema(fields)));
	}
	add(paths, r, r->path, op);
}

static json_t *schemes(void)
{
	return json_pack("{s:{s:s, s:s}, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s}}", "token", "type",
			 "http", "scheme", "bearer", "session", "type", "apiKey", "in", "cookie",
			 "name", "__Host-winpop", "csrf", "type", "apiKey", "in", "header", "name",
			 "X-Winpop-CSRF");
}

char *openapi_text(void)
{
	json_t *paths = json_object();

	for (int i = 0; i < API_COUNT; i++) {
		if (i != API_COMMAND)
			add_route(paths, &api_routes[i]);
	}
	for (size_t i = 0; wp_cmds[i]; i++) {
		if (wp_cmds[i]->scope == WP_WHOLE || wp_cmds[i]->scope == WP_DOMAIN)
			add_command(paths, wp_cmds[i]);
	}
	json_t *all = json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:o}}", "openapi", "3.1.0",
				"info", "title", "winpop console", "version", WINPOP_VERSION,
				"summary", "What winpop does on the command line, over HTTPS",
				"paths", paths, "components", "securitySchemes", schemes());
	char *text = json_dumps(all, JSON_COMPACT);

	if (!text)
		die("a description of the API that is no JSON");
	json_decref(all);
	return text;
}

/* menu.c - what a caller may do, as forms are made of it: the rows of commands and settings, told as JSON. */
#include <string.h>
#include "server/base/arena.h"
#include "server/conf/options.h"
#include "admin/cmd.h"
#include "admin/console/keeper.h"
#include "admin/settings.h"

/* ---- commands ---- */

static json_t *switch_of(const struct wp_switch *s)
{
	bool hidden = s->secret; /* what follows it is a password */

	return json_pack("{s:s, s:s?, s:b, s:b, s:s?}", "name", s->name, "value", s->value,
			 "secret", hidden, "optional", s->optional, "help", s->help);
}

static json_t *switches_of(const struct wp_cmd *cmd)
{
	json_t *all = json_array();

	for (const struct wp_switch *s = cmd->switches; s->name; s++)
		json_array_append_new(all, switch_of(s));
	return all;
}

static json_t *command_of(const struct wp_cmd *cmd)
{
	return json_pack("{s:s, s:s, s:s, s:s?, s:i, s:i, s:i, s:b, s:s, s:o}", "name", cmd->name,
			 "args", cmd->args, "help", cmd->help, "more", cmd->more, "argc_min",
			 cmd->argc_min, "argc_max", cmd->argc_max, "secret_at", cmd->secret_at,
			 "writes", cmd->how == WP_WRITES, "scope",
			 cmd->scope == WP_WHOLE ? "whole" : "domain", "switches", switches_of(cmd));
}

static bool may(const struct scope *scope, const struct wp_cmd *cmd)
{
	return cmd->scope == WP_DOMAIN || (cmd->scope == WP_WHOLE && scope->whole);
}

/* ---- settings ---- */

static const char *type_of(const struct option *o)
{
	static const char *const names[] = {
		[OPT_UINT] = "number",
		[OPT_BYTES] = "size",
		[OPT_BOOL] = "switch",
		[OPT_TEXT] = "text",
		[OPT_PATH] = "path",
		[OPT_WORD] = "word",
		[OPT_AUTHN] = "authentication",
		[OPT_EXPIRE] = "expire",
	};
	return o->words ? "word" : names[o->type];
}

/* "a|b|c", or the methods that a computer in this role has. */
static json_t *choices_of(const struct option *o, const struct conf *c)
{
	static const char *const methods[] = { "ad", "local", "file" };
	json_t *all = json_array();

	for (int m = AUTHN_AD; o->type == OPT_AUTHN && m <= AUTHN_FILE; m++) {
		if (authn_number((enum authentication)m, c->role) > 0)
			json_array_append_new(all, json_string(methods[m]));
	}
	for (const char *w = o->words; w && *w; w += strspn(w, "|")) {
		json_array_append_new(all, json_stringn(w, strcspn(w, "|")));
		w += strcspn(w, "|");
	}
	if (json_array_size(all) > 0)
		return all;
	json_decref(all);
	return json_null();
}

static json_t *setting_of(const struct option *o, const struct conf *c)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:s?, s:s}", "name", o->name, "group",
			 setting_group(o->group), "help", o->help, "type", type_of(o), "choices",
			 choices_of(o, c), "min", (json_int_t)o->min, "max", (json_int_t)o->max,
			 "preset", o->preset, "takes_effect",
			 o->when == OPT_RESTART ? "at restart" : "now");
}

json_t *menu_for(const struct conf *c, const struct scope *scope)
{
	json_t *commands = json_array(), *settings = json_array();

	for (size_t i = 0; wp_cmds[i]; i++) {
		if (may(scope, wp_cmds[i]))
			json_array_append_new(commands, command_of(wp_cmds[i]));
	}
	for (size_t i = 0; i < n_options && scope->whole; i++)
		json_array_append_new(settings, setting_of(&options[i], c));
	return json_pack("{s:b, s:o, s:o}", "ok", 1, "commands", commands, "settings", settings);
}

/* syntax.c - `winpop help`, in the layout the original's help has: brackets, then parameters. */
#include <string.h>
#include "server/base/buf.h"
#include "admin/syntax.h"

#define WIDTH 78

/* Words of text, broken at WIDTH, each line indented; '\n' begins a new paragraph. */
static void put_wrapped(struct buf *b, unsigned indent, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " \n");
		if (column > 0 && column + 1 + len > WIDTH) {
			buf_addz(b, "\n");
			column = 0;
		}
		if (column == 0)
			buf_fmt(b, "%*s", (int)indent, "");
		else
			buf_addz(b, " ");
		column += (column == 0 ? indent : 1) + len;
		buf_add(b, text, len);
		text += len;
		if (*text == '\n') {
			buf_addz(b, "\n");
			column = 0;
		}
		text += *text != '\0';
	}
	buf_addz(b, "\n");
}

/* To the end of a word of syntax: what stands in brackets is not broken. */
static size_t syntax_word(const char *text)
{
	size_t len = 0;

	for (int depth = 0; text[len] && (depth > 0 || text[len] != ' '); len++)
		depth += (text[len] == '[') - (text[len] == ']');
	return len;
}

/* A command's arguments behind `column` characters of their line; further lines begin at `indent`. */
static void put_args(struct buf *b, size_t column, unsigned indent, const char *args)
{
	while (*args) {
		size_t len = syntax_word(args);
		bool fits = column + 1 + len <= WIDTH;
		buf_fmt(b, "%s%*s", fits ? " " : "\n", fits ? 0 : (int)indent, "");
		column = (fits ? column + 1 : indent) + len;
		buf_add(b, args, len);
		args += len;
		args += strspn(args, " ");
	}
}

static void put_call(struct buf *b, const struct wp_cmd *c, bool first)
{
	const unsigned lead = sizeof("winpop [") - 1;

	buf_fmt(b, "%s [%s", first ? "winpop" : "      ", c->name);
	put_args(b, lead + strlen(c->name), lead + 4, c->args);
	buf_addz(b, "]\n");
}

static void put_calls(struct buf *b, bool extra)
{
	bool first = true;

	for (size_t i = 0; wp_cmds[i]; i++) {
		if (wp_cmds[i]->extra != extra || wp_cmds[i] == &wp_set || wp_cmds[i] == &wp_get)
			continue; /* set and get have a synopsis of their own */
		put_call(b, wp_cmds[i], first);
		first = false;
	}
}

static void put_switches(struct buf *b, const struct wp_cmd *c)
{
	for (const struct wp_switch *s = c->switches; s->name; s++) {
		buf_fmt(b, "\n  /%s%s%s\n", s->name, s->value ? " " : "", s->value ? s->value : "");
		put_wrapped(b, 6, s->help);
	}
}

static void put_setting_call(struct buf *b, struct arena *mem, const struct option *o,
			     bool with_value)
{
	buf_fmt(b, " [%s%s%s]", o->name, with_value ? " " : "",
		with_value ? setting_syntax(mem, o) : "");
}

/* The original's settings one per line with `socket` among them, as its help has it; the rest in
 * the list of parameters below. */
static void put_settings_calls(struct buf *b, struct arena *mem, bool is_set)
{
	const char *lead = is_set ? "winpop set" : "winpop get";

	for (size_t i = 0; i < n_options && options[i].group == OPT_ORIGINAL; i++) {
		buf_addz(b, lead);
		put_setting_call(b, mem, &options[i], is_set);
		buf_addz(b, "\n");
		lead = "          ";
		if (strcmp(options[i].name, "socketthreshold") == 0)
			buf_fmt(b, "%s [socket%s]\n", lead,
				is_set ? " Value Value Value Value" : "");
	}
	buf_fmt(b, "%s [Setting%s ...]\n", lead, is_set ? " Value" : "");
}

const char *syntax_setting_text(struct arena *mem, const struct option *o)
{
	const char *range = setting_range(mem, o), *preset = setting_preset(o);

	return arena_fmt(mem, "%s.%s%s%s%s%s%s", o->help, *range ? " Range: " : "", range,
			 *range ? "." : "", *preset ? " Default: " : "", preset,
			 *preset ? "." : "");
}

static void put_setting(struct buf *b, struct arena *mem, const struct option *o)
{
	buf_fmt(b, "\n  %s %s\n", o->name, setting_syntax(mem, o));
	put_wrapped(b, 6, syntax_setting_text(mem, o));
}

void syntax_calls(struct buf *b, struct arena *mem)
{
	put_calls(b, false);
	buf_addz(b, "\n");
	put_settings_calls(b, mem, true);
	buf_addz(b, "\n");
	put_settings_calls(b, mem, false);
	buf_addz(b, "\n");
	put_calls(b, true);
}

static void say(struct wp *w, struct buf *b)
{
	out_say(w->out, "%s", arena_str(w->mem, buf_at(b), b->len));
	buf_drop(b);
}

enum ec syntax_all(struct wp *w)
{
	struct buf b = { 0 };

	buf_addz(&b, "winpop - administration of the POP3 mail service, version " WINPOP_VERSION
		     "\n\nSyntax\n\n");
	syntax_calls(&b, w->mem);
	buf_addz(&b,
		 "\nWith every command: [--json | --csv] [--config File] [/?]\nWith those "
		 "about domains, mailboxes and the directory: [--bind-as Name]\n\nParameters\n");
	for (size_t i = 0; wp_cmds[i]; i++) {
		buf_fmt(&b, "\n  %s", wp_cmds[i]->name);
		put_args(&b, 2 + strlen(wp_cmds[i]->name), 6, wp_cmds[i]->args);
		buf_addz(&b, "\n");
		put_wrapped(&b, 6, wp_cmds[i]->help);
	}
	buf_addz(&b, "\nMore about one command: winpop help Command. The settings: winpop set help."
		     "\n");
	say(w, &b);
	return EC_OK;
}

enum ec syntax_command(struct wp *w, const struct wp_cmd *cmd)
{
	bool is_set = cmd == &wp_set, of_settings = is_set || cmd == &wp_get;
	struct buf b = { 0 };

	buf_addz(&b, "Syntax\n\n");
	if (of_settings) {
		put_settings_calls(&b, w->mem, is_set);
	} else {
		buf_fmt(&b, "winpop %s", cmd->name);
		put_args(&b, b.len - strlen("Syntax\n\n"), 4, cmd->args);
		buf_addz(&b, "\n");
	}
	buf_addz(&b, "\n");
	put_wrapped(&b, 0, cmd->help);
	if (cmd->more)
		put_wrapped(&b, 0, cmd->more);
	put_switches(&b, cmd);
	if (of_settings)
		buf_addz(&b, "\nParameters\n");
	for (size_t i = 0; of_settings && i < n_options; i++)
		put_setting(&b, w->mem, &options[i]);
	say(w, &b);
	return EC_OK;
}

enum ec setting_unknown(const char *key, struct err *e)
{
	const struct option *near = option_nearest(key);

	return err_set(e, EC_USAGE, "there is no setting \"%.40s\"%s%s%s", key,
		       near ? "; did you mean " : "", near ? near->name : "", near ? "?" : "");
}

/* args.c - reading the command line.
 *
 * Both worlds' spellings of a switch are one thing here: a word that begins with '/' or "--". A '/'
 * may also begin a path or a password, so commands say from which argument on words are taken as
 * they are (raw_from), and the value of a switch is always the next word, whatever it looks like,
 * unless that word is itself a switch of this command.
 */
#include <string.h>
#include <strings.h>
#include "admin/args.h"

static const struct wp_switch globals[] = {
	{ .name = "json" },
	{ .name = "csv" },
	{ .name = "config", .value = "File" },
	{ .name = "bind-as", .value = "Name" },
};
enum { GLOBAL_JSON, GLOBAL_CSV, GLOBAL_CONFIG, GLOBAL_BIND_AS, N_GLOBALS };

/* Where we are, and what a word turned out to be. */
struct reader {
	int argc, at;
	char **argv;
	struct wp_args *out;
	struct err *e;
};
struct found {
	const struct wp_switch *row;
	int global, own; /* index in its table, or -1 */
	char *value;     /* behind ':' or '=', or NULL */
};

bool args_is_help(const char *word)
{
	static const char *const words[] = { "/?", "-?", "-h", "--help", "/help" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(word, words[i]) == 0)
			return true;
	}
	return false;
}

/* Only before a command: behind one it may be anything. */
static bool is_version(const struct wp_args *a, const char *word)
{
	return !a->cmd && (strcasecmp(word, "--version") == 0 || strcasecmp(word, "/version") == 0);
}

/* The name behind '/' or "--", or NULL. */
static char *switch_name(char *word)
{
	if (word[0] == '/' && word[1])
		return word + 1;
	return word[0] == '-' && word[1] == '-' && word[2] ? word + 2 : NULL;
}

static bool same_word(const char *p, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(p, name, len) == 0;
}

static bool find_switch(const struct wp_cmd *cmd, char *word, struct found *f)
{
	char *name = switch_name(word);

	*f = (struct found){ .global = -1, .own = -1 };
	if (!name)
		return false;
	size_t len = strcspn(name, ":=");
	f->value = name[len] ? name + len + 1 : NULL;
	for (int i = 0; i < N_GLOBALS; i++) {
		if (same_word(name, len, globals[i].name)) {
			f->global = i;
			f->row = &globals[i];
		}
	}
	for (int i = 0; cmd && cmd->switches[i].name; i++) {
		if (same_word(name, len, cmd->switches[i].name)) {
			f->own = i;
			f->row = &cmd->switches[i];
		}
	}
	return f->row != NULL;
}

/* A switch we do not know. Its text is shown only as far as it can't be a password. */
static enum ec unknown(struct reader *r, char *word)
{
	const struct wp_cmd *cmd = r->out->cmd;
	const char *name = switch_name(word);

	for (int i = 0; name && cmd && cmd->switches[i].name; i++) {
		const struct wp_switch *s = &cmd->switches[i];
		if (s->secret && strncasecmp(name, s->name, strlen(s->name)) == 0)
			return err_set(r->e, EC_USAGE,
				       "put a blank or ':' between /%s and the password", s->name);
	}
	return err_set(r->e, EC_USAGE, "%s%sunknown switch %.*s", cmd ? cmd->name : "",
		       cmd ? ": " : "", (int)strcspn(word, ":="), word);
}

static void take_secret(struct reader *r, char *word)
{
	secret_set(&r->out->secret, word, strlen(word));
	wipe(word, strlen(word));
}

static bool next_is_value(const struct reader *r)
{
	struct found f;

	return r->at < r->argc && !find_switch(r->out->cmd, r->argv[r->at], &f) &&
	       !args_is_help(r->argv[r->at]);
}

/* The value behind a switch: its own, or the next word. */
static enum ec switch_value(struct reader *r, struct found *f)
{
	if (!f->row->value)
		return f->value ? err_set(r->e, EC_USAGE, "/%s takes no value", f->row->name)
				: EC_OK;
	if (!f->value && next_is_value(r))
		f->value = r->argv[r->at++];
	if ((!f->value || !*f->value) && !f->row->secret && !f->row->optional)
		return err_set(r->e, EC_USAGE, "/%s needs a value: /%s %s", f->row->name,
			       f->row->name, f->row->value);
	return EC_OK;
}

static enum ec read_switch(struct reader *r, struct found *f)
{
	enum ec rc = switch_value(r, f);

	if (rc != EC_OK)
		return rc;
	if (f->global == GLOBAL_JSON)
		r->out->json = true;
	else if (f->global == GLOBAL_CSV)
		r->out->csv = true;
	else if (f->global == GLOBAL_CONFIG)
		r->out->config = f->value;
	else if (f->global == GLOBAL_BIND_AS)
		r->out->bind_as = f->value;
	else if (r->out->given[f->own])
		return err_set(r->e, EC_USAGE, "/%s is given twice", f->row->name);
	else if (f->row->secret && f->value && strcmp(f->value, "-") != 0)
		take_secret(r, f->value);
	if (f->own >= 0)
		r->out->given[f->own] = f->value && !f->row->secret ? f->value : "";
	return EC_OK;
}

static enum ec read_word(struct reader *r, char *word)
{
	struct wp_args *a = r->out;

	if (!a->cmd) {
		a->cmd = wp_cmd_find(word);
		return a->cmd ? EC_OK : err_set(r->e, EC_USAGE, "unknown command \"%.40s\"", word);
	}
	if (a->argc == a->cmd->argc_max || a->argc == WP_ARGS_MAX)
		return err_set(r->e, EC_USAGE, "%s: too many arguments", a->cmd->name);
	if (a->cmd->secret_at > 0 && a->argc == a->cmd->secret_at && strcmp(word, "-") != 0)
		take_secret(r, word);
	a->argv[a->argc++] = word;
	return EC_OK;
}

/* A path may begin like a switch; what is none of ours is taken for it, once. */
static bool is_path(const struct wp_args *a, const char *word)
{
	return a->cmd && a->cmd->path && a->argc < a->cmd->argc_max && word[0] == '/';
}

/* Behind raw_from only the switches of every command count, and only with two dashes. */
static bool is_raw(const struct wp_args *a, const char *word)
{
	return a->cmd && a->cmd->raw_from > 0 && a->argc >= a->cmd->raw_from && word[0] == '/';
}

static bool is_secret_place(const struct wp_args *a)
{
	return a->cmd && a->cmd->secret_at > 0 && a->argc == a->cmd->secret_at;
}

static enum ec read_next(struct reader *r)
{
	char *word = r->argv[r->at++];
	struct found f;

	if (args_is_help(word) && !is_secret_place(r->out)) {
		r->out->help = true;
		return EC_OK;
	}
	if (is_version(r->out, word)) {
		r->out->version = true;
		return EC_OK;
	}
	if (is_raw(r->out, word))
		return read_word(r, word);
	if (find_switch(r->out->cmd, word, &f))
		return read_switch(r, &f);
	if (switch_name(word) && !is_secret_place(r->out) && !is_path(r->out, word))
		return unknown(r, word);
	return read_word(r, word);
}

enum ec args_parse(int argc, char **argv, struct wp_args *out, struct err *e)
{
	struct reader r = { .argc = argc, .at = 1, .argv = argv, .out = out, .e = e };
	enum ec rc = EC_OK;

	*out = (struct wp_args){ 0 };
	while (r.at < r.argc && rc == EC_OK)
		rc = read_next(&r);
	if (rc == EC_OK && out->cmd && !out->help && out->argc < out->cmd->argc_min)
		rc = err_set(e, EC_USAGE, "%s: something is missing: winpop %s %s", out->cmd->name,
			     out->cmd->name, out->cmd->args);
	if (rc == EC_OK && out->json && out->csv)
		rc = err_set(e, EC_USAGE, "choose one of --json and --csv");
	if (rc != EC_OK)
		secret_drop(&out->secret);
	return rc;
}

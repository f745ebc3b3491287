/* cmd_token.c - tokens for scripts: token add, list, delete.
 *
 * One command with a word for what to do, as its three parts are nothing without each other. A token is shown by the run that
 * makes it and never again, so it is the answer itself, for a script to take.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "admin/cmd.h"
#include "admin/tokens.h"

enum { DAYS };
#define DAYS_MAX 36500
#define DAY_S 86400

/* ---- add ---- */

static enum ec read_days(const char *text, int64_t *ends_s, struct err *e)
{
	char *end;
	unsigned long days = text ? strtoul(text, &end, 10) : 0;

	*ends_s = 0;
	if (!text)
		return EC_OK;
	if (*text < '0' || *text > '9' || *end || days == 0 || days > DAYS_MAX)
		return err_set(e, EC_USAGE, "/days %.40s: write 1 to %d", text, DAYS_MAX);
	*ends_s = clock_wall_s() + (int64_t)days * DAY_S;
	return EC_OK;
}

static enum ec read_domains(struct wp *w, const struct wp_args *a, struct scope *out, struct err *e)
{
	const char **domains = arena_alloc(w->mem, WP_ARGS_MAX * sizeof(*domains));
	enum ec rc = EC_OK;
	struct name n;

	*out = (struct scope){ .whole = a->argc == 2, .domains = domains };
	for (int i = 2; i < a->argc && rc == EC_OK; i++) {
		rc = name_parse_domain(&n, a->argv[i], strlen(a->argv[i]), e);
		domains[out->n_domains++] = arena_strz(w->mem, n.domain);
	}
	return rc;
}

/* Whoever called sudo, as in the audit. */
static const char *maker(struct wp *w)
{
	const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	const struct passwd *pw = sudo && *sudo ? NULL : getpwuid(getuid());
	const char *name = sudo && *sudo ? sudo : pw ? pw->pw_name : NULL;

	return name && !name[strcspn(name, " \t\r\n")]
		       ? arena_strz(w->mem, name)
		       : arena_fmt(w->mem, "%u", (unsigned)getuid());
}

static const char *day_text(struct wp *w, int64_t second)
{
	char text[CLOCK_TEXT_LEN];

	clock_text((uint64_t)second * 1000000, text);
	return second > 0 ? arena_fmt(w->mem, "%.10s", text) : "never";
}

static const char *scope_text(struct wp *w, const struct scope *s)
{
	const char *text = "";

	for (size_t i = 0; i < s->n_domains; i++)
		text = arena_fmt(w->mem, "%s%s%s", text, i ? " " : "", s->domains[i]);
	return s->whole ? "*" : text;
}

static enum ec add(struct wp *w, const struct wp_args *a, struct err *e)
{
	char text[TOKEN_TEXT_LEN + 1];
	struct token wish = { .by = maker(w) };

	if (a->argc < 2)
		return err_set(e, EC_USAGE, "what is it called? winpop token add Name");
	if (snprintf(wish.name, sizeof(wish.name), "%s", a->argv[1]) >= (int)sizeof(wish.name))
		return err_set(e, EC_USAGE, "a token's name has at most %d letters",
			       TOKEN_NAME_MAX);
	enum ec rc = read_days(a->given[DAYS], &wish.ends_s, e);
	if (rc == EC_OK)
		rc = read_domains(w, a, &wish.scope, e);
	if (rc == EC_OK)
		rc = tokens_add(w->conf, &wish, text, e);
	if (rc != EC_OK)
		return rc;
	out_field(w->out, "name", wish.name);
	out_field(w->out, "domains", scope_text(w, &wish.scope));
	out_field(w->out, "ends", day_text(w, wish.ends_s));
	out_field(w->out, "token", text);
	out_note(w->out, "this is shown once and kept nowhere: whoever has it has these rights");
	wipe(text, sizeof(text));
	return EC_OK;
}

/* ---- list, delete ---- */

static enum ec list(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct tokens all;
	enum ec rc = tokens_load(w->conf, w->mem, &all, e);

	w->looked = true;
	if (rc == EC_OK && a->argc > 1)
		rc = err_set(e, EC_USAGE, "list takes nothing more");
	if (rc != EC_OK)
		return rc;
	out_list(w->out, "tokens");
	for (size_t i = 0; i < all.n; i++) {
		const struct token *t = &all.rows[i];
		bool over = t->ends_s > 0 && t->ends_s <= clock_wall_s();
		out_record(w->out);
		out_field(w->out, "name", t->name);
		out_field(w->out, "domains", scope_text(w, &t->scope));
		out_field(w->out, "made", day_text(w, t->made_s));
		out_field(w->out, "by", t->by);
		out_field(w->out, "ends", day_text(w, t->ends_s));
		out_field(w->out, "state", over ? "over" : "good");
		out_end(w->out);
	}
	out_end(w->out);
	return EC_OK;
}

static enum ec delete (struct wp *w, const struct wp_args *a, struct err *e) {
	if (a->argc != 2) return err_set(e, EC_USAGE, "which one? winpop token delete Name");
	enum ec rc = tokens_delete(w->conf, a->argv[1], e);

	if (rc == EC_OK) out_say(w->out, "The token %s is good for nothing now.", a->argv[1]);
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	static const struct {
		const char *word;
		enum ec (*fn)(struct wp *w, const struct wp_args *a, struct err *e);
	} parts[] = { { "add", add }, { "list", list }, { "delete", delete } };

	w->target = a->argc > 1 ? a->argv[1] : NULL;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcasecmp(a->argv[0], parts[i].word) != 0)
			continue;
		if (a->given[DAYS] && parts[i].fn != add)
			return err_set(e, EC_USAGE, "/days goes with add");
		return parts[i].fn(w, a, e);
	}
	return err_set(e, EC_USAGE, "\"%.40s\": write add, list or delete", a->argv[0]);
}

const struct wp_cmd wp_token = {
	.name = "token",
	.args = "{add Name [DomainName ...] [/days Number] | list | delete Name}",
	.help = "Makes, lists and deletes tokens that scripts use the console with.",
	.more = "A script sends it as Authorization: Bearer, and may do what an administrator of "
		"these domains may, or, if none is named, of the whole server. With /days it is "
		"good for so long, else until it is deleted. It is shown once, when it is made: "
		"only its SHA-256 is kept, in console.tokens beside the file that the setting "
		"console_rights names, which nobody but root can read. The audit tells a token by "
		"its name.",
	.argc_min = 1,
	.argc_max = WP_ARGS_MAX,
	.how = WP_WRITES,
	.needs = WP_CONF,
	.scope = WP_HOST,
	.extra = true,
	.switches = { { .name = "days",
			.value = "Number",
			.help = "It is good for so many days" } },
	.run = run,
};

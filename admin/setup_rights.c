/* setup_rights.c - who may administer, from one line of answers to lines of the console's file of rights. */
#include <string.h>
#include "admin/rights.h"
#include "admin/setup.h"

static bool is_name(const char *who)
{
	size_t len = strlen(who);

	if (strncmp(who, "group:\"", 7) == 0)
		return len > 8 && who[len - 1] == '"' && !strchr(who + 7, '\n');
	if (who[strcspn(who, " \t\"#")])
		return false;
	const char *at = strchr(who, '@');
	return who[0] == '%' ? len > 1 : at && at > who && at[1];
}

static const char *next_name(struct arena *mem, const char **at)
{
	*at += strspn(*at, " \t;");
	size_t len = strcspn(*at, ";");
	const char *name = *at;
	*at += len;
	while (len > 0 && strchr(" \t", name[len - 1]))
		len--;
	return arena_str(mem, name, len);
}

/* The file's own rules have the last word. */
static bool is_understood(struct arena *mem, const char *who)
{
	const char *line = arena_fmt(mem, "%s *\n", who);
	struct rights *r;

	return rights_parse(mem, line, strlen(line), &r, NULL) == EC_OK;
}

enum ec setup_rights(struct arena *mem, const char *names, const char **out, struct err *e)
{
	const char *text = "";

	for (const char *who; *(who = next_name(mem, &names));) {
		if (!is_name(who) || !is_understood(mem, who))
			return err_set(e, EC_USAGE,
				       "\"%.60s\" names nobody: write kim@example.com, %%group or "
				       "group:\"DN\"",
				       who);
		text = arena_fmt(mem, "%s%s%s", text, *text ? "; " : "", who);
	}
	if (!*text)
		return err_set(e, EC_USAGE, "somebody must be named");
	*out = text;
	return EC_OK;
}

/* Is there a line that begins with it? */
static bool has_line(const char *text, const char *who)
{
	size_t len = strlen(who);

	for (const char *p = text; (p = strstr(p, who)) != NULL; p++) {
		if ((p == text || p[-1] == '\n') && strchr(" \t", p[len]) && p[len])
			return true;
	}
	return false;
}

const char *setup_rights_text(struct arena *mem, const char *before, const char *names)
{
	static const char head[] = "# Who may administer by the console: WHO DOMAIN ..., or WHO * "
				   "for the whole server.\n"
				   "# WHO is kim@example.com, %group of this computer, or "
				   "group:\"DN\" of the directory.\n";
	const char *text = *before ? before : head;
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] != '\n')
		text = arena_fmt(mem, "%s\n", text);
	for (const char *who; *(who = next_name(mem, &names));) {
		if (!has_line(text, who))
			text = arena_fmt(mem, "%s%s *\n", text, who);
	}
	return text;
}

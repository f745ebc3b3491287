/* setup_command.c - what is done by commands, with its line in the log.
 *
 * The wizard does nothing that an administrator could not do by hand, and it does it in the same way.
 */
#include <string.h>
#include "admin/inner.h"
#include "admin/setup.h"

static const char *as_typed(struct arena *mem, const char *const words[])
{
	const char *text = "winpop";

	for (size_t i = 0; words[i]; i++) {
		bool plain = *words[i] && !strpbrk(words[i], " \t");
		text = arena_fmt(mem, plain ? "%s %s" : "%s \"%s\"", text, words[i]);
	}
	return text;
}

static void log_lines(struct setup *s, const char *text)
{
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		setup_log_line(&s->log, "    %.*s", (int)len, text);
	}
}

enum ec setup_command(struct setup *s, const char *const words[], const struct secret *password,
		      struct err *e)
{
	const char *answer;

	setup_log_line(&s->log, "  $ %s", as_typed(s->w->mem, words));
	enum ec rc = inner_run(s->w, words, password, &answer, e);
	log_lines(s, answer);
	return rc;
}

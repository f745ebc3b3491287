/* mkman.c - man pages from templates and tables. Runs while building.
 *
 *	mkman TEMPLATE > PAGE
 *
 * A line @SYNTAX@, @COMMANDS@, @SETTINGS@ or @EXITS@ is replaced by what the tables say, so that the
 * pages cannot drift from the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "admin/exits.h"
#include "admin/syntax.h"

/* Text of ours as roff: no minus becomes a hyphen, nothing becomes a request. */
static void put(const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
		line_start = *text == '\n';
	}
}

static void put_paragraphs(const char *text)
{
	for (const char *lf; (lf = strchr(text, '\n')) != NULL; text = lf + 1) {
		char *one = strndup(text, (size_t)(lf - text));
		put(one);
		puts("\n.IP");
		free(one);
	}
	put(text);
	putchar('\n');
}

static void put_syntax(struct arena *mem)
{
	struct buf b = { 0 };

	syntax_calls(&b, mem);
	puts(".nf");
	put(arena_str(mem, buf_at(&b), b.len));
	puts(".fi");
	buf_drop(&b);
}

static void put_switch(const struct wp_switch *s)
{
	fputs(".IP\n\\fB/", stdout);
	put(s->name);
	printf("\\fR%s", s->value ? " " : "");
	put(s->value ? s->value : "");
	fputs(": ", stdout);
	put(s->help);
	puts(".");
}

static void put_commands(struct arena *mem)
{
	(void)mem;
	for (size_t i = 0; wp_cmds[i]; i++) {
		fputs(".TP\n\\fB", stdout);
		put(wp_cmds[i]->name);
		fputs("\\fR ", stdout);
		put(wp_cmds[i]->args);
		putchar('\n');
		put(wp_cmds[i]->help);
		putchar('\n');
		if (wp_cmds[i]->more)
			put_paragraphs(wp_cmds[i]->more);
		for (const struct wp_switch *s = wp_cmds[i]->switches; s->name; s++)
			put_switch(s);
	}
}

static void put_settings(struct arena *mem)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		if (i == 0 || o->group != o[-1].group) {
			fputs(".SS ", stdout);
			put(setting_group(o->group));
			putchar('\n');
		}
		printf(".TP\n\\fB%s\\fR ", o->name);
		put(setting_syntax(mem, o));
		putchar('\n');
		put(syntax_setting_text(mem, o));
		fputs(o->when == OPT_RESTART ? "\nTakes effect at a restart.\n" : "\n", stdout);
	}
}

static void put_exits(struct arena *mem)
{
	(void)mem;
	for (int code = 0; code < EXIT_COUNT; code++)
		printf(".TP\n\\fB%d\\fR\n%s\n", code, exit_text((enum exit_code)code));
}

static const struct {
	const char *line;
	void (*put)(struct arena *mem);
} parts[] = {
	{ "@SYNTAX@\n", put_syntax },
	{ "@COMMANDS@\n", put_commands },
	{ "@SETTINGS@\n", put_settings },
	{ "@EXITS@\n", put_exits },
};

static void put_line(const char *line, struct arena *mem)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(line, parts[i].line) == 0) {
			parts[i].put(mem);
			return;
		}
	}
	fputs(line, stdout);
}

int main(int argc, char **argv)
{
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	struct arena *mem = arena_new("mkman", 4096);
	char *line = NULL;
	size_t room = 0;

	if (!in) {
		fprintf(stderr, "mkman: cannot read the template\n");
		return EXIT_FAILURE;
	}
	while (getline(&line, &room, in) >= 0)
		put_line(line, mem);
	free(line);
	fclose(in);
	arena_drop(&mem);
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

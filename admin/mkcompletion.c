/* mkcompletion.c - completion for shells from templates and tables. Runs while building.
 *
 *	mkcompletion TEMPLATE > SCRIPT
 *
 * A line @NAME@ is replaced by what the tables of commands and settings say; how a shell is told so is in the template, and
 * which it is shows in the template's name. What is asked at run time - names of domains and mailboxes - the scripts ask of
 * `winpop list`, for a second at most: a directory that is away must not hold up somebody who types.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/conf/options.h"
#include "admin/cmd.h"

/* ---- pieces ---- */

static bool takes_names(const struct wp_cmd *c)
{
	return strstr(c->args, "DomainName") != NULL;
}

static bool takes_settings(const struct wp_cmd *c)
{
	return strstr(c->args, "Setting") != NULL;
}

static bool takes_file(const struct wp_switch *s)
{
	return s->value && (strstr(s->value, "File") || strstr(s->value, "Directory"));
}

/* In single quotes, as each of the three shells takes it. */
static void put_quoted(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
	putchar('\'');
}

/* What the syntax shows as it is typed: words in small letters that are no switch. */
static void put_words(const struct wp_cmd *c)
{
	for (const char *p = c->args; *p;) {
		size_t len = strcspn(p, " []{}|");
		if (len > 1 && strspn(p, "abcdefghijklmnopqrstuvwxyz") >= len)
			printf(" %.*s", (int)len, p);
		p += len > 0 ? len : 1;
	}
}

/* "yes|no"; NULL: whatever one likes. */
static const char *values_of(const struct option *o)
{
	switch (o->type) {
	case OPT_BOOL: return "yes|no";
	case OPT_AUTHN: return "ad|local|file";
	case OPT_WORD: return o->words;
	default: return NULL;
	}
}

static void put_alternatives(const char *words)
{
	for (; *words; words++)
		putchar(*words == '|' ? ' ' : *words);
}

/* ---- what replaces the lines ---- */

static void put_commands(void)
{
	for (size_t i = 0; wp_cmds[i]; i++)
		puts(wp_cmds[i]->name);
}

static void put_described(void)
{
	for (size_t i = 0; wp_cmds[i]; i++) {
		char row[400];
		snprintf(row, sizeof(row), "%s:%s", wp_cmds[i]->name, wp_cmds[i]->help);
		put_quoted(row);
		putchar('\n');
	}
}

static void put_settings(void)
{
	for (size_t i = 0; i < n_options; i++)
		puts(options[i].name);
}

/* "set) fixed=' help' switches='' names= settings=1 ;;" */
static void put_rows(void)
{
	for (size_t i = 0; wp_cmds[i]; i++) {
		const struct wp_cmd *c = wp_cmds[i];
		char low[40] = "";
		for (size_t k = 0; c->name[k] && k + 1 < sizeof(low); k++)
			low[k] = (char)(c->name[k] | 0x20); /* letters only */
		printf("\t%s) fixed='", low);
		put_words(c);
		fputs("' switches='", stdout);
		for (const struct wp_switch *s = c->switches; s->name; s++)
			printf(" --%s", s->name);
		printf("' names=%s settings=%s ;;\n", takes_names(c) ? "1" : "",
		       takes_settings(c) ? "1" : "");
	}
}

/* "setup:--answers) true ;;": a file's name comes behind it */
static void put_files(void)
{
	for (size_t i = 0; wp_cmds[i]; i++) {
		for (const struct wp_switch *s = wp_cmds[i]->switches; s->name; s++) {
			if (takes_file(s))
				printf("\t%s:--%s) true ;;\n", wp_cmds[i]->name, s->name);
		}
	}
}

/* Settings whose values are a few words. */
static void put_values(void)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		const char *words = values_of(o);
		if (!words)
			continue;
		printf("\t%s) echo '", o->name);
		put_alternatives(words);
		puts("' ;;");
	}
}

/* fish has a line for each thing that can be typed, with its help. */
static void put_fish(void)
{
	for (size_t i = 0; wp_cmds[i]; i++) {
		const struct wp_cmd *c = wp_cmds[i];
		printf("complete -c winpop -n __winpop_first -a %s -d ", c->name);
		put_quoted(c->help);
		putchar('\n');
		for (const struct wp_switch *s = c->switches; s->name; s++) {
			printf("complete -c winpop -n '__winpop_in %s' -l %s %s -d ", c->name,
			       s->name,
			       !s->value       ? ""
			       : takes_file(s) ? "-r -F"
					       : "-x");
			put_quoted(s->help);
			putchar('\n');
		}
		if (takes_names(c))
			printf("complete -c winpop -n '__winpop_in %s' -a '(__winpop_names)'\n",
			       c->name);
		printf("complete -c winpop -n '__winpop_in %s' -a '", c->name);
		put_words(c);
		puts("'");
	}
}

static void put_fish_settings(void)
{
	for (size_t i = 0; i < n_options; i++) {
		printf("complete -c winpop -n __winpop_setting -a %s -d ", options[i].name);
		put_quoted(options[i].help);
		putchar('\n');
	}
}

static void put_fish_values(void)
{
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		const char *words = values_of(o);
		if (!words)
			continue;
		printf("complete -c winpop -n '__winpop_value %s' -a '", o->name);
		put_alternatives(words);
		puts("'");
	}
}

static const struct {
	const char *line;
	void (*put)(void);
} parts[] = {
	{ "@COMMANDS@\n", put_commands },
	{ "@DESCRIBED@\n", put_described },
	{ "@SETTINGS@\n", put_settings },
	{ "@ROWS@\n", put_rows },
	{ "@FILES@\n", put_files },
	{ "@VALUES@\n", put_values },
	{ "@FISH@\n", put_fish },
	{ "@FISH-SETTINGS@\n", put_fish_settings },
	{ "@FISH-VALUES@\n", put_fish_values },
};

static void put_line(const char *line)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(line, parts[i].line) == 0) {
			parts[i].put();
			return;
		}
	}
	fputs(line, stdout);
}

int main(int argc, char **argv)
{
	FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
	char *line = NULL;
	size_t room = 0;

	if (!in) {
		fprintf(stderr, "mkcompletion: cannot read the template\n");
		return EXIT_FAILURE;
	}
	while (getline(&line, &room, in) >= 0)
		put_line(line);
	free(line);
	fclose(in);
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* settings.c - rows of the option table in the original's clothes. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "server/base/buf.h"
#include "admin/settings.h"

static const char *const group_titles[] = {
	[OPT_ORIGINAL] = "The service",
	[OPT_LISTEN] = "Where it listens",
	[OPT_TLS] = "TLS",
	[OPT_SIGNIN] = "Sign-in",
	[OPT_DIRECTORY] = "Directory",
	[OPT_MAIL] = "Mail",
	[OPT_LIMITS] = "Limits and times",
	[OPT_PROCESS] = "Process",
	[OPT_CONSOLE] = "Console",
};

const char *const setting_socket[] = { "socketmax", "socketmin", "socketbacklog", "socketthreshold",
				       NULL };

#define CHOICES_MAX 4 /* numbers are listed one by one up to here */

static bool is_port(const struct option *o)
{
	return strcmp(o->name, "port") == 0;
}

const char *setting_text(struct arena *mem, const struct option *o, const struct conf *c)
{
	const char *text = option_text(mem, o, c);

	if (o->type == OPT_BOOL && o->group == OPT_ORIGINAL)
		return strcmp(text, "yes") == 0 ? "1" : "0";
	if (o->type != OPT_AUTHN)
		return text;
	unsigned number = authn_number(c->authentication, c->role);
	return number > 0 ? arena_fmt(mem, "%u (%s)", number, text) : text;
}

const char *setting_preset(const struct option *o)
{
	if (o->type == OPT_BOOL && o->group == OPT_ORIGINAL)
		return strcmp(o->preset, "yes") == 0 ? "1" : "0";
	return o->preset ? o->preset : "";
}

static const char *words_in_braces(struct arena *mem, const char *words)
{
	struct buf b = { 0 };

	buf_addz(&b, "{");
	for (; *words; words++) {
		if (*words == '|')
			buf_addz(&b, " | ");
		else
			buf_add(&b, words, 1);
	}
	buf_addz(&b, "}");
	const char *out = arena_str(mem, buf_at(&b), b.len);
	buf_drop(&b);
	return out;
}

static const char *numbers_in_braces(struct arena *mem, const struct option *o)
{
	struct buf b = { 0 };

	for (uint64_t n = o->min; n <= o->max; n++)
		buf_fmt(&b, "%s%ju", n > o->min ? "|" : "", (uintmax_t)n);
	const char *words = arena_str(mem, buf_at(&b), b.len);
	buf_drop(&b);
	return words_in_braces(mem, words);
}

const char *setting_syntax(struct arena *mem, const struct option *o)
{
	switch (o->type) {
	case OPT_AUTHN: return "{1 | 2 | 3}";
	case OPT_BOOL: return o->group == OPT_ORIGINAL ? "{0 | 1}" : "{no | yes}";
	case OPT_PATH: return "Path";
	case OPT_EXPIRE: return "{never | Days}";
	default: break;
	}
	if (is_port(o))
		return "PortNumber";
	if (o->words)
		return words_in_braces(mem, o->words);
	if (o->type == OPT_UINT && o->max - o->min <= CHOICES_MAX)
		return numbers_in_braces(mem, o);
	return "Value";
}

const char *setting_range(struct arena *mem, const struct option *o)
{
	if (is_port(o)) /* `set` keeps to the original's range */
		return arena_fmt(mem, "1 - %ju", (uintmax_t)o->max);
	if (o->type == OPT_UINT || o->type == OPT_BYTES || o->type == OPT_EXPIRE)
		return arena_fmt(mem, "%ju - %ju", (uintmax_t)o->min, (uintmax_t)o->max);
	if ((o->type == OPT_TEXT || o->type == OPT_PATH) && o->max > 0)
		return arena_fmt(mem, "at most %ju characters", (uintmax_t)o->max);
	return "";
}

const char *setting_group(enum opt_group group)
{
	return group_titles[group];
}

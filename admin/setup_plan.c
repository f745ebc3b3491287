/* setup_plan.c - what the answers come to: settings, and the list of what will be done.
 *
 * Only what differs from what is set becomes a change, so that the wizard run again over its own work has nothing to do.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/kv.h"
#include "admin/setup.h"

const char *setup_file(const struct setup *s, const char *name)
{
	const char *path = s->w->conf_path, *slash = strrchr(path, '/');

	return slash ? arena_fmt(s->w->mem, "%.*s/%s", (int)(slash - path), path, name) : name;
}

const char *setup_mailbox(const struct setup *s)
{
	const char *text = wizard_answer(&s->z, "mailbox");

	return text ? text : "";
}

/* ---- settings ---- */

struct pairs {
	const struct setup *s;
	struct setup_pair *at;
	size_t n;
};

static const char *is_set(const struct setup *s, const char *key)
{
	return option_text(s->w->mem, option_find(key), s->found.conf);
}

static void put(struct pairs *p, const char *key, const char *value)
{
	if (!value || strcmp(value, is_set(p->s, key)) == 0)
		return;
	assert(p->n < SETUP_PAIRS_MAX);
	p->at[p->n++] = (struct setup_pair){ key, value };
}

static void put_number(struct pairs *p, const char *key, unsigned value)
{
	put(p, key, arena_fmt(p->s->w->mem, "%u", value));
}

static bool has_directory(const struct setup *s)
{
	const char *servers = wizard_answer(&s->z, "directory_servers");

	return servers && *servers;
}

/* Its place in a directory decides about the methods and their numbers. */
static const char *role(const struct setup *s)
{
	if (s->found.directory.controller)
		return "dc";
	if (!has_directory(s))
		return "standalone";
	return s->found.conf->role == ROLE_DC ? "dc" : "member";
}

static void put_certificate(struct pairs *p)
{
	const struct setup *s = p->s;

	if (wizard_is(&s->z, "certificate", "self")) {
		put(p, "tls_cert", setup_file(s, "tls.crt"));
		put(p, "tls_key", setup_file(s, "tls.key"));
	} else if (wizard_is(&s->z, "certificate", "none")) {
		put(p, "tls_cert", "");
		put(p, "tls_key", "");
	}
}

static void put_size(struct pairs *p)
{
	const char *users = wizard_answer(&p->s->z, "users");

	if (!users || !*users)
		return;
	struct setup_size size = setup_size(strtoul(users, NULL, 10));
	put_number(p, "socketmax", size.socketmax);
	put_number(p, "socketmin", size.socketmin);
	put_number(p, "socketbacklog", size.socketbacklog);
	put_number(p, "socketthreshold", size.socketthreshold);
	put_number(p, "workers", size.workers);
}

/* Pages that are called like a setting answer it. */
static void put_answers(struct pairs *p)
{
	for (const struct wizard_page *page = p->s->z.pages; page->key; page++) {
		if (option_find(page->key))
			put(p, page->key, wizard_answer(&p->s->z, page->key));
	}
}

size_t setup_settings(const struct setup *s, struct setup_pair out[SETUP_PAIRS_MAX])
{
	struct pairs p = { .s = s, .at = out };

	put(&p, "role", role(s));
	put_answers(&p);
	put_certificate(&p);
	put_size(&p);
	return p.n;
}

const char *setup_setting(const struct setup *s, const char *key)
{
	struct setup_pair pairs[SETUP_PAIRS_MAX];
	size_t n = setup_settings(s, pairs);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(pairs[i].key, key) == 0)
			return pairs[i].value;
	}
	return is_set(s, key);
}

enum ec setup_conf(const struct setup *s, struct conf **out, struct err *e)
{
	struct setup_pair pairs[SETUP_PAIRS_MAX];
	size_t n = setup_settings(s, pairs);
	const char *text = s->found.conf_text;

	for (size_t i = 0; i < n; i++)
		text = kv_edit(s->w->mem, text, strlen(text), pairs[i].key, pairs[i].value);
	return conf_parse(s->w->conf_path, text, strlen(text), out, e);
}

/* ---- summary ---- */

void setup_summary(const struct setup *s, setup_line_fn *fn, void *ctx)
{
	for (const struct setup_step *step = setup_steps; step->what; step++) {
		const char *line = step->what(s);
		if (line)
			fn(ctx, line);
	}
}

/* setup_try.c - what can be tried before anything is done: the directory, a certificate, Postfix.
 *
 * Nothing is changed by it. The directory is asked the very questions of checkdirectory, with the settings as they would be
 * and the password that has just been typed.
 */
#include <string.h>
#include "server/base/kv.h"
#include "server/net/tls.h"
#include "admin/postconf.h"
#include "admin/setup.h"

/* ---- directory ---- */

struct findings {
	struct arena *mem;
	const char *text;
};

static void add_finding(void *ctx, bool good, const char *what, const char *remedy)
{
	struct findings *f = ctx;
	const char *line = good ? arena_fmt(f->mem, "good: %s", what)
				: arena_fmt(f->mem, "BAD: %s - %s", what, remedy);

	f->text = arena_fmt(f->mem, "%s%s%s", f->text, *f->text ? "\n" : "", line);
}

static const struct dir_identity *identity(const struct setup *s)
{
	struct dir_identity *as = arena_alloc(s->w->mem, sizeof(*as));

	*as = (struct dir_identity){ setup_setting(s, "directory_user"), &s->directory_password };
	return s->directory_password.len > 0 ? as : NULL;
}

static enum ec try_directory(struct setup *s, const struct conf *c, struct findings *f,
			     struct err *e)
{
	struct dir *d = NULL;
	enum ec rc = dir_open(c, identity(s), &s->w->log, &d, e);

	if (rc == EC_OK)
		rc = dir_check(d, add_finding, f, e);
	dir_close(&d);
	return rc;
}

/* What it depends on, as a text. */
static const char *tried_with(const struct setup *s)
{
	const char *text = "";

	for (const struct wizard_page *p = s->z.pages; p->key; p++) {
		const char *answer = strncmp(p->key, "directory", 9) == 0 &&
						     strcmp(p->key, "directory_ready") != 0
					     ? wizard_answer(&s->z, p->key)
					     : NULL;
		text = arena_fmt(s->w->mem, "%s\n%s", text, answer ? answer : "");
	}
	return text;
}

/* The settings that are not answered yet are as they are. */
const struct setup_trial *setup_try(struct setup *s)
{
	struct findings f = { s->w->mem, "" };
	const char *with = tried_with(s);
	struct conf *c = NULL;
	struct err why;

	if (s->trial.of && strcmp(s->trial.of, with) == 0)
		return &s->trial;
	enum ec rc = setup_conf(s, &c, &why);
	if (rc == EC_OK)
		rc = try_directory(s, c, &f, &why);
	conf_unref(&c);
	if (rc != EC_OK && !strstr(f.text, "BAD"))
		add_finding(&f, false, why.text, "correct it with <");
	s->trial = (struct setup_trial){ .of = with, .good = rc == EC_OK, .text = f.text };
	return &s->trial;
}

/* ---- certificate ---- */

enum ec setup_try_cert(const char *cert, const char *key, struct err *e)
{
	struct arena *mem = arena_new("certificate", 1024);
	struct conf *c = NULL;
	struct tls *t = NULL;
	const struct log silent = { 0 };
	const char *text = kv_edit(mem, "", 0, "tls_cert", cert);

	text = kv_edit(mem, text, strlen(text), "tls_key", key);
	enum ec rc = conf_parse("answers", text, strlen(text), &c, e);
	if (rc == EC_OK)
		rc = tls_new(c, NULL, &silent, &t, e);
	tls_unref(&t);
	conf_unref(&c);
	arena_drop(&mem);
	return rc;
}

/* ---- Postfix ---- */

enum ec setup_try_postfix(const struct setup *s, const char **which, size_t *n, struct err *e)
{
	struct pf_want wants[PF_WANTS_MAX];
	struct conf *c = NULL;
	struct pf_now now;

	*which = "";
	*n = 0;
	enum ec rc = postconf_read(s->w->mem, NULL, &now, e);
	if (rc == EC_OK)
		rc = setup_conf(s, &c, e);
	size_t n_wants = rc == EC_OK ? postfix_wants(s->w->mem, c, &now, wants) : 0;
	conf_unref(&c);
	for (size_t i = 0; i < n_wants; i++) {
		if (wants[i].state != PF_TAKEN)
			continue;
		*which = arena_fmt(s->w->mem, "%s%s%s = %s", *which, *n > 0 ? "; " : "",
				   wants[i].key, wants[i].now);
		++*n;
	}
	return rc;
}

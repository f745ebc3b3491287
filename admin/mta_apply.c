/* mta_apply.c - Postfix is set up.
 *
 * Nothing that an administrator has set otherwise is changed without /y: the first thing is to look
 * for that, before anything is touched. It may be done as often as one likes, after every change of
 * our settings or of Postfix's.
 */
#include <string.h>
#include <unistd.h>
#include "admin/edit.h"
#include "admin/identity.h"
#include "admin/mta.h"

static enum ec refuse_taken(struct mta *m)
{
	struct out *o = m->w->out;
	size_t n = 0;

	for (size_t i = 0; i < m->n_wants; i++) {
		const struct pf_want *want = &m->wants[i];
		if (want->state != PF_TAKEN)
			continue;
		if (n++ == 0)
			out_list(o, "set_otherwise");
		out_record(o);
		out_field(o, "setting", want->key);
		out_field(o, "now", want->now);
		out_field(o, "wanted", want->value);
		out_end(o);
	}
	if (n == 0)
		return EC_OK;
	out_end(o);
	wp_hint(m->w, EC_REFUSED, "with /y they are replaced; nothing was changed");
	return err_set(m->e, EC_REFUSED, "%zu settings of Postfix are set to something else", n);
}

static void show_change(struct mta *m, const char *file, const char *setting, const char *now,
			const char *value)
{
	struct out *o = m->w->out;

	out_record(o);
	out_field(o, "file", file);
	out_field(o, "setting", setting);
	out_field(o, "was", *now ? now : "-");
	out_field(o, "is", *value ? value : "-");
	out_end(o);
}

/* The file may have been changed since we read it; under its lock it is not. */
static enum ec put_sockets(struct mta *m, struct edit *ed, bool *changed)
{
	struct arena *mem = m->w->mem;
	struct conf *now = NULL;

	for (size_t i = 0; i < PF_SOCKETS; i++) {
		const struct pf_socket *s = &pf_sockets[i];
		const char *path = postfix_socket_path(mem, &m->now, s);
		const char *was = postfix_socket_set(ed->was ? ed->was : m->c, s);
		if (strcmp(was, path) == 0)
			continue;
		edit_put(ed, s->setting, path);
		show_change(m, "winpop.conf", s->setting, was, path);
		*changed = true;
	}
	if (!*changed)
		return EC_OK;
	enum ec rc = edit_check(ed, &now, m->e);
	conf_unref(&now);
	return rc == EC_OK ? edit_commit(ed, m->e) : rc;
}

static enum ec edit_conf(struct mta *m, bool *changed)
{
	struct edit ed;
	enum ec rc = edit_begin(m->w->conf_path, m->w->mem, &ed, m->e);

	if (rc != EC_OK)
		return rc;
	rc = put_sockets(m, &ed, changed);
	edit_end(&ed);
	return rc;
}

/* What was begun may have changed something, even if it failed: the files as they were say so. */
static enum ec set_postfix(struct mta *m, bool *changed)
{
	const char *kept;
	enum ec rc =
		postconf_write(m->w->mem, m->instance, &m->now, m->wants, m->n_wants, &kept, m->e);

	*changed = *kept;
	if (*kept)
		out_note(m->w->out, "the files as they were are kept: %s", kept);
	for (size_t i = 0; i < m->n_wants && rc == EC_OK; i++) {
		const struct pf_want *want = &m->wants[i];
		if (want->state != PF_GOOD)
			show_change(m, mta_file_of(want), want->key, want->now, want->value);
	}
	return rc;
}

static enum ec change_all(struct mta *m)
{
	bool dir = false, ours = false, postfix = false;

	wp_hold_signals();
	enum ec rc = mta_dir_make(m, &dir);
	out_list(m->w->out, "changes");
	if (rc == EC_OK)
		rc = edit_conf(m, &ours);
	if (rc == EC_OK)
		rc = set_postfix(m, &postfix);
	out_end(m->w->out);
	if (rc != EC_OK) {
		m->w->partly = dir || ours || postfix;
		return rc;
	}
	mta_tell_of_no_cert(m);
	if (dir || ours)
		out_note(m->w->out,
			 "restart winpopd, which opens its sockets: systemctl restart winpopd");
	if (postfix)
		out_note(m->w->out, "have Postfix read its settings: postfix%s%s reload",
			 m->instance ? " -c " : "", m->instance ? m->instance : "");
	out_say(m->w->out, "%s",
		dir || ours || postfix ? "Postfix is set up. Afterwards: winpop mta postfix /check"
				       : "Postfix was set up already.");
	return EC_OK;
}

enum ec mta_apply(struct mta *m, bool yes)
{
	const char *main_cf =
		arena_fmt(m->w->mem, "%s/main.cf", pf_get(&m->now.worth, "config_directory"));
	enum ec rc = identity_may_write(main_cf, m->e);

	if (rc == EC_OK)
		rc = identity_may_write(m->w->conf_path, m->e);
	if (rc == EC_OK && geteuid() != 0)
		rc = err_set(m->e, EC_DENIED, "Postfix is set up by root: run winpop as root");
	if (rc == EC_OK && !yes)
		rc = refuse_taken(m);
	return rc == EC_OK ? change_all(m) : rc;
}

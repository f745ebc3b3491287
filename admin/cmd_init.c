/* cmd_init.c - what a fresh machine needs: settings, key file, mail root.
 *
 * Each is made only if it is not there, so running it again is harmless. As root, all belongs to
 * the service's user but the settings, which are root's with the service's group reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/file.h"
#include "server/base/kv.h"
#include "admin/cmd.h"
#include "admin/identity.h"
#include "admin/settings.h"
#include "admin/syntax.h"

#define DIR_MODE 0750
#define CONF_MODE 0640

/* What is there is left alone. */
static enum ec make_dir(const char *path, const struct owner *o, struct err *e)
{
	struct stat st;

	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? EC_OK
					   : err_set(e, EC_EXISTS, "%s is not a directory", path);
	enum ec rc = identity_may_write(path, e);
	if (rc != EC_OK)
		return rc;
	bool root = geteuid() == 0;
	return file_make_dir(path, DIR_MODE, root ? o->uid : (uid_t)-1, o->gid, e);
}

/* The directory a path lies in. Root keeps it: were it the service's, a break-in there could
 * exchange the settings that root reads at the next start. */
static enum ec make_dir_of(struct wp *w, const char *path, const struct owner *o, struct err *e)
{
	const struct owner parent = { geteuid(), o->gid };
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return EC_OK;
	return make_dir(arena_str(w->mem, path, (size_t)(slash - path)), &parent, e);
}

/* All settings as comments with their defaults. */
static const char *template(struct wp *w)
{
	struct buf b = { 0 };
	int group = -1;

	buf_addz(&b, "# winpop.conf - settings of winpopd. Each line that is commented out shows a "
		     "default.\n# After a change: winpopd --check, then winpop reload. See "
		     "winpop.conf(5).\n");
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		if ((int)o->group != group)
			buf_fmt(&b, "\n# ---- %s ----\n", setting_group(o->group));
		group = (int)o->group;
		buf_fmt(&b, "\n# %s.\n#%s = %s\n", o->help, o->name, o->preset ? o->preset : "");
	}
	const char *text = arena_str(w->mem, buf_at(&b), b.len);
	buf_drop(&b);
	return text;
}

/* Which methods there are depends on the role, if that was given before. */
static enum host_role role_named(const char *word)
{
	return word[0] == 'm' ? ROLE_MEMBER : word[0] == 'd' ? ROLE_DC : ROLE_STANDALONE;
}

static enum ec put_given(struct wp *w, const struct wp_args *a, const char **text, struct err *e)
{
	enum host_role role = ROLE_STANDALONE;

	for (int i = 0; i + 1 < a->argc; i += 2) {
		const struct option *o = option_find(a->argv[i]);
		const char *stored;
		if (!o)
			return setting_unknown(a->argv[i], e);
		enum ec rc = option_check(w->mem, o, a->argv[i + 1], role, &stored, e);
		if (rc != EC_OK)
			return rc;
		if (strcmp(o->name, "role") == 0)
			role = role_named(stored);
		*text = kv_edit(w->mem, *text, strlen(*text), o->name, stored);
	}
	return a->argc % 2 == 0
		       ? EC_OK
		       : err_set(e, EC_USAGE, "%.40s: the value is missing", a->argv[a->argc - 1]);
}

static void told(struct wp *w, const char *key, const char *path, bool made)
{
	out_field(w->out, key, path);
	if (!made)
		out_note(w->out, "%s was there and is left as it is", path);
}

static enum ec make_conf(struct wp *w, const char *text, const struct owner *o, struct err *e)
{
	enum ec rc = make_dir_of(w, w->conf_path, o, e);

	if (rc == EC_OK)
		rc = identity_may_write(w->conf_path, e);
	if (rc == EC_OK)
		rc = file_replace_for(w->conf_path, text, strlen(text), CONF_MODE,
				      geteuid() == 0 ? 0 : (uid_t)-1, o->gid, e);
	return rc;
}

static enum ec make_keys(struct wp *w, const struct owner *o, struct err *e)
{
	enum ec rc = make_dir_of(w, w->conf->key_file, o, e);

	if (rc == EC_OK)
		rc = keyring_create(w->conf->key_file, o->uid, o->gid, e);
	if (rc == EC_OK || rc == EC_EXISTS)
		told(w, "key_file", w->conf->key_file, rc == EC_OK);
	return rc == EC_EXISTS ? EC_OK : rc;
}

/* Tells a new mail root from a mount point with nothing mounted, where no domain of ours does. Its owner could put a link in
 * root's way there, so we become him; nothing comes after it that root is needed for. */
static enum ec mark_mailroot(struct wp *w, struct err *e)
{
	static const char text[] =
		"This is the mail root of winpop, whose domains are in a directory.\n";
	const char *path = arena_fmt(w->mem, "%s/" DIR_MARK, w->conf->mailroot);

	if (w->conf->catalog != CATALOG_DIRECTORY)
		return EC_OK;
	enum ec rc = identity_become_owner(w->conf, true, e);
	if (rc != EC_OK || access(path, F_OK) == 0)
		return rc;
	return file_replace_at(AT_FDCWD, path, text, strlen(text), 0644, e);
}

static enum ec make_mailroot(struct wp *w, const struct owner *o, struct err *e)
{
	bool there = access(w->conf->mailroot, F_OK) == 0;
	enum ec rc = make_dir_of(w, w->conf->mailroot, o, e);

	if (rc == EC_OK)
		rc = make_dir(w->conf->mailroot, o, e);
	if (rc == EC_OK)
		rc = mark_mailroot(w, e);
	if (rc == EC_OK)
		told(w, "mailroot", w->conf->mailroot, !there);
	return rc;
}

static enum ec load_or_make(struct wp *w, const struct wp_args *a, struct owner *o, struct err *e)
{
	const char *text = template(w);
	enum ec rc = identity_may_read(w->conf_path, e);

	if (rc == EC_OK)
		rc = conf_load(w->conf_path, &w->conf, e);
	bool make = rc == EC_ABSENT;

	if (make)
		rc = put_given(w, a, &text, e);
	if (make && rc == EC_OK)
		rc = conf_parse(w->conf_path, text, strlen(text), &w->conf, e);
	if (rc == EC_OK)
		rc = identity_service(w->conf, o, e);
	if (make && rc == EC_OK)
		rc = make_conf(w, text, o, e);
	if (rc == EC_OK)
		told(w, "config", w->conf_path, make);
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct owner o;
	enum ec rc = load_or_make(w, a, &o, e);

	w->target = w->conf_path;
	if (rc == EC_OK)
		rc = make_keys(w, &o, e);
	if (rc == EC_OK)
		rc = make_mailroot(w, &o, e);
	return rc;
}

const struct wp_cmd wp_init = {
	.name = "init",
	.args = "[Setting Value ...]",
	.help = "Makes the settings file, the key file and the mail root, where they are missing.",
	.more = "Settings given go into a new settings file; one that exists is left as it is. "
		"Run by root, key file and mail root are given to the user that the service "
		"becomes.",
	.argc_max = WP_ARGS_MAX,
	.raw_from = 1,
	.how = WP_WRITES,
	.needs = WP_FILE,
	.scope = WP_HOST,
	.extra = true,
	.run = run,
};

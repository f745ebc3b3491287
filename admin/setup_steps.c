/* setup_steps.c - what is done, in order. Each step says what it will do, does it, and can take it back.
 *
 * Users come first, since files are given to them; the settings before what is made by them; services last, when all that
 * they read is there.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "server/net/tls_self.h"
#include "admin/run.h"
#include "admin/setup_steps.h"

#define WORDS_MAX 16 /* of a command */
#define CERT_DAYS 3650
#define DIR_MODE 0750
#define CONF_MODE 0640

enum ec setup_owner(const struct setup *s, struct owner *out, struct err *e)
{
	struct conf *c = NULL;
	enum ec rc = setup_conf(s, &c, e);

	if (rc == EC_OK)
		rc = identity_service(c, out, e);
	conf_unref(&c);
	return rc;
}

enum ec setup_run(struct setup *s, const char *const argv[], struct err *e)
{
	const char *text = "", *said;
	const char *const *rest = argv + 1;
	const char *words[WORDS_MAX + 1] = { run_find(s->w->mem, argv[0]) };
	size_t n = 1;

	if (!words[0])
		return err_set(e, EC_ABSENT, "there is no %s on this computer", argv[0]);
	for (; *rest; rest++) {
		assert(n < WORDS_MAX);
		words[n++] = *rest;
		text = arena_fmt(s->w->mem, "%s %s", text, *rest);
	}
	setup_log_line(&s->log, "  $ %s%s", argv[0], text);
	return run_program(s->w->mem, words, &said, e);
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static enum ec remove_dir(const char *path, struct err *e)
{
	if (path && rmdir(path) < 0 && errno != ENOENT)
		return err_sys(e, "cannot remove %s", path);
	return EC_OK;
}

static const char *parent_of(const struct setup *s, const char *path)
{
	const char *slash = strrchr(path, '/');

	return arena_str(s->w->mem, path, slash && slash > path ? (size_t)(slash - path) : 1);
}

/* ---- the directory of the settings ---- */

struct kept_dirs {
	const char *parent, *dir; /* made by us; NULL: not */
};

static const char *what_conf_dir(const struct setup *s)
{
	const char *dir = parent_of(s, s->w->conf_path);

	return is_there(dir) ? NULL : arena_fmt(s->w->mem, "Makes the directory %s", dir);
}

/* Root keeps it: what the service could exchange in there root would read. */
static enum ec make_conf_dir(struct setup *s, void *kept, struct err *e)
{
	struct kept_dirs *k = kept;
	struct owner o;
	enum ec rc = setup_owner(s, &o, e);
	const char *dir = parent_of(s, s->w->conf_path);

	if (rc == EC_OK)
		rc = file_make_dir(dir, DIR_MODE, 0, o.gid, e);
	if (rc == EC_OK)
		k->dir = dir;
	return rc;
}

/* What the service and its commands keep in a mail root that is new lies beside the domains, under names that no domain has. */
static void sweep(const char *path)
{
	DIR *d = path ? opendir(path) : NULL;

	for (const struct dirent *en; d && (en = readdir(d)) != NULL;) {
		if (en->d_name[0] == '.')
			unlinkat(dirfd(d), en->d_name, 0); /* directories refuse */
	}
	if (d)
		closedir(d);
}

static enum ec undo_dirs(struct setup *s, void *kept, struct err *e)
{
	const struct kept_dirs *k = kept;

	(void)s;
	sweep(k->dir);
	enum ec rc = remove_dir(k->dir, e);
	return rc == EC_OK ? remove_dir(k->parent, e) : rc;
}

/* ---- the directory's password ---- */

static const char *what_password(const struct setup *s)
{
	if (s->directory_password.len == 0 || !wizard_is(&s->z, "directory_bind", "simple"))
		return NULL;
	return arena_fmt(s->w->mem, "Writes the password of %s into %s",
			 setup_setting(s, "directory_user"),
			 setup_setting(s, "directory_password_file"));
}

static enum ec write_password(struct setup *s, void *kept, struct err *e)
{
	const char *path = setup_setting(s, "directory_password_file");
	struct owner o;
	enum ec rc = kept_take(s->w->mem, path, kept, e);

	if (rc == EC_OK)
		rc = setup_owner(s, &o, e);
	if (rc == EC_OK)
		rc = kept_write(path, s->directory_password.bytes, s->directory_password.len, 0600,
				&o, e);
	return rc;
}

static enum ec undo_file(struct setup *s, void *kept, struct err *e)
{
	(void)s;
	return kept_put_back(kept, e);
}

/* ---- certificate ---- */

struct kept_pair {
	struct kept_file cert, key;
};

/* One of ours that is in use stays, or mail programs would ask their people about a new one each time. */
static const char *what_certificate(const struct setup *s)
{
	const char *cert = setup_file(s, "tls.crt");

	if (!wizard_is(&s->z, "certificate", "self") ||
	    (strcmp(s->found.conf->tls_cert, cert) == 0 &&
	     setup_try_cert(cert, setup_file(s, "tls.key"), NULL) == EC_OK))
		return NULL;
	return arena_fmt(s->w->mem, "Makes a certificate for %s, signed by itself: %s",
			 setup_setting(s, "hostname"), cert);
}

static enum ec write_pair(struct setup *s, const struct tls_self *made, struct err *e)
{
	const struct owner root = { 0, 0 };
	struct owner o;
	enum ec rc = setup_owner(s, &o, e);

	o.uid = 0;
	if (rc == EC_OK)
		rc = kept_write(setup_file(s, "tls.key"), made->key.bytes, made->key.len, 0640, &o,
				e);
	if (rc == EC_OK)
		rc = kept_write(setup_file(s, "tls.crt"), made->cert, strlen(made->cert), 0644,
				&root, e);
	return rc;
}

static enum ec make_certificate(struct setup *s, void *kept, struct err *e)
{
	struct kept_pair *k = kept;
	struct tls_self made;
	const char *names[] = { setup_setting(s, "hostname"), s->found.host };
	bool two = *names[1] && strcmp(names[0], names[1]) != 0;
	enum ec rc = kept_take(s->w->mem, setup_file(s, "tls.key"), &k->key, e);

	if (rc == EC_OK)
		rc = kept_take(s->w->mem, setup_file(s, "tls.crt"), &k->cert, e);
	if (rc != EC_OK)
		return rc;
	tls_self_make(s->w->mem, names, two ? 2 : 1, CERT_DAYS, &made);
	rc = write_pair(s, &made, e);
	secret_drop(&made.key);
	setup_log_line(&s->log, "  fingerprint (SHA-256) %s", made.print);
	return rc;
}

static enum ec undo_certificate(struct setup *s, void *kept, struct err *e)
{
	const struct kept_pair *k = kept;
	enum ec rc = kept_put_back(&k->cert, e);

	(void)s;
	return rc == EC_OK ? kept_put_back(&k->key, e) : rc;
}

/* ---- mail root ---- */

static const char *what_mailroot(const struct setup *s)
{
	const char *path = setup_setting(s, "mailroot");

	return is_there(path) ? NULL : arena_fmt(s->w->mem, "Makes the mail root %s", path);
}

static enum ec make_mailroot(struct setup *s, void *kept, struct err *e)
{
	struct kept_dirs *k = kept;
	const char *path = setup_setting(s, "mailroot"), *parent = parent_of(s, path);
	struct owner o;
	enum ec rc = setup_owner(s, &o, e);

	if (rc == EC_OK && !is_there(parent)) {
		rc = file_make_dir(parent, DIR_MODE, 0, o.gid, e);
		k->parent = rc == EC_OK ? parent : NULL;
	}
	if (rc == EC_OK)
		rc = file_make_dir(path, DIR_MODE, o.uid, o.gid, e);
	if (rc == EC_OK)
		k->dir = path;
	return rc;
}

/* ---- settings ---- */

struct kept_settings {
	struct kept_file conf;
	const char *keys; /* made by us; NULL: not */
	const char *mark;
};

static const char *what_settings(const struct setup *s)
{
	struct setup_pair pairs[SETUP_PAIRS_MAX];
	size_t n = setup_settings(s, pairs);
	const char *text = s->found.in_role ? "Changes" : "Writes";

	if (n == 0 && s->found.in_role && is_there(setup_setting(s, "key_file")))
		return NULL;
	text = arena_fmt(s->w->mem, "%s the settings %s", text, s->w->conf_path);
	for (size_t i = 0; i < n; i++)
		text = arena_fmt(s->w->mem, "%s%s %s = %s", text, i > 0 ? ";" : ":", pairs[i].key,
				 *pairs[i].value ? pairs[i].value : "(nothing)");
	return text;
}

static enum ec run_with_pairs(struct setup *s, const char *command, struct err *e)
{
	struct setup_pair pairs[SETUP_PAIRS_MAX];
	size_t n = setup_settings(s, pairs);
	const char *words[2 * SETUP_PAIRS_MAX + 2] = { command };

	for (size_t i = 0; i < n; i++) {
		words[1 + 2 * i] = pairs[i].key;
		words[2 + 2 * i] = pairs[i].value;
	}
	words[1 + 2 * n] = NULL;
	return n > 0 || strcmp(command, "init") == 0 ? setup_command(s, words, NULL, e) : EC_OK;
}

/* As they were before `setup /remove`. */
static enum ec bring_back(struct setup *s, struct err *e)
{
	struct owner o;
	enum ec rc = setup_owner(s, &o, e);

	o.uid = 0;
	return rc == EC_OK ? kept_write(s->w->conf_path, s->found.conf_text,
					strlen(s->found.conf_text), CONF_MODE, &o, e)
			   : rc;
}

static enum ec write_settings(struct setup *s, void *kept, struct err *e)
{
	struct kept_settings *k = kept;
	const char *keys = setup_setting(s, "key_file");
	enum ec rc = kept_take(s->w->mem, s->w->conf_path, &k->conf, e);

	k->keys = is_there(keys) ? NULL : keys;
	if (!s->found.conf_from)
		return rc == EC_OK ? run_with_pairs(s, "init", e) : rc;
	if (rc == EC_OK && !s->found.in_role)
		rc = bring_back(s, e);
	if (rc == EC_OK)
		rc = run_with_pairs(s, "set", e);
	return rc == EC_OK ? setup_command(s, (const char *[]){ "init", NULL }, NULL, e) : rc;
}

/* A service that runs has read the new ones. */
static void tell_service(struct setup *s)
{
	const char *const words[] = { "reload", NULL };

	if (s->found.in_role)
		setup_command(s, words, NULL, NULL);
}

static enum ec undo_settings(struct setup *s, void *kept, struct err *e)
{
	const struct kept_settings *k = kept;
	enum ec rc = kept_put_back(&k->conf, e);

	if (rc == EC_OK && k->keys && unlink(k->keys) < 0 && errno != ENOENT)
		rc = err_sys(e, "cannot remove %s", k->keys);
	tell_service(s);
	return rc;
}

/* ---- domain, mailbox ---- */

struct kept_name {
	bool made;
};

/* Mailboxes that are registered in a directory are known to it alone. */
static bool is_registered(const struct setup *s, const char *path)
{
	return s->found.conf->catalog == CATALOG_LOCAL &&
	       is_there(arena_fmt(s->w->mem, "%s/%s", setup_setting(s, "mailroot"), path));
}

static const char *what_domain(const struct setup *s)
{
	const char *domain = wizard_answer(&s->z, "domain");

	if (!domain || !*domain || is_registered(s, domain))
		return NULL;
	return arena_fmt(s->w->mem, "Adds the e-mail domain %s", domain);
}

/* One in a directory's catalog may be there all the same. */
static enum ec add_domain(struct setup *s, void *kept, struct err *e)
{
	const char *const words[] = { "add", wizard_answer(&s->z, "domain"), NULL };
	struct kept_name *k = kept;
	enum ec rc = setup_command(s, words, NULL, e);

	k->made = rc == EC_OK;
	return rc == EC_EXISTS ? EC_OK : rc;
}

static enum ec undo_domain(struct setup *s, void *kept, struct err *e)
{
	const char *const words[] = { "delete", wizard_answer(&s->z, "domain"), "/y", NULL };
	const struct kept_name *k = kept;

	return k->made ? setup_command(s, words, NULL, e) : EC_OK;
}

static const char *what_mailbox(const struct setup *s)
{
	const char *name = setup_mailbox(s), *at = strchr(name, '@');

	if (!at || is_registered(s, arena_fmt(s->w->mem, "%s/P3_%.*s.mbx", at + 1, (int)(at - name),
					      name)))
		return NULL;
	return arena_fmt(s->w->mem, "Makes the mailbox %s%s", name,
			 s->mailbox_password.len > 0 ? " and its account" : "");
}

static bool is_mailbox(struct setup *s)
{
	const char *const words[] = { "messages", setup_mailbox(s), "/limit", "1", NULL };

	return setup_command(s, words, NULL, NULL) == EC_OK;
}

/* It may be there all the same; or it is its account that is, and nobody's password is changed here. */
static enum ec add_mailbox(struct setup *s, void *kept, struct err *e)
{
	bool create = s->mailbox_password.len > 0;
	const char *const words[] = { "add", setup_mailbox(s), create ? "/createuser" : NULL,
				      NULL };
	struct kept_name *k = kept;
	enum ec rc = setup_command(s, words, create ? &s->mailbox_password : NULL, e);

	k->made = rc == EC_OK;
	if (rc != EC_EXISTS)
		return rc;
	s->w->hint = NULL;
	if (is_mailbox(s))
		return EC_OK;
	return wp_hint(s->w, rc,
		       "answer createuser with no to give the account that exists this mailbox, "
		       "and set its password with winpop changepwd if it has none");
}

static enum ec undo_mailbox(struct setup *s, void *kept, struct err *e)
{
	const char *const words[] = { "delete", setup_mailbox(s), "/now",
				      s->mailbox_password.len > 0 ? "/deleteuser" : NULL, NULL };
	const struct kept_name *k = kept;

	return k->made ? setup_command(s, words, NULL, e) : EC_OK;
}

/* ---- rights of the console ---- */

static enum ec new_rights(const struct setup *s, struct kept_file *was, const char **text,
			  struct err *e)
{
	enum ec rc = kept_take(s->w->mem, setup_setting(s, "console_rights"), was, e);

	if (rc == EC_OK)
		*text = setup_rights_text(s->w->mem, was->there ? was->text : "",
					  wizard_answer(&s->z, "console_administrators"));
	return rc;
}

static const char *what_rights(const struct setup *s)
{
	struct kept_file was;
	const char *text = "";

	if (!wizard_yes(&s->z, "console") ||
	    (new_rights(s, &was, &text, NULL) == EC_OK && was.there && strcmp(was.text, text) == 0))
		return NULL;
	return arena_fmt(s->w->mem, "Lets these administer by the console: %s",
			 wizard_answer(&s->z, "console_administrators"));
}

/* The console may be run by the service's user, who reads it and must not write it. */
static enum ec write_rights(struct setup *s, void *kept, struct err *e)
{
	const char *text;
	struct owner o;
	enum ec rc = setup_owner(s, &o, e);

	o.uid = 0;
	if (rc == EC_OK)
		rc = new_rights(s, kept, &text, e);
	return rc == EC_OK ? kept_write(setup_setting(s, "console_rights"), text, strlen(text),
					0640, &o, e)
			   : rc;
}

/* ---- all of them ---- */

const struct setup_step setup_steps[] = {
	{ setup_what_user, setup_make_user, setup_undo_user, sizeof(struct kept_user) },
	{ setup_what_console_user, setup_make_console_user, setup_undo_console_user,
	  sizeof(struct kept_user) },
	{ setup_what_shadow, setup_join_shadow, setup_undo_shadow, sizeof(bool) },
	{ what_conf_dir, make_conf_dir, undo_dirs, sizeof(struct kept_dirs) },
	{ what_password, write_password, undo_file, sizeof(struct kept_file) },
	{ what_certificate, make_certificate, undo_certificate, sizeof(struct kept_pair) },
	{ what_mailroot, make_mailroot, undo_dirs, sizeof(struct kept_dirs) },
	{ what_settings, write_settings, undo_settings, sizeof(struct kept_settings) },
	{ setup_what_postfix, setup_apply_postfix, setup_undo_postfix,
	  sizeof(struct kept_postfix) },
	{ what_rights, write_rights, undo_file, sizeof(struct kept_file) },
	{ what_domain, add_domain, undo_domain, sizeof(struct kept_name) },
	{ what_mailbox, add_mailbox, undo_mailbox, sizeof(struct kept_name) },
	{ setup_what_service, setup_start_service, setup_undo_service, sizeof(struct kept_unit) },
	{ setup_what_console, setup_start_console, setup_undo_console, sizeof(struct kept_unit) },
	{ setup_what_reload, setup_reload_postfix, NULL, 0 },
	{ 0 },
};

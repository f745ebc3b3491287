/* cmd_mta.c - Postfix in front: shown, set up, checked.
 *
 * What is wanted is one list (postfix.h); the three ways differ in what they do with it. Nothing that an administrator has
 * set otherwise is changed without /y: the first thing /apply does is to look for that, before anything is touched. It may be
 * called as often as one likes, after every change of our settings or of Postfix's.
 */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "admin/cmd.h"
#include "admin/edit.h"
#include "admin/identity.h"
#include "admin/postconf.h"
#include "admin/probe.h"

enum { SHOW, APPLY, CHECK, INSTANCE, YES };
#define SOCKET_DIR_MODE 02750 /* what is made in it is the group's, so that Postfix may use it */

struct mta {
	struct wp *w;
	const char *instance; /* NULL = Postfix's own choice */
	struct conf *c;
	struct pf_now now;
	struct pf_want wants[PF_WANTS_MAX];
	size_t n_wants, n_bad;
	struct err *e;
};

static const char *file_of(const struct pf_want *want)
{
	return want->kind == PF_MAIN ? "main.cf" : "master.cf";
}

/* ---- show ---- */

static void show_line(struct mta *m, const char *file, const char *line, const char *why)
{
	struct out *o = m->w->out;

	out_record(o);
	out_field(o, "file", file);
	out_field(o, "line", line);
	out_field(o, "meaning", why);
	out_end(o);
}

static void tell_of_no_cert(struct mta *m)
{
	if (!postfix_has_cert(m->c, &m->now))
		out_note(m->w->out, "nobody can sign in to send without a certificate: winpop set "
				    "tls_cert File "
				    "tls_key File, then once more");
}

/* Also before Postfix is installed, or for a computer that is not this one. */
static enum ec show(struct mta *m, enum ec read)
{
	struct arena *mem = m->w->mem;

	if (read == EC_ABSENT)
		out_note(m->w->out, "%s; this is for Postfix as Debian installs it", m->e->text);
	else if (read != EC_OK)
		return read;
	out_list(m->w->out, "settings");
	for (size_t i = 0; i < PF_SOCKETS; i++)
		show_line(m, "winpop.conf",
			  arena_fmt(mem, "%s = %s", pf_sockets[i].setting,
				    postfix_socket_path(mem, &m->now, &pf_sockets[i])),
			  "A socket that Postfix can reach: its processes see nothing but its "
			  "queue.");
	for (size_t i = 0; i < m->n_wants; i++)
		show_line(m, file_of(&m->wants[i]), postfix_line(mem, &m->wants[i]),
			  m->wants[i].why);
	out_end(m->w->out);
	tell_of_no_cert(m);
	return EC_OK;
}

/* ---- apply ---- */

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

static enum ec owner_of_sockets(struct mta *m, struct owner *out)
{
	const struct passwd *pw = getpwnam(m->now.owner);

	if (!pw)
		return err_set(m->e, EC_BROKEN,
			       "there is no user %s, as Postfix's mail_owner has it", m->now.owner);
	gid_t gid = pw->pw_gid; /* the next look-up overwrites it */
	enum ec rc = identity_service(m->c, out, m->e);
	out->gid = gid;
	return rc;
}

static bool is_as_wished(const struct stat *st, const struct owner *o)
{
	return S_ISDIR(st->st_mode) && st->st_uid == o->uid && st->st_gid == o->gid &&
	       (st->st_mode & 07777) == SOCKET_DIR_MODE;
}

/* The queue directory is root's, so nobody can have put a link there. */
static enum ec mend_dir(const char *dir, const struct owner *o, struct err *e)
{
	enum ec rc = EC_OK;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "cannot open %s", dir);
	if (fchown(fd, o->uid, o->gid) < 0 || fchmod(fd, SOCKET_DIR_MODE) < 0)
		rc = err_sys(e, "cannot change the owner or the mode of %s", dir);
	close(fd);
	return rc;
}

static enum ec make_dir(struct mta *m, bool *changed)
{
	const char *dir = postfix_socket_dir(m->w->mem, &m->now);
	struct owner o;
	struct stat st;
	enum ec rc = owner_of_sockets(m, &o);

	if (rc != EC_OK || (lstat(dir, &st) == 0 && is_as_wished(&st, &o)))
		return rc;
	*changed = true;
	rc = file_make_dir(dir, SOCKET_DIR_MODE, o.uid, o.gid, m->e);
	return rc == EC_EXISTS ? mend_dir(dir, &o, m->e) : rc;
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
			show_change(m, file_of(want), want->key, want->now, want->value);
	}
	return rc;
}

static enum ec change_all(struct mta *m)
{
	bool dir = false, ours = false, postfix = false;

	wp_hold_signals();
	enum ec rc = make_dir(m, &dir);
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
	tell_of_no_cert(m);
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

static enum ec apply(struct mta *m, bool yes)
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

/* ---- check ---- */

static void find(struct mta *m, bool good, const char *what, const char *remedy)
{
	struct out *o = m->w->out;

	m->n_bad += !good;
	out_record(o);
	out_field(o, "finding", good ? "good" : "bad");
	out_field(o, "what", what);
	out_field(o, "remedy", good ? "-" : remedy);
	out_end(o);
}

static void check_setting(struct mta *m, const struct pf_want *want)
{
	struct arena *mem = m->w->mem;
	const char *what = postfix_line(mem, want);

	if (want->kind == PF_OPTION)
		what = arena_fmt(mem, "%s=%s", want->key, want->value);
	else if (want->kind == PF_SERVICE)
		what = arena_fmt(mem, "%s is served by smtpd", want->key);
	if (want->state == PF_TAKEN)
		find(m, false,
		     arena_fmt(mem, "%s; it is %s", what, *want->now ? want->now : "empty"),
		     "winpop mta postfix /apply /y, if it is not so for a reason");
	else
		find(m, want->state == PF_GOOD, what, "winpop mta postfix /apply");
}

/* Of the many lines of a service only those that are not as they should be. */
static void check_settings(struct mta *m)
{
	for (size_t i = 0; i < m->n_wants; i++) {
		const struct pf_want *want = &m->wants[i];
		if (want->kind != PF_OPTION || want->state != PF_GOOD)
			check_setting(m, want);
	}
	if (!pf_get(&m->now.services, "lmtp/unix"))
		find(m, false, "lmtp unix in master.cf",
		     "put the line of Postfix's own master.cf back");
	if (!postfix_has_cert(m->c, &m->now))
		find(m, false, "a certificate, or nobody can sign in to send",
		     "winpop set tls_cert File tls_key File, then winpop mta postfix /apply");
}

static void check_dir(struct mta *m)
{
	struct arena *mem = m->w->mem;
	const char *dir = postfix_socket_dir(mem, &m->now);
	struct owner o;
	struct stat st;

	if (owner_of_sockets(m, &o) != EC_OK)
		find(m, false, m->e->text, "install Postfix again, or make that user");
	else
		find(m, lstat(dir, &st) == 0 && is_as_wished(&st, &o),
		     arena_fmt(mem, "%s: the service's, and of Postfix's group", dir),
		     "winpop mta postfix /apply");
}

static bool postfix_may_connect(const struct mta *m, const char *path)
{
	const struct passwd *pw = getpwnam(m->now.owner);
	struct stat st;

	if (!pw || stat(path, &st) < 0)
		return false;
	return (st.st_mode & 0006) == 0006 ||
	       (st.st_gid == pw->pw_gid && (st.st_mode & 0060) == 0060);
}

static enum ec probe(const struct pf_socket *s, const char *path, struct err *e)
{
	bool found;

	if (strcmp(s->name, "lmtp") == 0)
		return probe_lmtp(path, e);
	return strcmp(s->name, "auth") == 0 ? probe_auth(path, e)
					    : probe_maps(path, "domains", "localhost", &found, e);
}

static void check_socket(struct mta *m, const struct pf_socket *s)
{
	struct arena *mem = m->w->mem;
	const char *path = postfix_socket_path(mem, &m->now, s);
	struct err why;

	if (strcmp(postfix_socket_set(m->c, s), path) != 0) {
		find(m, false, arena_fmt(mem, "%s = %s", s->setting, path),
		     "winpop mta postfix /apply");
		return;
	}
	enum ec rc = probe(s, path, &why);
	if (rc == EC_BUSY)
		find(m, false, arena_strz(mem, why.text),
		     "is there no domain yet? winpop add DomainName; else look at winpopd's log");
	else if (rc != EC_OK)
		find(m, false, arena_strz(mem, why.text),
		     "systemctl restart winpopd, and look at its log if that does not help");
	else
		find(m, postfix_may_connect(m, path), arena_fmt(mem, "%s answers", path),
		     "winpop mta postfix /apply, then systemctl restart winpopd");
}

/* A domain is delivered in one way. Files and maps in such a list are not looked into. */
static void check_domain(struct mta *m, const char *maps, const char *key, const char *domain)
{
	struct arena *mem = m->w->mem;
	bool found;

	if (strpbrk(domain, ":/!$") || probe_maps(maps, "domains", domain, &found, NULL) != EC_OK ||
	    !found)
		return;
	find(m, false, arena_fmt(mem, "%s is in %s, so its mail does not come to us", domain, key),
	     arena_fmt(mem, "take it out of %s: postconf -e '%s = ...'", key, key));
}

static void check_domains(struct mta *m)
{
	static const char *const keys[] = { "mydestination", "relay_domains",
					    "virtual_alias_domains" };
	struct arena *mem = m->w->mem;
	const char *maps = postfix_socket_path(mem, &m->now, &pf_sockets[1]);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *list = pf_get(&m->now.worth, keys[i]);
		for (size_t len; list && *list; list += len + strspn(list + len, ", \t")) {
			len = strcspn(list, ", \t");
			if (len > 0)
				check_domain(m, maps, keys[i], arena_str(mem, list, len));
		}
	}
}

static enum ec check(struct mta *m)
{
	struct arena *mem = m->w->mem;

	out_list(m->w->out, "findings");
	check_settings(m);
	check_dir(m);
	for (size_t i = 0; i < PF_SOCKETS; i++)
		check_socket(m, &pf_sockets[i]);
	check_domains(m);
	find(m, postconf_is_running(mem, m->instance), "Postfix is running",
	     arena_fmt(mem, "postfix%s%s start", m->instance ? " -c " : "",
		       m->instance ? m->instance : ""));
	out_end(m->w->out);
	if (m->n_bad == 0)
		return EC_OK;
	wp_hint(m->w, EC_REFUSED, "what to do is said beside each");
	return err_set(m->e, EC_REFUSED, "%zu findings are bad", m->n_bad);
}

/* ---- the command ---- */

static enum ec read_all(struct mta *m)
{
	enum ec rc = postconf_read(m->w->mem, m->instance, &m->now, m->e);

	if (rc == EC_ABSENT) {
		m->now = (struct pf_now){ .queue = "/var/spool/postfix", .owner = "postfix" };
		wp_hint(m->w, rc, "apt-get install postfix");
	}
	m->n_wants = postfix_wants(m->w->mem, m->c, &m->now, m->wants);
	return rc;
}

static enum ec perform(struct mta *m, const struct wp_args *a)
{
	enum ec rc = read_all(m);

	if (a->given[SHOW]) {
		rc = show(m, rc);
		m->w->hint = rc == EC_OK ? NULL : m->w->hint;
		return rc;
	}
	if (rc != EC_OK)
		return rc;
	return a->given[APPLY] ? apply(m, a->given[YES] != NULL) : check(m);
}

static enum ec load_conf(struct wp *w, struct conf **out, struct err *e)
{
	enum ec rc = identity_may_read(w->conf_path, e);

	if (rc == EC_OK)
		rc = conf_load(w->conf_path, out, e);
	return rc == EC_ABSENT ? wp_hint(w, rc, "make it with winpop init") : rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct mta m = { .w = w, .instance = a->given[INSTANCE], .e = e };
	int ways = !!a->given[SHOW] + !!a->given[APPLY] + !!a->given[CHECK];

	if (strcasecmp(a->argv[0], "postfix") != 0)
		return wp_hint(w, err_set(e, EC_USAGE, "\"%.40s\" is not known here", a->argv[0]),
			       "README.md has notes for other MTAs");
	if (ways != 1)
		return err_set(e, EC_USAGE, "choose one of /show, /apply and /check");
	if (m.instance && m.instance[0] != '/')
		return err_set(e, EC_USAGE, "/instance wants a full path");
	w->target = "postfix";
	enum ec rc = load_conf(w, &m.c, e);
	if (rc == EC_OK)
		rc = perform(&m, a);
	if (m.c && a->given[APPLY]) /* for the audit */
		w->conf = conf_ref(m.c);
	conf_unref(&m.c);
	return rc;
}

const struct wp_cmd wp_mta = {
	.name = "mta",
	.args = "postfix {/show | /apply | /check} [/instance Directory] [/y]",
	.help = "Sets Postfix up so that mail comes in, and goes out, by our mailboxes.",
	.more = "/show displays the lines of winpop.conf, main.cf and master.cf with what they "
		"mean. "
		"/apply sets them: a directory for our sockets is made in Postfix's queue, the "
		"settings lmtp_socket, maps_socket and auth_socket point there, main.cf and "
		"master.cf are changed by postconf and kept as they were beside. It says what has "
		"to be restarted, and can be repeated at any time. What has been set to something "
		"else is listed, and then nothing is changed. /check looks at each setting, asks "
		"winpopd on each socket as Postfix would, and says what to do about what it finds; "
		"it changes nothing. See winpop-postfix(7).",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_FILE,
	.extra = true,
	.switches = { { "show", NULL, false, "Displays what is to be set" },
		      { "apply", NULL, false, "Sets it" },
		      { "check", NULL, false,
			"Checks whether it is set, and whether winpopd answers" },
		      { "instance", "Directory", false,
			"The configuration directory of another Postfix" },
		      { "y", NULL, false, "Replaces what has been set to something else" } },
	.run = run,
};

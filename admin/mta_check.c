/* mta_check.c - is Postfix set up, and does winpopd answer it? Each finding says what to do. */
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include "admin/mta.h"
#include "admin/probe.h"

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
	bool good;

	if (mta_dir_look(m, &good) != EC_OK)
		find(m, false, m->e->text, "install Postfix again, or make that user");
	else
		find(m, good,
		     arena_fmt(mem, "%s: the service's, and of Postfix's group",
			       postfix_socket_dir(mem, &m->now)),
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

enum ec mta_check(struct mta *m)
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

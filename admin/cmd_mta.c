/* cmd_mta.c - Postfix in front: shown, set up, checked. Here is the command; its three ways have files of their own. */
#include <strings.h>
#include "admin/identity.h"
#include "admin/mta.h"

enum { SHOW, APPLY, CHECK, INSTANCE, YES };

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
		rc = mta_show(m, rc);
		m->w->hint = rc == EC_OK ? NULL : m->w->hint;
		return rc;
	}
	if (rc != EC_OK)
		return rc;
	return a->given[APPLY] ? mta_apply(m, a->given[YES] != NULL) : mta_check(m);
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
	.scope = WP_HOST,
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

/* cmd_service.c - what is asked of the running service: status, reload, kick. */
#include <string.h>
#include "admin/cmd.h"
#include "admin/service.h"
#include "admin/watch.h"

enum { WATCH };

static enum ec run_status(struct wp *w, const struct wp_args *a, struct err *e)
{
	if (a->given[WATCH])
		return wp_watch(w, a, a->given[WATCH], e);
	return wp_not_running(w, service_status(w->conf, w->out, e), e);
}

static enum ec run_reload(struct wp *w, const struct wp_args *a, struct err *e)
{
	const char *restart = "";
	enum ec rc = service_reload(w->conf, w->by, w->mem, &restart, e);

	(void)a;
	if (rc != EC_OK)
		return wp_not_running(w, rc, e);
	if (*restart) {
		out_field(w->out, "restart_needed", restart);
		out_note(w->out, "restart winpopd to apply these: systemctl restart winpopd");
	}
	out_say(w->out, "The service has read its settings again.");
	return EC_OK;
}

static enum ec run_kick(struct wp *w, const struct wp_args *a, struct err *e)
{
	const char *who = a->argv[0];
	struct name n;
	bool all = strcmp(who, "*") == 0;
	enum ec rc = all ? EC_OK : name_parse_any(&n, who, strlen(who), NAME_FILE, e);

	if (rc == EC_OK && !all)
		who = wp_text(w, &n);
	w->target = who;
	if (rc == EC_OK)
		rc = all ? wp_whole(w, "all sessions are ended", e)
			 : scope_check(w->only, n.domain, e);
	if (rc == EC_OK)
		rc = wp_not_running(w, service_kick(w->conf, w->by, who, e), e);
	if (rc == EC_OK)
		out_say(w->out, "Sessions were ended: %s", who);
	return rc;
}

const struct wp_cmd wp_status = {
	.name = "status",
	.args = "[/watch [N]]",
	.help = "Displays what the running service is doing.",
	.more = "authentication is the method by which new sessions sign in; retired counts what "
		"was opened for earlier settings and is still used by sessions of that time. "
		"mta_sessions are connections of an MTA; lookups what it asked, smtp_signins whom "
		"it asked about, smtp_refused those who were told no. "
		"/watch keeps the terminal and shows what happens, anew every so many seconds.",
	.how = WP_READS,
	.needs = WP_CONF,
	.scope = WP_WHOLE,
	.extra = true,
	.switches = { WATCH_SWITCH },
	.run = run_status,
};

const struct wp_cmd wp_reload = {
	.name = "reload",
	.args = "",
	.help = "Has the running service read its settings and certificates again.",
	.more = "Sessions go on undisturbed. Names the settings that wait for a restart.",
	.how = WP_WRITES,
	.needs = WP_CONF,
	.scope = WP_WHOLE,
	.extra = true,
	.run = run_reload,
};

const struct wp_cmd wp_kick = {
	.name = "kick",
	.args = "{DomainName | UserName@DomainName | *}",
	.help = "Ends open sessions: of a mailbox, of a domain, or all of them.",
	.more = "Messages that such a session marked as deleted stay.",
	.argc_min = 1,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_CONF,
	.scope = WP_DOMAIN,
	.extra = true,
	.run = run_kick,
};

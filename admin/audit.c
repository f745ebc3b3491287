/* audit.c - the `admin` event. */
#include <stdlib.h>
#include <unistd.h>
#include "admin/audit.h"
#include "admin/history.h"

struct audit audit_who(const struct wp_caller *by)
{
	uid_t uid = getuid();

	if (by)
		return (struct audit){ .uid = uid, .by = by->name, .from = by->from };
	/* Anybody can set SUDO_USER, but only sudo leaves it in root's hands. */
	return (struct audit){ .uid = uid, .sudo_user = uid == 0 ? getenv("SUDO_USER") : NULL };
}

void audit_event(const struct log *log, const struct audit *who, const struct wp *w,
		 const struct wp_args *a, const struct err *failed)
{
	log_event(log, LV_INFO, "admin", KV("command", a->cmd->name), KV("target", w->target),
		  KV_U("uid", who->uid), KV("sudo_user", who->sudo_user), KV("by", who->by),
		  KV("from", who->from), KV("as", a->bind_as), KV_I("pid", getpid()),
		  KV("result", ec_name(failed ? failed->class : EC_OK)),
		  KV("text", failed ? failed->text : NULL));
}

/* For those who ask winpop who did something; the log is for those who do not trust the host. */
static enum ec history(const struct audit *who, const struct wp *w, const struct wp_args *a,
		       const struct err *failed, struct err *e)
{
	const struct history_act act = {
		.name = who->by,
		.from = who->from,
		.uid = who->uid,
		.sudo_user = who->sudo_user,
		.as = a->bind_as,
		.command = a->cmd->name,
		.target = w->target,
		.result = failed ? failed->class : EC_OK,
		.text = failed ? failed->text : NULL,
	};

	return history_note(w->conf->mailroot, &act, e);
}

void audit_write(const struct audit *who, const struct wp *w, const struct wp_args *a,
		 const struct err *failed)
{
	if (!w->conf)
		return;
	/* Wherever the service logs: standard error is for the one who typed, and the journal takes syslog too. */
	struct log_sink *sink = log_open(LOG_TO_SYSLOG, "winpop", (int)w->conf->logging);
	struct log log = { .sink = sink };
	struct err why;

	audit_event(&log, who, w, a, failed);
	if (history(who, w, a, failed, &why) != EC_OK)
		log_event(&log, LV_WARN, "history-failed", KV("text", why.text));
	log_close(&sink);
}

/* setup_remove.c - the role removed: nobody fetches or sends mail by this server any more, and all mail stays where it is.
 *
 * Nothing of it is a loss. The settings get another name, under which `winpop setup` finds them again; keys and passwords stay,
 * because mailboxes of the password file are locked without them; domains and mailboxes are directories of the mail root.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "server/ops/control.h"
#include "admin/service.h"
#include "admin/setup_steps.h"

#define STOP_S 60 /* more than `drain` mostly is */
#define POLL_MS 50
#define ANSWER_MS 10000

static void tell(struct setup *s, const char *what, const char *result)
{
	setup_log_line(&s->log, "%s: %s", what, result);
	out_record(s->w->out);
	out_field(s->w->out, "result", result);
	out_field(s->w->out, "step", what);
	out_end(s->w->out);
}

static enum ec confirm(struct setup *s, struct err *e)
{
	const char *question = arena_fmt(s->w->mem,
					 "Remove the mail server role? Users will no longer be "
					 "able to send or receive e-mail "
					 "by this server. The mail in %s stays where it is.",
					 s->found.conf->mailroot);
	enum ec rc = s->w->ask->confirm(s->w->ask->ctx, question, e);

	return rc == EC_REFUSED ? wp_hint(s->w, rc, "to remove it without being asked, add /y")
				: rc;
}

/* ---- services ---- */

static bool is_running(const struct setup *s)
{
	const char *method;

	return service_method(s->found.conf, s->w->mem, &method, NULL) != EC_ABSENT;
}

static enum ec ask_to_stop(const struct conf *c, struct err *e)
{
	json_t *request = json_pack("{s:s}", "do", "stop"), *reply = NULL;
	enum ec rc = control_call(c->control_socket, request, &reply, ANSWER_MS, e);

	json_decref(request);
	json_decref(reply);
	return rc;
}

/* One that systemd does not know was started by hand, or by a script, and is asked to end by its own socket. */
static enum ec stop_by_request(struct setup *s, struct err *e)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	enum ec rc = ask_to_stop(s->found.conf, e);

	if (rc == EC_ABSENT)
		return EC_OK;
	for (int i = 0; rc == EC_OK && is_running(s) && i < STOP_S * 1000 / POLL_MS; i++)
		nanosleep(&pause, NULL);
	if (rc == EC_OK && is_running(s))
		rc = err_set(e, EC_TEMP, "winpopd does not end");
	return rc;
}

static enum ec stop_unit(struct setup *s, const char *unit, struct err *e)
{
	struct kept_unit now = setup_unit_now(s, unit);

	if (!now.active && !now.enabled)
		return EC_OK;
	return setup_run(s, (const char *[]){ "systemctl", "disable", "--now", unit, NULL }, e);
}

static enum ec stop_all(struct setup *s, struct err *e)
{
	enum ec rc = s->found.systemd ? stop_unit(s, SETUP_CONSOLE_UNIT, e) : EC_OK;

	if (rc == EC_OK && s->found.systemd)
		rc = stop_unit(s, SETUP_UNIT, e);
	return rc == EC_OK ? stop_by_request(s, e) : rc;
}

/* ---- Postfix, settings ---- */

static enum ec leave_postfix(struct setup *s, struct err *e)
{
	size_t n = 0;

	if (!s->found.postfix)
		return EC_OK;
	enum ec rc = setup_leave_postfix(s, &n, e);
	if (rc == EC_OK && n > 0)
		tell(s, "Takes our settings out of Postfix", "done");
	return rc;
}

static enum ec put_aside(struct setup *s, struct err *e)
{
	const char *to = found_removed(s->w->mem, s->w->conf_path);

	if (rename(s->w->conf_path, to) < 0)
		return err_sys(e, "cannot rename %s", s->w->conf_path);
	tell(s, arena_fmt(s->w->mem, "Renames the settings to %s", to), "done");
	return EC_OK;
}

/* The order leaves no mail in between: Postfix stops bringing it before nobody would take it. */
static enum ec remove_all(struct setup *s, struct err *e)
{
	enum ec rc = leave_postfix(s, e);

	if (rc == EC_OK)
		rc = stop_all(s, e);
	if (rc == EC_OK)
		tell(s, "Stops the service, and starts it no more", "done");
	if (rc == EC_OK && s->found.postfix)
		setup_leave_sockets(s);
	return rc == EC_OK ? put_aside(s, e) : rc;
}

enum ec setup_remove(struct setup *s, bool yes, struct err *e)
{
	struct out *o = s->w->out;

	if (!s->found.in_role)
		return err_set(e, EC_ABSENT, "this is no mail server: there is no %s",
			       s->w->conf_path);
	enum ec rc = yes ? EC_OK : confirm(s, e);
	if (rc == EC_OK)
		rc = setup_log_open(&s->log, e);
	if (rc != EC_OK)
		return rc;
	setup_log_line(&s->log, "winpop setup /remove");
	wp_hold_signals();
	kept_sweep(setup_file(s, "."));
	out_list(o, "steps");
	rc = remove_all(s, e);
	out_end(o);
	if (rc != EC_OK)
		return wp_hint(s->w, rc,
			       "correct this and repeat winpop setup /remove: what is done already "
			       "is passed over");
	out_field(o, "mail", s->found.conf->mailroot);
	out_field(o, "settings", found_removed(s->w->mem, s->w->conf_path));
	out_field(o, "keys", s->found.conf->key_file);
	out_field(o, "log", SETUP_LOG);
	out_say(o, "The mail server role was removed. The mail is where it was; winpop setup takes "
		   "it up again.");
	return EC_OK;
}

/* setup_service.c - the services, started now and at every start of the computer, where systemd is in charge of that. Elsewhere
 * the last page says how to start them. */
#include <unistd.h>
#include "admin/setup_steps.h"

static bool asks_well(const struct setup *s, const char *verb, const char *unit)
{
	struct setup quiet = { .w = s->w };

	return setup_run(&quiet, (const char *[]){ "systemctl", "--quiet", verb, unit, NULL },
			 NULL) == EC_OK;
}

struct kept_unit setup_unit_now(const struct setup *s, const char *unit)
{
	return (struct kept_unit){ .enabled = asks_well(s, "is-enabled", unit),
				   .active = asks_well(s, "is-active", unit) };
}

static enum ec tell(struct setup *s, const char *verb, const char *unit, struct err *e)
{
	return setup_run(s, (const char *[]){ "systemctl", verb, unit, NULL }, e);
}

static enum ec start(struct setup *s, const char *unit, struct kept_unit *was, struct err *e)
{
	*was = setup_unit_now(s, unit);
	enum ec rc = tell(s, "enable", unit, e);
	/* One that runs may wait for a restart with some of what was changed. */
	return rc == EC_OK ? tell(s, "restart", unit, e) : rc;
}

/* The settings are taken back after this: one that ran begins anew with them, at the latest when they are read again. */
static enum ec undo(struct setup *s, const char *unit, const struct kept_unit *was, struct err *e)
{
	enum ec rc = was->active ? EC_OK : tell(s, "stop", unit, e);

	if (rc == EC_OK && !was->enabled)
		rc = tell(s, "disable", unit, e);
	return rc;
}

/* One that runs without a socket that it is to have was begun before that was set. */
static bool has_all_sockets(const struct conf *c)
{
	const char *const paths[] = { c->lmtp_socket, c->maps_socket, c->auth_socket };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (*paths[i] && access(paths[i], F_OK) < 0)
			return false;
	}
	return true;
}

static bool waits_for_restart(const struct setup *s)
{
	struct setup_pair pairs[SETUP_PAIRS_MAX];

	return s->postfix_set || setup_settings(s, pairs) > 0 || setup_what_postfix(s) ||
	       !has_all_sockets(s->found.conf);
}

const char *setup_what_service(const struct setup *s)
{

	if (!s->found.systemd)
		return NULL;
	struct kept_unit now = setup_unit_now(s, SETUP_UNIT);
	if (!now.active || !now.enabled)
		return "Starts the service, now and at every start of this computer";
	return waits_for_restart(s) ? "Restarts the service" : NULL;
}

enum ec setup_start_service(struct setup *s, void *kept, struct err *e)
{
	return start(s, SETUP_UNIT, kept, e);
}

enum ec setup_undo_service(struct setup *s, void *kept, struct err *e)
{
	return undo(s, SETUP_UNIT, kept, e);
}

const char *setup_what_console(const struct setup *s)
{
	if (!s->found.systemd || !wizard_yes(&s->z, "console"))
		return NULL;
	struct kept_unit now = setup_unit_now(s, SETUP_CONSOLE_UNIT);
	return now.active && now.enabled
		       ? NULL
		       : "Starts the console, now and at every start of this computer";
}

enum ec setup_start_console(struct setup *s, void *kept, struct err *e)
{
	return start(s, SETUP_CONSOLE_UNIT, kept, e);
}

enum ec setup_undo_console(struct setup *s, void *kept, struct err *e)
{
	return undo(s, SETUP_CONSOLE_UNIT, kept, e);
}

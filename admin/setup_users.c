/* setup_users.c - users of this computer that the services run as, and who may read its passwords. */
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include "admin/setup_steps.h"

#define SHADOW "shadow" /* Debian's group for /etc/shadow */

static const char *what(const struct setup *s, const char *user, const char *whose)
{
	if (!*user || getpwnam(user))
		return NULL;
	return arena_fmt(s->w->mem, "Makes the system user %s for the %s", user, whose);
}

static enum ec make(struct setup *s, const char *user, bool *made, struct err *e)
{
	const char *const words[] = { "useradd",      "--system",
				      "--user-group", "--no-create-home",
				      "--home-dir",   "/nonexistent",
				      "--shell",      "/usr/sbin/nologin",
				      user,           NULL };
	enum ec rc = setup_run(s, words, e);

	*made = rc == EC_OK;
	return rc;
}

static enum ec undo(struct setup *s, const char *user, const bool *made, struct err *e)
{
	const char *const words[] = { "userdel", user, NULL };

	return *made ? setup_run(s, words, e) : EC_OK;
}

const char *setup_what_user(const struct setup *s)
{
	return what(s, setup_setting(s, "user"), "service");
}

enum ec setup_make_user(struct setup *s, void *kept, struct err *e)
{
	return make(s, setup_setting(s, "user"), kept, e);
}

enum ec setup_undo_user(struct setup *s, void *kept, struct err *e)
{
	return undo(s, setup_setting(s, "user"), kept, e);
}

const char *setup_what_console_user(const struct setup *s)
{
	return wizard_yes(&s->z, "console") ? what(s, setup_setting(s, "console_user"), "console")
					    : NULL;
}

enum ec setup_make_console_user(struct setup *s, void *kept, struct err *e)
{
	return make(s, setup_setting(s, "console_user"), kept, e);
}

enum ec setup_undo_console_user(struct setup *s, void *kept, struct err *e)
{
	return undo(s, setup_setting(s, "console_user"), kept, e);
}

/* ---- local accounts ---- */

static bool is_member(const struct group *gr, const char *user)
{
	for (char **name = gr->gr_mem; *name; name++) {
		if (strcmp(*name, user) == 0)
			return true;
	}
	return false;
}

const char *setup_what_shadow(const struct setup *s)
{
	const char *user = setup_setting(s, "user");
	const struct group *gr = getgrnam(SHADOW);

	if (!gr || !*user || !wizard_is(&s->z, "authentication", "local") || is_member(gr, user))
		return NULL;
	return arena_fmt(s->w->mem, "Lets the service prove passwords: %s joins the group " SHADOW,
			 user);
}

enum ec setup_join_shadow(struct setup *s, void *kept, struct err *e)
{
	const char *const words[] = {
		"usermod", "--append", "--groups", SHADOW, setup_setting(s, "user"), NULL
	};
	enum ec rc = setup_run(s, words, e);

	*(bool *)kept = rc == EC_OK;
	return rc;
}

enum ec setup_undo_shadow(struct setup *s, void *kept, struct err *e)
{
	const char *const words[] = { "gpasswd", "--delete", setup_setting(s, "user"), SHADOW,
				      NULL };

	return *(bool *)kept ? setup_run(s, words, e) : EC_OK;
}

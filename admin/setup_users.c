/* setup_users.c - users of this computer that the services run as, and who may read its passwords.
 *
 * useradd(8) writes one file after the other: ended in the middle it leaves a user whose group has no name. So user and group
 * are looked for each on its own, and what is missing is made.
 */
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include "admin/setup_steps.h"

#define SHADOW "shadow" /* Debian's group for /etc/shadow */

/* group: that is to be there besides; "": his own will do. */
static const char *missing_group(const char *user, const char *group)
{
	const struct passwd *pw = getpwnam(user);

	if (*group)
		return getgrnam(group) ? NULL : group;
	return pw && !getgrgid(pw->pw_gid) ? user : NULL;
}

static const char *what(const struct setup *s, const char *user, const char *group,
			const char *whose)
{
	if (!*user)
		return NULL;
	if (!getpwnam(user))
		return arena_fmt(s->w->mem, "Makes the system user %s for the %s", user, whose);
	group = missing_group(user, group);
	return group ? arena_fmt(s->w->mem, "Makes the group %s for the %s", group, whose) : NULL;
}

static enum ec make_user(struct setup *s, const char *user, struct err *e)
{
	const char *const words[] = { "useradd",      "--system",
				      "--user-group", "--no-create-home",
				      "--home-dir",   "/nonexistent",
				      "--shell",      "/usr/sbin/nologin",
				      user,           NULL };

	return setup_run(s, words, e);
}

/* Files are his by number: if that has no name, this is the one that it was meant for. */
static enum ec make_group(struct setup *s, const char *group, const struct passwd *of,
			  struct err *e)
{
	bool nameless = of && !getgrgid(of->pw_gid);
	const char *number = nameless ? arena_fmt(s->w->mem, "%u", (unsigned)of->pw_gid) : NULL;
	const char *const words[] = { "groupadd", "--system", group, number ? "--gid" : NULL,
				      number,     NULL };

	return setup_run(s, words, e);
}

static enum ec make(struct setup *s, const char *user, const char *group, struct kept_user *k,
		    struct err *e)
{
	enum ec rc = EC_OK;

	if (!getpwnam(user)) {
		rc = make_user(s, user, e);
		k->user = rc == EC_OK;
	}
	group = rc == EC_OK ? missing_group(user, group) : NULL;
	if (group) {
		rc = make_group(s, group, getpwnam(user), e);
		k->group = rc == EC_OK;
	}
	return rc;
}

/* userdel takes a group of the user's name with him, if nobody else is in it. */
static enum ec undo(struct setup *s, const char *user, const char *group, const struct kept_user *k,
		    struct err *e)
{
	const char *const no_user[] = { "userdel", user, NULL };
	const char *const no_group[] = { "groupdel", *group ? group : user, NULL };
	enum ec rc = k->user ? setup_run(s, no_user, e) : EC_OK;

	return rc == EC_OK && k->group ? setup_run(s, no_group, e) : rc;
}

const char *setup_what_user(const struct setup *s)
{
	return what(s, setup_setting(s, "user"), setup_setting(s, "group"), "service");
}

enum ec setup_make_user(struct setup *s, void *kept, struct err *e)
{
	return make(s, setup_setting(s, "user"), setup_setting(s, "group"), kept, e);
}

enum ec setup_undo_user(struct setup *s, void *kept, struct err *e)
{
	return undo(s, setup_setting(s, "user"), setup_setting(s, "group"), kept, e);
}

const char *setup_what_console_user(const struct setup *s)
{
	return wizard_yes(&s->z, "console")
		       ? what(s, setup_setting(s, "console_user"), "", "console")
		       : NULL;
}

enum ec setup_make_console_user(struct setup *s, void *kept, struct err *e)
{
	return make(s, setup_setting(s, "console_user"), "", kept, e);
}

enum ec setup_undo_console_user(struct setup *s, void *kept, struct err *e)
{
	return undo(s, setup_setting(s, "console_user"), "", kept, e);
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

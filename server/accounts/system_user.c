/* system_user.c - what this computer knows about a user: passwd, shadow, group.
 *
 * All of it comes through the name service switch, so a user may as well be known from elsewhere (sssd, winbind). The
 * shadow entry is read for three things that PAM does not tell: whether a password can be right at all (so that a locked
 * account does not answer faster than a wrong password), whether the account has expired (where somebody else proves the
 * password), and a stamp that changes with the password (so that nothing old is remembered).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "server/accounts/system.h"
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/base/mem.h"

#define LOGIN_DEFS "/etc/login.defs"
#define LOGIN_DEFS_MAX 65536
#define UID_MIN_USUAL 1000
#define ROOM_FIRST 1024
#define ROOM_MAX (1 << 20) /* an entry above it is no entry */
#define GROUPS_MAX 1024
#define DAY_S 86400

uid_t local_uid_min(void)
{
	static const char key[] = "\nUID_MIN";
	struct arena *mem = arena_new("login.defs", 4096);
	unsigned long found = 0;
	size_t len;
	char *text;

	if (file_read_at(mem, AT_FDCWD, LOGIN_DEFS, LOGIN_DEFS_MAX, &text, &len, NULL) == EC_OK) {
		const char *at = strstr(text, key);
		if (at)
			found = strtoul(at + sizeof(key) - 1, NULL, 10);
	}
	arena_drop(&mem);
	return found > 0 ? (uid_t)found : UID_MIN_USUAL; /* never root */
}

/* ---- passwd ---- */

/* The strings of an entry are in room, which the caller wipes and frees: it may hold a hash. */
struct room {
	char *p;
	size_t len;
};

static bool grow(struct room *r)
{
	size_t len = r->len ? r->len * 2 : ROOM_FIRST;

	if (len > ROOM_MAX)
		return false;
	if (r->p)
		wipe(r->p, r->len);
	free(r->p);
	*r = (struct room){ mem_new(len), len };
	return true;
}

static void drop(struct room *r)
{
	if (r->p)
		wipe(r->p, r->len);
	free(r->p);
	*r = (struct room){ 0 };
}

/* 0 with *found NULL: there is none. Else an error number. */
static int look_up(const char *login, struct passwd *row, struct room *room, struct passwd **found)
{
	int rc = ERANGE;

	*found = NULL;
	while (rc == ERANGE && grow(room))
		rc = getpwnam_r(login, row, room->p, room->len, found);
	/* passwd(5) knows several numbers for "not found" */
	return rc == ENOENT || rc == ESRCH || rc == EBADF || rc == EPERM ? 0 : rc;
}

enum ec local_user_free(const char *login, struct err *e)
{
	struct room room = { 0 };
	struct passwd row, *found;
	int rc = look_up(login, &row, &room, &found);

	drop(&room);
	errno = rc;
	if (rc != 0)
		return err_sys(e, "cannot look up user %s", login);
	return found ? err_set(e, EC_EXISTS, "this computer has a user %s already", login) : EC_OK;
}

/* ---- shadow ---- */

static void stamp_of(const struct spwd *sp, char out[ACCOUNT_STAMP_MAX + 1])
{
	unsigned char sum[32];

	sha256(sum, sp->sp_pwdp, strlen(sp->sp_pwdp));
	for (unsigned i = 0; i < ACCOUNT_STAMP_MAX / 2; i++)
		sprintf(out + 2 * (size_t)i, "%02x", sum[i]);
}

static void take_shadow(const struct spwd *sp, struct local_user *p)
{
	long today = (long)(time(NULL) / DAY_S);

	/* Hashes begin with '$' or, of old, with a letter, a digit, '.', '/' or '_'. */
	p->shadow = sp->sp_pwdp[0] && !strchr("!*", sp->sp_pwdp[0]) ? SHADOW_HASH : SHADOW_LOCKED;
	p->expired = sp->sp_expire >= 0 && today >= sp->sp_expire; /* 0 too, as pam_unix has it */
	p->must_change = sp->sp_lstchg == 0;
	stamp_of(sp, p->stamp);
}

static void read_shadow(struct local_user *p)
{
	struct room room = { 0 };
	struct spwd sp, *found = NULL;
	int rc = ERANGE;

	while (rc == ERANGE && grow(&room))
		rc = getspnam_r(p->login, &sp, room.p, room.len, &found);
	if (found)
		take_shadow(found, p);
	else
		p->shadow = rc == EACCES || shadow_hidden() ? SHADOW_HIDDEN : SHADOW_LOCKED;
	drop(&room);
}

bool shadow_hidden(void)
{
	return eaccess("/etc/shadow", R_OK) < 0 && errno == EACCES;
}

/* ---- a user ---- */

static void take(const struct passwd *row, struct local_user *out)
{
	*out = (struct local_user){ .uid = row->pw_uid, .gid = row->pw_gid };
	snprintf(out->login, sizeof(out->login), "%s", row->pw_name);
	if (strcmp(row->pw_passwd, "x") == 0)
		read_shadow(out);
}

enum ec local_user_find(const char *login, uid_t uid_min, struct local_user *out, struct err *e)
{
	struct room room = { 0 };
	struct passwd row, *found;
	enum ec ec = EC_OK;
	int rc = look_up(login, &row, &room, &found);

	errno = rc;
	if (rc != 0)
		ec = err_sys(e, "cannot look up user %s", login);
	else if (!found)
		ec = err_set(e, EC_ABSENT, "this computer has no user %s", login);
	else if (row.pw_uid < uid_min)
		ec = err_set(e, EC_ABSENT,
			     "%s is a user of the system itself (uid %u), never a mailbox's", login,
			     (unsigned)row.pw_uid);
	else
		take(&row, out);
	drop(&room);
	return ec;
}

/* ---- groups ---- */

static bool group_id(const char *name, gid_t *out)
{
	struct room room = { 0 };
	struct group gr, *found = NULL;
	int rc = ERANGE;

	while (rc == ERANGE && grow(&room))
		rc = getgrnam_r(name, &gr, room.p, room.len, &found);
	if (found)
		*out = gr.gr_gid;
	drop(&room);
	return found;
}

static bool has(const gid_t *groups, int n, gid_t gid)
{
	for (int i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}

bool local_user_is_admin(const struct local_user *p)
{
	static const char *const groups_of_admins[] = { "root", "sudo", "wheel", "adm" };
	gid_t groups[GROUPS_MAX], gid = 0;
	int n = GROUPS_MAX;

	if (p->uid == 0)
		return true;
	if (getgrouplist(p->login, p->gid, groups, &n) < 0)
		return true; /* nobody is in so many by chance: nothing is done to him */
	for (size_t i = 0; i < sizeof(groups_of_admins) / sizeof(groups_of_admins[0]); i++) {
		if (group_id(groups_of_admins[i], &gid) && has(groups, n, gid))
			return true;
	}
	return false;
}

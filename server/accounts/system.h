/* system.h - what the files of the local accounts share; nobody else includes it. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "server/accounts/accounts.h"

/* ---- system_user.c: what passwd, shadow and group say ---- */

enum shadow {
	SHADOW_ELSEWHERE, /* passwd does not point there: another module of PAM knows the password */
	SHADOW_HASH,      /* a password can be right */
	SHADOW_LOCKED,    /* none can: "!", "*" */
	SHADOW_HIDDEN,    /* we may not read it */
};

struct local_user {
	char login[NAME_LOCAL_MAX + 1];
	uid_t uid;
	gid_t gid;
	enum shadow shadow;
	bool expired;
	bool must_change;
	char stamp[ACCOUNT_STAMP_MAX + 1];
};

/* EC_ABSENT: no such user, or one of the system's own (uid below uid_min). EC_TEMP: the user data base is away. */
enum ec local_user_find(const char *login, uid_t uid_min, struct local_user *out, struct err *e);
/* EC_EXISTS: somebody has this name, root and the like too. EC_TEMP: nobody can say. */
enum ec local_user_free(const char *login, struct err *e);
bool local_user_is_admin(const struct local_user *p);
bool shadow_hidden(void);  /* from this process */
uid_t local_uid_min(void); /* first uid of ordinary users on this computer */

/* ---- system_pam.c: whole transactions ---- */

struct system_service {
	const char *name;
	const char *dir; /* NULL: the system's */
};

/* A user that there cannot be, for those whom PAM shall not judge: takes as long, is never right. */
#define SYSTEM_NOBODY ":nobody"

/* Can the service be asked at all? EC_BROKEN. */
enum ec system_service_there(const struct system_service *at, struct err *e);
/* EC_DENIED, EC_REFUSED with err.detail, EC_TEMP, EC_BROKEN as verify has them. */
enum ec system_check_password(const struct system_service *at, const char *login,
			      const struct secret *s, struct err *e);
/* Of somebody whose password is not what proves him: may he sign in at all, for all that PAM's "account" knows? EC_TEMP, EC_BROKEN
 * as above. */
enum ec system_may_sign_in(const struct system_service *at, const char *login, bool *may,
			   struct err *e);
/* As root. EC_REFUSED: against the rules for passwords, in PAM's words. */
enum ec system_change_password(const struct system_service *at, const char *login,
			       const struct secret *s, struct err *e);

/* ---- system_tool.c: users made and removed by the system's own programs; as root ---- */

enum ec tool_add_group(const char *group, struct err *e); /* EC_OK also if it is there */
enum ec tool_add_user(const char *login, const char *group, struct err *e);
enum ec tool_remove_user(const char *login, struct err *e);

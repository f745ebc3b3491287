/* identity.h - as whom winpop acts. Thread: the whole process; call once, early. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "server/conf/conf.h"

/* Becomes the owner of the mail root: for good, or so that identity_root works. EC_DENIED: neither
 * root nor the owner. EC_BROKEN: root owns it and the service runs as somebody else. */
enum ec identity_become_owner(const struct conf *c, bool for_good, struct err *e);
/* Root again (true) and back (false), for the key file, whose directory is root's, and for the users of this computer; does
 * nothing if we were not root or are so no more. */
void identity_root(bool on);
bool identity_may_be_root(void); /* or is it */
/* May this user read the file at path? EC_DENIED; a file that is not there is not our question. */
enum ec identity_may_read(const char *path, struct err *e);
/* May this user replace the file at path? EC_DENIED with a text that says who may. */
enum ec identity_may_write(const char *path, struct err *e);

struct owner {
	uid_t uid;
	gid_t gid;
};
/* As whom the service runs: the user it becomes if root starts it, else us. */
enum ec identity_service(const struct conf *c, struct owner *out, struct err *e);

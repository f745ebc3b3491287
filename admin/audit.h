/* audit.h - who changed what: one event for every command that changes something.
 *
 * Goes where the service's log goes, unless that is stderr, where it would only disturb the answer.
 * Holds the command and its target, never a password. Thread: one at a time.
 */
#pragma once
#include <sys/types.h>
#include "admin/cmd.h"

struct audit {
	uid_t uid;
	const char *sudo_user; /* NULL unless root by way of sudo */
	const char *by, *from; /* who signed in to another front end, and whence; NULL: the shell */
};

/* Before anybody else is become. by NULL: the shell. */
struct audit audit_who(const struct wp_caller *by);
/* failed: why it was not done, or NULL. */
void audit_event(const struct log *log, const struct audit *who, const struct wp *w,
		 const struct wp_args *a, const struct err *failed);
/* The same, to where the settings say. */
void audit_write(const struct audit *who, const struct wp *w, const struct wp_args *a,
		 const struct err *failed);

/* audit.h - who changed what: one `admin` event per administrative change asked of the service.
 *
 * The same event and fields as winpop writes for its own commands, so that one search finds both.
 * Thread: any.
 */
#pragma once
#include <sys/types.h>
#include "server/base/err.h"
#include "server/base/log.h"

struct audit_peer { /* as the kernel tells it (SO_PEERCRED) */
	uid_t uid;
	pid_t pid;
	/* On whose behalf, and whence he asked, as that process says; NULL: its own. */
	const char *by, *from;
};
/* target and text may be NULL. The logger escapes them: they may be foreign. */
void audit_change(const struct log *log, const struct audit_peer *by, const char *command,
		  const char *target, enum ec result, const char *text);

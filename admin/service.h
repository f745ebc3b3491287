/* service.h - talking to a running winpopd over its control socket.
 *
 * Failure: EC_ABSENT no service is running (nothing listens there); else what the service answered.
 * Thread: may block, a few seconds at most.
 */
#pragma once
#include "server/base/arena.h"
#include "server/base/err.h"
#include "server/conf/conf.h"
#include "admin/out.h"

/* Reads its settings again. *restart: names of settings that wait for a restart ("" = none). */
enum ec service_reload(const struct conf *c, struct arena *mem, const char **restart,
		       struct err *e);
/* Ends sessions: of a mailbox, of a domain, "*" = all. */
enum ec service_kick(const struct conf *c, const char *who, struct err *e);
/* What it remembers about passwords, of a mailbox's account or ("*") of all. */
enum ec service_forget(const struct conf *c, const char *who, struct err *e);
/* Looks through domains and mailboxes now instead of in a while: rules, quota files. Does not wait for it to end. */
enum ec service_upkeep(const struct conf *c, struct err *e);
/* By which method people sign in to it now: "ad", "local", "file". */
enum ec service_method(const struct conf *c, struct arena *mem, const char **out, struct err *e);
/* Everything it says about itself, as fields. */
enum ec service_status(const struct conf *c, struct out *out, struct err *e);

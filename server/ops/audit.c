/* audit.c - the `admin` event of the service. */
#include "server/ops/audit.h"

void audit_change(const struct log *log, const struct audit_peer *by, const char *command,
		  const char *target, enum ec result, const char *text)
{
	log_event(log, LV_INFO, "admin", KV("command", command), KV("target", target),
		  KV_U("uid", by->uid), KV_I("pid", by->pid), KV("by", by->by),
		  KV("from", by->from), KV("result", ec_name(result)),
		  KV("text", result == EC_OK ? NULL : text));
}

/* request.h - a request line to a reply line: the control protocol without its socket.
 *
 * Thread: as the handler's.
 */
#pragma once
#include "server/ops/audit.h"
#include "server/ops/control.h"

struct request_server {
	control_fn *fn;
	void *ctx;
	const struct log *log;
};
/* line: without its LF, any octets. Returns a malloc'ed line with its LF, never NULL. */
char *request_answer(const struct request_server *s, const struct audit_peer *by, const char *line,
		     size_t len);
/* A reply as such a line; takes the reference over. */
char *request_line(struct json_t *reply);
/* The reply that refuses; likewise malloc'ed. */
char *request_refuse(enum ec class, const char *text);

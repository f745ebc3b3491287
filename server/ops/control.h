/* control.h - the admin socket: what winpop asks of a running winpopd.
 *
 * A unix socket, mode 0600, root and the service's own user only (SO_PEERCRED). One request line of
 * JSON, one reply line of JSON, then the connection is closed:
 *	{"do":"status"}                          {"ok":true, "pid":..., "sessions":..., ...}
 *	{"do":"reload"}                          {"ok":true, "restart":"port threadcount"}
 *	{"do":"kick","who":"kim@example.com"}    {"ok":true}
 *	{"do":"who","who":"*","from":"0.1000"}   {"ok":true, "sessions":[...], "more":"1.0"}
 *	{"do":"metrics"}                         {"ok":true, "text":"# HELP ..."}
 *	{"do":"health"}                          {"ok":true}, or a failure: clients should not be sent here
 *	{"do":"stop"}                            {"ok":true}
 * Failure: {"ok":false,"class":"usage","text":"..."}. Everything but "status", "who", "metrics" and "health" is audited (audit.h).
 * Thread: server side on its loop; control_call blocks (programs).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/net/listen.h"

#define CONTROL_LINE_MAX (64u << 10) /* a request */

struct control;
struct json_t;

/* request and reply are jansson objects; the handler fills reply and returns a class (err text goes
 * into the reply). On the loop: it must not wait. */
typedef enum ec control_fn(void *ctx, const struct json_t *request, struct json_t *reply,
			   struct err *e);

/* What a handler cannot say at once: called inside of it, whose reply is then not sent. The answer (a reference that is taken
 * over) comes later, once, on the loop; who asked may have gone by then, and so may the control. */
struct control_later;
struct control_later *control_later(struct control *c);
void control_answer(struct control_later **later, struct json_t *reply);

/* Takes the listener over and starts it. */
struct control *control_new(struct loop *loop, struct listener *l, control_fn *fn, void *ctx,
			    const struct log *log);
void control_free(struct control **c);

/* Client. EC_ABSENT: no service is running there. EC_DENIED: you may not. *reply is a new reference
 * to whatever the service said, a failure too; NULL unless EC_OK. */
enum ec control_call(const char *socket_path, const struct json_t *request, struct json_t **reply,
		     unsigned timeout_ms, struct err *e);

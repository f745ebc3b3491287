/* link.h - frames between the console's two halves, over the connection that they share.
 *
 * Thread: the loop's.
 */
#pragma once
#include "server/net/conn.h"
#include "admin/console/frame.h"

/* At once; wiped behind. head is dropped. */
void link_put(struct conn *link, struct json_t *head, const void *body, size_t len);
/* Takes what an event of `link` has brought, frame by frame; f is lent. False: there is no going on with it: it has ended, `take`
 * says so, or what comes is none of ours. max: as for frame_read. */
bool link_take(struct conn *link, enum conn_ev ev, size_t max,
	       bool (*take)(void *ctx, const struct frame *f), void *ctx);

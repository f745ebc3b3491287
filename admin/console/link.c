/* link.c - see link.h. */
#include <jansson.h>
#include "admin/console/link.h"

void link_put(struct conn *link, json_t *head, const void *body, size_t len)
{
	struct buf frame = { 0 };

	frame_put(&frame, head, body, len);
	conn_put(link, buf_at(&frame), frame.len);
	conn_flush(link);
	buf_wipe(&frame);
}

bool link_take(struct conn *link, enum conn_ev ev, size_t max,
	       bool (*take)(void *ctx, const struct frame *f), void *ctx)
{
	struct frame f;
	size_t len, used;
	bool on = true;

	while (on && ev == CONN_DATA) {
		const char *in = conn_in(link, &len);
		enum frame_read got = frame_read(in, len, max, &f, &used);

		if (got != FRAME_WHOLE)
			return got == FRAME_MORE;
		on = take(ctx, &f);
		json_decref(f.head);
		conn_eat(link, used);
	}
	return on && ev == CONN_DRAINED;
}

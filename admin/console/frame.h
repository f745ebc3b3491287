/* frame.h - what the console's two halves tell each other: a line of JSON and a body, with their length in front.
 *
 *	length: 4 octets, most significant first; head: one JSON object; LF; body: any octets
 *
 * Pure. Thread: any.
 */
#pragma once
#include <stddef.h>
#include "server/base/buf.h"

#define FRAME_MAX (17u << 20)       /* an answer of 16 MiB, and its head */
#define FRAME_HEAD_MAX (112u << 10) /* a whole head of HTTP, of whose octets JSON makes six each */

struct json_t;

struct frame {
	struct json_t *head; /* a new reference */
	const char *body;    /* points into what was read */
	size_t body_len;
};

enum frame_read { FRAME_MORE, FRAME_WHOLE, FRAME_BAD };
/* max: the longest that the other half may send. FRAME_BAD: it is none of ours; there is no going on. */
enum frame_read frame_read(const char *in, size_t len, size_t max, struct frame *out, size_t *used);
/* head is dropped. */
void frame_put(struct buf *to, struct json_t *head, const void *body, size_t body_len);

/* frame.c - see frame.h. The half that talks to browsers may have been taken over: what it sends is read like a stranger's. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/err.h"
#include "admin/console/frame.h"

#define LENGTH_SIZE 4

static uint32_t length_at(const char *in)
{
	const unsigned char *p = (const unsigned char *)in;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum frame_read read_content(const char *p, size_t len, struct frame *out)
{
	const char *lf = memchr(p, '\n', len < FRAME_HEAD_MAX ? len : FRAME_HEAD_MAX);

	if (!lf)
		return FRAME_BAD;
	json_t *head = json_loadb(p, (size_t)(lf - p), JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(head)) {
		json_decref(head);
		return FRAME_BAD;
	}
	*out = (struct frame){ head, lf + 1, len - (size_t)(lf + 1 - p) };
	return FRAME_WHOLE;
}

enum frame_read frame_read(const char *in, size_t len, size_t max, struct frame *out, size_t *used)
{
	*out = (struct frame){ 0 };
	*used = 0;
	if (len < LENGTH_SIZE)
		return FRAME_MORE;
	size_t n = length_at(in);

	if (n > max)
		return FRAME_BAD;
	if (len - LENGTH_SIZE < n)
		return FRAME_MORE;
	*used = LENGTH_SIZE + n;
	return read_content(in + LENGTH_SIZE, n, out);
}

void frame_put(struct buf *to, json_t *head, const void *body, size_t body_len)
{
	char *text = json_dumps(head, JSON_COMPACT);

	if (!text)
		die("a frame's head that is no JSON");
	uint32_t n = (uint32_t)(strlen(text) + 1 + body_len);
	unsigned char length[LENGTH_SIZE] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
					      (unsigned char)(n >> 8), (unsigned char)n };

	buf_add(to, length, sizeof(length));
	buf_addz(to, text);
	buf_add(to, "\n", 1);
	buf_add(to, body, body_len);
	free(text);
	json_decref(head);
}

/* fuzz_history.c - any octets as the file of what was done: read in pages of any size they are the same lines, each once. The first
 * octet is the size of a page. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "admin/history.h"

static bool wants(void *ctx, const char *target)
{
	(void)ctx;
	return target[0] != 'n';
}

static void show(void *ctx, const struct history_line *l)
{
	buf_fmt(ctx, "%s %s %s %s %s %s %s|", l->time, l->who, l->from, l->command, l->target,
		l->result, l->text);
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* All of it, a page at a time. */
static void read_in_pages(const char *dir, uint64_t limit, struct buf *out)
{
	char more[HISTORY_CURSOR_MAX] = "", next[HISTORY_CURSOR_MAX];
	struct err e;

	do {
		struct history_query q = {
			.before = *more ? more : NULL,
			.limit = limit,
			.wants = wants,
			.show = show,
			.ctx = out,
		};
		check(history_read(dir, &q, next, &e) == EC_OK);
		strcpy(more, next);
	} while (*more);
}

static void put_file(const char *file, const uint8_t *p, size_t len)
{
	int fd = open(file, O_WRONLY | O_CREAT, 0600);

	check(fd >= 0 && write(fd, p, len) == (ssize_t)len);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	char dir[] = "/tmp/winpop-fuzz-XXXXXX", file[64];
	struct buf whole = { 0 }, pages = { 0 };

	if (len == 0 || !mkdtemp(dir))
		return 0;
	snprintf(file, sizeof(file), "%s/.history", dir);
	put_file(file, p + 1, len - 1);
	read_in_pages(dir, UINT64_MAX, &whole);
	read_in_pages(dir, p[0] % 4 + 1, &pages);
	check(whole.len == pages.len && memcmp(buf_at(&whole), buf_at(&pages), whole.len) == 0);
	unlink(file);
	rmdir(dir);
	buf_drop(&whole);
	buf_drop(&pages);
	return 0;
}

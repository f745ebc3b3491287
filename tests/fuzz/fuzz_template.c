/* fuzz_template.c - a template that is taken makes a message: whole lines, a header, every word filled in the same way twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/utf8.h"
#include "server/quota/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const word[WORD_COUNT] = {
	"kim@example.com",
	"j\xC3\xBCrgen@example.com",
	"91",
	"455M",
	"500M",
	"1",
	"2",
	"pop",
	"now",
};
static const struct template_field standard[] = { { "From", "us" }, { "Subject", "x" } };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_lines(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		check(p[i] != '\0');
		check((p[i] == '\r') == (i + 1 < len && p[i + 1] == '\n'));
	}
	check(len >= 4 && memcmp(p + len - 2, "\r\n", 2) == 0);
	check(utf8_valid(p, len));
}

/* Until the empty line: fields, or the folded rest of a subject. */
static void check_header(const char *p, size_t len)
{
	const char *end = memmem(p, len, "\r\n\r\n", 4);

	check(end);
	for (const char *line = p; line < end; line = (const char *)memchr(line, '\n', len) + 1)
		check(*line == ' ' || memchr(line, ':', (size_t)(end - line)));
	check(memmem(p, (size_t)(end - p) + 2, ": ", 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = { 0 }, twice = { 0 };
	struct err e = { 0 };
	enum ec rc = template_fill((const char *)data, size, word, standard, 2, &once, &e);

	check(rc == template_fill((const char *)data, size, word, standard, 2, &twice, NULL));
	check(once.len == twice.len && memcmp(buf_at(&once), buf_at(&twice), once.len) == 0);
	if (rc == EC_OK) {
		check_lines(buf_at(&once), once.len);
		check_header(buf_at(&once), once.len);
	} else {
		check(rc == EC_USAGE && (strncmp(e.text, "line ", 5) == 0 ||
					 strncmp(e.text, "there is no text", 16) == 0));
	}
	buf_drop(&once);
	buf_drop(&twice);
	return 0;
}

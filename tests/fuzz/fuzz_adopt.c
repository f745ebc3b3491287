/* fuzz_adopt.c - what comes with another server's tree: names of directories, a record of what was adopted, a list of passwords. What is
 * taken for a name is one; what parses as a record forms to one that parses to the same; a list gives what it took. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "migrate/adopted.h"
#include "migrate/passlist.h"
#include "migrate/winroot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void names(const char *entry)
{
	static const struct name domain = { .domain = "example.com" };
	char text[NAME_TEXT_MAX + 1];
	struct name n, same;

	if (winroot_domain_name(entry, &n))
		check(name_is_domain(&n) && !winroot_is_box(entry) &&
		      name_parse_domain(&same, n.domain, strlen(n.domain), NULL) == EC_OK &&
		      name_equal(&n, &same));
	if (winroot_box_name(entry, &domain, &n)) {
		name_text(&n, text);
		check(winroot_is_box(entry) && strcmp(n.domain, domain.domain) == 0);
		check(name_parse(&same, text, strlen(text), NAME_FILE, NULL) == EC_OK);
		check(name_equal(&n, &same));
	}
}

static void record(const char *text, size_t len)
{
	struct adopted *a, *again;
	struct buf formed = { 0 };
	struct err e;

	if (adopted_parse(text, len, &a, &e) != EC_OK) {
		check(e.class == EC_BROKEN);
		return;
	}
	adopted_form(a, &formed);
	check(adopted_parse(buf_at(&formed), formed.len, &again, NULL) == EC_OK);
	check(adopted_count(a) == adopted_count(again));
	for (size_t i = 0; i < adopted_count(a); i++) {
		check(strcmp(adopted_at(a, i)->here, adopted_at(again, i)->here) == 0);
		check(!strchr(adopted_at(a, i)->here, '/'));
	}
	for (size_t i = 0; i < adopted_count(again); i++) {
		const struct adopted_item item = *adopted_at(again, i);
		check(adopted_has(a, &item) && adopted_has_name(a, item.name));
	}
	adopted_free(&a);
	adopted_free(&again);
	buf_drop(&formed);
}

static void list(const char *text, size_t len)
{
	static const struct name kim = { "kim", "example.com" };
	struct passlist *l = passlist_new();
	struct err e;

	if (passlist_parse(l, text, len, "list", &e) != EC_OK)
		check(e.class == EC_USAGE && passlist_count(l) == 0);
	const struct secret *s = passlist_get(l, &kim);
	check(!s || (s->len > 0 && !memchr(s->bytes, '\n', s->len)));
	passlist_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);

	memcpy(text, data, size);
	names(text);
	record(text, size);
	list(text, size);
	free(text);
	return 0;
}

/* fuzz_conf.c - a snapshot that was accepted, written out setting by setting, is accepted again and
 * is the same. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/arena.h"
#include "server/base/kv.h"
#include "server/conf/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static const char *written_out(struct arena *a, const struct conf *c)
{
	const char *text = "";

	for (size_t i = 0; i < n_options; i++)
		text = kv_edit(a, text, strlen(text), options[i].name,
			       option_text(a, &options[i], c));
	return text;
}

static void check_taken(const struct conf *c)
{
	struct arena *a = arena_new("fuzz", 65536);
	const char *text = written_out(a, c);
	struct conf *again;
	char differ[1024];

	check(conf_parse("again.conf", text, strlen(text), &again, NULL) == EC_OK);
	check(strcmp(written_out(a, again), text) == 0);
	conf_restart_list(c, again, differ, sizeof(differ));
	check(differ[0] == '\0');
	conf_unref(&again);
	arena_drop(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c;
	struct err e = { 0 };

	if (conf_parse("/etc/x.conf", (const char *)data, size, &c, &e) == EC_OK) {
		check_taken(c);
		conf_unref(&c);
	} else {
		check(e.class == EC_USAGE && strncmp(e.text, "x.conf", 6) == 0);
	}
	return 0;
}

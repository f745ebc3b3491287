/* assets.h - the files of the page, compiled in by mkassets.py. Thread: any; constant. */
#pragma once
#include <stddef.h>

struct asset {
	const char *path; /* as it is asked for */
	const char *type;
	const char *etag; /* quoted, of its content */
	const unsigned char *data;
	size_t len;
};
extern const struct asset assets[];
extern const size_t n_assets;

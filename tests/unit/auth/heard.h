/* heard.h - what sign-in says to the log, kept for the tests of it. */
#pragma once
#include <string.h>
#include "server/base/log.h"

static struct log_sink *sink;
static struct log the_log;
static char heard[65536];

static inline void hear(void *context, const char *line)
{
	(void)context;
	if (strlen(heard) + strlen(line) + 2 < sizeof(heard))
		strcat(strcat(heard, line), "\n");
}

static inline int listen_in(void **state)
{
	(void)state;
	sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	log_capture(sink, hear, NULL);
	the_log = (struct log){ .sink = sink };
	return 0;
}

static inline int listen_no_more(void **state)
{
	(void)state;
	log_close(&sink);
	return 0;
}

/* setup_log.h - what `winpop setup` did, for whoever wants to know afterwards: lines with a time, never a secret.
 *
 * Its place is fixed: it tells of the settings too, which may be anywhere. Thread: one at a time.
 */
#pragma once
#include <stdio.h>
#include "server/base/err.h"

#define SETUP_LOG "/var/log/winpop-setup.log"

struct setup_log {
	FILE *to; /* NULL: none */
};
enum ec setup_log_open(struct setup_log *l, struct err *e);
void setup_log_close(struct setup_log *l);
/* One line, whatever the text holds; nothing if it is not open. */
void setup_log_line(struct setup_log *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

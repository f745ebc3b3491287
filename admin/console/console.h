/* console.h - the administrator's console: a page and an API over HTTPS, served until it is told to end.
 *
 * Two processes: one talks to browsers and has no rights; the keeper has them, and talks to nobody else. Thread: main.
 */
#pragma once
#include "server/base/err.h"

struct keeper;

/* conf_path: read again at SIGHUP. Returns when it was told to end. */
enum ec console_run(const char *conf_path, struct err *e);
/* The half that talks to browsers listens. */
void console_ready(struct keeper *k);

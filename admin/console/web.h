/* web.h - the half of the console that talks to browsers: TLS, HTTP, the files of the page. Everything else it asks the keeper.
 *
 * It runs in a process of its own, as an ordinary user without rights, and ends with the keeper. Thread: main.
 */
#pragma once
#include "server/base/log.h"
#include "server/conf/conf.h"
#include "server/net/listen.h"
#include "server/net/tls.h"

struct web_setup {
	const struct conf *conf;
	struct tls *tls;
	struct listener **listeners; /* NULL at the end */
	int link;                    /* to the keeper */
	const struct log *log;
};
/* Until the keeper goes, or until SIGTERM and what is under way has ended. */
void web_run(const struct web_setup *s);

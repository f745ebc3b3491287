/* autoconfig.h - what a mail program needs to know to use this server, in the two forms that they ask for.
 *
 * Pure; malloc'ed. Thread: any.
 */
#pragma once
#include <stddef.h>
#include "server/conf/conf.h"

/* Thunderbird's config-v1.1. address: the person's, as the query has it; only its domain is told back. */
char *autoconfig_text(const struct conf *c, const char *address, size_t len);
/* Outlook's answer to autodiscover. request: the body, from which nothing but the address is taken. */
char *autodiscover_text(const struct conf *c, const char *request, size_t len);

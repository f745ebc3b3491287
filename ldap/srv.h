/* srv.h - LDAP servers of a domain, by DNS (RFC 2782). Private to ldap/. Thread: any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "server/base/err.h"

#define SRV_NAME 256
#define SRV_MAX 32 /* records; more are passed over */

struct srv {
	unsigned priority, weight, port;
	char host[SRV_NAME];
};

/* A DNS message; the records that could be read, up to SRV_MAX. EC_ABSENT: there are none, or "." (service not offered);
 * EC_TEMP: no answer to our question. Pure. */
enum ec srv_parse(const unsigned char *msg, size_t len, struct srv *out, size_t *n, struct err *e);
/* The order in which to try them: by priority, by weighted chance within one. random gives numbers from 0 to below its argument. */
void srv_order(struct srv *r, size_t n, uint32_t (*random)(void *ctx, uint32_t below), void *ctx);
/* Asks for _ldap._tcp.domain, for timeout_ms at most or so; in the order to try. */
enum ec srv_find(const char *domain, unsigned timeout_ms, struct srv *out, size_t *n,
		 struct err *e);

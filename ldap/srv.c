/* srv.c - service records.
 *
 * The resolver of libc does it: libldap has a look-up of its own (ldap_domain2hostlist), without a time limit and with its own idea
 * of weights. A state of our own, because the process's is shared with everybody's getaddrinfo.
 */
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include "ldap/srv.h"
#include "server/base/crypto.h"

#define FIXED 6 /* priority, weight, port */

/* False: it is no SRV record, or none that can be used. */
static bool read_record(ns_msg *m, int i, struct srv *out)
{
	ns_rr rr;

	if (ns_parserr(m, ns_s_an, i, &rr) != 0 || ns_rr_type(rr) != ns_t_srv ||
	    ns_rr_class(rr) != ns_c_in || ns_rr_rdlen(rr) <= FIXED)
		return false;
	const unsigned char *p = ns_rr_rdata(rr);
	*out = (struct srv){ .priority = ns_get16(p),
			     .weight = ns_get16(p + 2),
			     .port = ns_get16(p + 4) };
	/* A record may end before its name does: dn_expand stops at the end of the message only. */
	int used = dn_expand(ns_msg_base(*m), ns_msg_end(*m), p + FIXED, out->host, SRV_NAME);
	if (used < 0 || used > ns_rr_rdlen(rr) - FIXED || out->port == 0)
		return false;
	/* "." is no host; what goes into a URI must not look like a part of another kind */
	return out->host[0] != '\0' && strcmp(out->host, ".") != 0 &&
	       strspn(out->host,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
		       strlen(out->host);
}

enum ec srv_parse(const unsigned char *msg, size_t len, struct srv *out, size_t *n, struct err *e)
{
	ns_msg m;

	*n = 0;
	if (len > UINT16_MAX || ns_initparse(msg, (int)len, &m) != 0)
		return err_set(e, EC_TEMP, "the answer of the name server cannot be read");
	if (ns_msg_getflag(m, ns_f_rcode) == ns_r_servfail)
		return err_set(e, EC_TEMP, "the name server cannot tell just now");
	for (int i = 0; i < ns_msg_count(m, ns_s_an) && *n < SRV_MAX; i++)
		if (read_record(&m, i, &out[*n]))
			(*n)++;
	return *n > 0 ? EC_OK : err_set(e, EC_ABSENT, "there is no such service record");
}

static void swap(struct srv *a, struct srv *b)
{
	struct srv t = *a;

	*a = *b;
	*b = t;
}

static void by_priority(struct srv *r, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && r[k].priority < r[k - 1].priority; k--)
			swap(&r[k], &r[k - 1]);
}

/* RFC 2782: a number from 0 to the sum of weights; the first record whose running sum reaches it. Those without weight stand in
 * front, which gives them their small chance. */
static size_t draw(const struct srv *r, size_t n, uint32_t (*random)(void *ctx, uint32_t below),
		   void *ctx)
{
	uint32_t sum = 0, reached = 0;

	for (size_t i = 0; i < n; i++)
		sum += r[i].weight;
	uint32_t mark = random(ctx, sum + 1);
	for (size_t i = 0; i < n; i++) {
		reached += r[i].weight;
		if (reached >= mark)
			return i;
	}
	return n - 1;
}

static void weightless_first(struct srv *r, size_t n)
{
	for (size_t i = 0, front = 0; i < n; i++)
		if (r[i].weight == 0)
			swap(&r[i], &r[front++]);
}

void srv_order(struct srv *r, size_t n, uint32_t (*random)(void *ctx, uint32_t below), void *ctx)
{
	by_priority(r, n);
	for (size_t from = 0; from < n; from++) {
		size_t same = 1;

		while (from + same < n && r[from + same].priority == r[from].priority)
			same++;
		weightless_first(r + from, same);
		swap(&r[from], &r[from + draw(r + from, same, random, ctx)]);
	}
}

static uint32_t chance(void *ctx, uint32_t below)
{
	(void)ctx;
	return (uint32_t)(random_u64() % below);
}

static enum ec no_answer(int why, const char *name, struct err *e)
{
	if (why == HOST_NOT_FOUND || why == NO_DATA)
		return err_set(e, EC_ABSENT, "DNS has no servers under %s", name);
	return err_set(e, EC_TEMP, "DNS does not answer for %s", name);
}

static enum ec query(res_state state, const char *name, struct srv *out, size_t *n, struct err *e)
{
	unsigned char answer[NS_MAXMSG];
	int len = res_nquery(state, name, ns_c_in, ns_t_srv, answer, sizeof(answer));

	if (len < 0)
		return no_answer(state->res_h_errno, name, e);
	/* It may be longer than the room for it. */
	return srv_parse(answer, len < (int)sizeof(answer) ? (size_t)len : sizeof(answer), out, n,
			 e);
}

enum ec srv_find(const char *domain, unsigned timeout_ms, struct srv *out, size_t *n, struct err *e)
{
	char name[NS_MAXDNAME];
	struct __res_state state = { 0 };

	*n = 0;
	if ((size_t)snprintf(name, sizeof(name), "_ldap._tcp.%s", domain) >= sizeof(name))
		return err_set(e, EC_BROKEN, "\"%s\" is no domain", domain);
	if (res_ninit(&state) != 0)
		return err_set(e, EC_TEMP, "the resolver does not start: see resolv.conf");
	state.retry = 1;
	state.retrans = timeout_ms < 4000 ? 1 : (int)(timeout_ms / 2000);
	enum ec rc = query(&state, name, out, n, e);
	res_nclose(&state);
	if (rc == EC_OK)
		srv_order(out, *n, chance, NULL);
	return rc;
}

/* test_srv.c - DNS answers, good ones and odd ones; the order of RFC 2782. */
#include <arpa/nameser.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/places.h"
#include "ldap/srv.h"

/* A message under construction. */
struct message {
	unsigned char at[4096];
	size_t len;
};

static void put16(struct message *m, unsigned v)
{
	m->at[m->len++] = (unsigned char)(v >> 8);
	m->at[m->len++] = (unsigned char)v;
}

static void put_name(struct message *m, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		m->at[m->len++] = (unsigned char)n;
		memcpy(m->at + m->len, name, n);
		m->len += n;
		name += n + (name[n] == '.');
	}
	m->at[m->len++] = 0;
}

static void begin(struct message *m, unsigned rcode)
{
	*m = (struct message){ 0 };
	put16(m, 1);
	put16(m, 0x8180 | rcode);
	put16(m, 1);
	put16(m, 0); /* answers: counted later */
	put16(m, 0);
	put16(m, 0);
	put_name(m, "_ldap._tcp.example.com");
	put16(m, ns_t_srv);
	put16(m, ns_c_in);
}

static size_t begin_record(struct message *m, unsigned type)
{
	put16(m, 0xc00c); /* the question's name */
	put16(m, type);
	put16(m, ns_c_in);
	put16(m, 0);
	put16(m, 300);
	put16(m, 0); /* length: set later */
	m->at[7]++;
	return m->len;
}

static void end_record(struct message *m, size_t from)
{
	m->at[from - 2] = (unsigned char)((m->len - from) >> 8);
	m->at[from - 1] = (unsigned char)(m->len - from);
}

static void put_srv(struct message *m, unsigned priority, unsigned weight, unsigned port,
		    const char *host)
{
	size_t from = begin_record(m, ns_t_srv);

	put16(m, priority);
	put16(m, weight);
	put16(m, port);
	put_name(m, host);
	end_record(m, from);
}

static void answers(void **state)
{
	struct srv r[SRV_MAX];
	struct message m;
	size_t n;

	(void)state;
	begin(&m, 0);
	put_srv(&m, 10, 5, 389, "ldap1.example.com");
	end_record(&m, begin_record(&m, ns_t_cname)); /* empty: no SRV, no matter */
	put_srv(&m, 20, 0, 1389, "ldap2.example.com");
	assert_int_equal(srv_parse(m.at, m.len, r, &n, NULL), EC_OK);
	assert_int_equal(n, 2);
	assert_string_equal(r[0].host, "ldap1.example.com");
	assert_int_equal(r[0].priority, 10);
	assert_int_equal(r[0].weight, 5);
	assert_int_equal(r[0].port, 389);
	assert_int_equal(r[1].port, 1389);
}

static void what_cannot_be_used_is_passed_over(void **state)
{
	struct srv r[SRV_MAX];
	struct message m;
	size_t n;

	(void)state;
	begin(&m, 0);
	put_srv(&m, 0, 0, 389, "");
	assert_int_equal(srv_parse(m.at, m.len, r, &n, NULL), EC_ABSENT);
	put_srv(&m, 0, 0, 0, "port.example.com");
	put_srv(&m, 0, 0, 389, "a/b.example.com");
	put_srv(&m, 0, 0, 389, "a b.example.com");
	put_srv(&m, 0, 0, 389, "a@b.example.com");
	size_t from = begin_record(&m, ns_t_srv);
	put16(&m, 0);
	end_record(&m, from);
	assert_int_equal(srv_parse(m.at, m.len, r, &n, NULL), EC_ABSENT);
	for (int i = 0; i < 60; i++)
		put_srv(&m, 0, 0, 389, "many.example.com");
	assert_int_equal(srv_parse(m.at, m.len, r, &n, NULL), EC_OK);
	assert_int_equal(n, SRV_MAX);
}

static void no_answer_is_no_absence(void **state)
{
	struct srv r[SRV_MAX];
	struct message m;
	struct err e;
	size_t n;

	(void)state;
	begin(&m, ns_r_servfail);
	assert_int_equal(srv_parse(m.at, m.len, r, &n, &e), EC_TEMP);
	assert_int_equal(srv_parse(m.at, 0, r, &n, &e), EC_TEMP);
	begin(&m, ns_r_nxdomain);
	assert_int_equal(srv_parse(m.at, m.len, r, &n, &e), EC_ABSENT);
}

/* A heap copy of just the length: the sanitizer sees a step too far. */
static void cut_and_bent_everywhere(void **state)
{
	struct srv r[SRV_MAX];
	struct message m;
	size_t n;

	(void)state;
	begin(&m, 0);
	put_srv(&m, 10, 5, 389, "ldap1.example.com");
	put_srv(&m, 10, 5, 389, "ldap2.example.com");
	for (size_t len = 0; len < m.len; len++) {
		unsigned char *copy = malloc(len + 1);
		memcpy(copy, m.at, len);
		assert_int_not_equal(srv_parse(copy, len, r, &n, NULL), EC_OK);
		free(copy);
	}
	for (size_t at = 0; at < m.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			m.at[at] ^= (unsigned char)(1 << bit);
			srv_parse(m.at, m.len, r, &n, NULL);
			assert_true(n <= 2);
			m.at[at] ^= (unsigned char)(1 << bit);
		}
}

struct dice {
	const uint32_t *throws;
	size_t n;
	uint32_t asked[8];
};

static uint32_t throw(void *ctx, uint32_t below)
{
	struct dice *d = ctx;

	d->asked[d->n] = below;
	return d->throws[d->n++];
}

static void order(void **state)
{
	static const struct srv records[] = {
		{ 20, 0, 1, "backup" }, { 10, 60, 1, "big" },   { 10, 0, 1, "none" },
		{ 10, 20, 1, "small" }, { 10, 20, 1, "other" },
	};
	static const struct {
		uint32_t throws[5];
		const char *want[5];
	} rows[] = {
		/* of 0..100: none, then the rest by their sums */
		{ { 0, 60, 20, 0, 0 }, { "none", "big", "small", "other", "backup" } },
		{ { 1, 0, 40, 0, 0 }, { "big", "none", "other", "small", "backup" } },
		{ { 100, 80, 20, 0, 0 }, { "other", "big", "small", "none", "backup" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dice dice = { .throws = rows[i].throws };
		struct srv r[5];
		char got[128] = "", want[128] = "";

		memcpy(r, records, sizeof(r));
		srv_order(r, 5, throw, &dice);
		for (int k = 0; k < 5; k++) {
			strcat(strcat(got, r[k].host), " ");
			strcat(strcat(want, rows[i].want[k]), " ");
		}
		assert_string_equal(got, want);
		assert_int_equal(dice.asked[0], 101);
	}
}

static uint32_t lehmer(void *ctx, uint32_t below)
{
	uint64_t *x = ctx;

	*x = *x * 48271 % 0x7fffffff;
	return (uint32_t)(*x % below);
}

static void weights_are_chances(void **state)
{
	uint64_t seed = 42;
	unsigned first = 0;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct srv r[] = { { 1, 10, 1, "light" }, { 1, 30, 1, "heavy" } };
		srv_order(r, 2, lehmer, &seed);
		first += r[0].host[0] == 'h';
	}
	assert_in_range(first, 7200, 7700); /* 30 of 41 marks and a bit: three quarters */
}

static void places_of_all_kinds(void **state)
{
	const char *uri[4];
	struct places *p;
	struct err e;

	(void)state;
	assert_int_equal(
		places_new(" ldaps://a.example.com  ldap://[::1]:1389 ldapi://%2Frun%2Fx", &p, &e),
		EC_OK);
	assert_false(places_by_dns(p));
	assert_int_equal(places_refresh(p, 100, &e), EC_OK);
	assert_int_equal(places_list(p, uri, 4), 3);
	assert_string_equal(uri[1], "ldap://[::1]:1389");
	places_free(&p);
	assert_null(p);
	assert_int_equal(places_new("srv:example.com ldap://a", &p, &e), EC_OK);
	assert_true(places_by_dns(p));
	assert_int_equal(places_list(p, uri, 4), 1);
	places_free(&p);
}

static void places_that_are_none(void **state)
{
	static const char *const rows[] = { "",         "  ",        "example.com", "srv:",
					    "http://a", "cldap://a", "ldap://a b" };
	struct places *p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(places_new(rows[i], &p, &e), EC_BROKEN);
		assert_null(p);
		assert_non_null(strstr(e.text, "directory_servers"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(what_cannot_be_used_is_passed_over),
		cmocka_unit_test(no_answer_is_no_absence),
		cmocka_unit_test(cut_and_bent_everywhere),
		cmocka_unit_test(order),
		cmocka_unit_test(weights_are_chances),
		cmocka_unit_test(places_of_all_kinds),
		cmocka_unit_test(places_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_faults.c - servers that do what none should: every call ends before its deadline, with little work, and says what it saw. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ldap/conn.h"
#include "server/base/clock.h"
#include "tests/unit/ldap/peer.h"
#include "tests/unit/net/pki.h"

#define TIMEOUT_MS 1000
#define GRACE_MS 30000 /* a busy machine, with sanitizers */

static char ca[] = "/tmp/winpop-ca-XXXXXX";
static const struct link_setup plain = {
	.ca = ca, .timeout_ms = TIMEOUT_MS, .bind = DIR_BIND_SIMPLE, .user = ""
};

static int make_ca(void **state)
{
	struct pki_cert c = pki_make(&(struct pki_want){ .cn = "Test CA" }, NULL);

	(void)state;
	close(mkstemp(ca));
	pki_write(&c, ca, "/dev/null");
	pki_drop(&c);
	return 0;
}

static int drop_ca(void **state)
{
	(void)state;
	return unlink(ca);
}

/* How long, how busy. */
struct watch {
	uint64_t ms, cpu;
};

static struct watch watch_start(void)
{
	return (struct watch){ clock_mono_ms(), cpu_ms() };
}

static void watch_stop(const struct watch *w, unsigned at_least_ms)
{
	uint64_t ms = clock_mono_ms() - w->ms;

	assert_in_range(ms, at_least_ms, TIMEOUT_MS + GRACE_MS);
	if (cpu_ms() - w->cpu > 200)
		fail_msg("%u ms of CPU in %u ms", (unsigned)(cpu_ms() - w->cpu), (unsigned)ms);
}

static bool nothing(void *ctx, struct dir_entry *en)
{
	(void)ctx, (void)en;
	return true;
}

static enum ec search(struct dir_conn *c, struct err *e)
{
	const struct dir_query q = { .base = "", .filter = "(objectClass=*)", .most = 1 };

	return dir_conn_search(c, &q, nothing, NULL, e);
}

static const struct {
	enum fault fault;
	unsigned at_least_ms; /* how long a bind must wait */
	const char *says;
} rows[] = {
	{ PEER_SILENT, TIMEOUT_MS, "did not answer" },
	{ PEER_CLOSES, 0, "closed" },
	{ PEER_RESETS, 0, "closed" },
	{ PEER_GARBAGE, 0, "" },
	{ PEER_HUGE, 0, "" },
	{ PEER_HALF, TIMEOUT_MS, "did not answer" },
	{ PEER_TRICKLES, TIMEOUT_MS, "did not answer" },
	{ PEER_OTHERS, TIMEOUT_MS, "did not answer" },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void binding(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		struct err e = { 0 };
		struct dir_conn *c;
		struct peer peer;

		peer_start(&peer, rows[i].fault);
		struct watch w = watch_start();
		assert_int_equal(dir_conn_open(peer.plain, &plain, true, &c, &e), EC_TEMP);
		watch_stop(&w, rows[i].at_least_ms);
		if (!strstr(e.text, rows[i].says))
			fail_msg("row %zu: %s", i, e.text);
		peer_stop(&peer);
	}
}

static void handshakes(void **state)
{
	struct link_setup starttls = plain;

	(void)state;
	starttls.starttls = true;
	for (size_t i = 0; i < N_ROWS; i++) {
		struct dir_conn *c;
		struct peer peer;

		peer_start(&peer, rows[i].fault);
		struct watch w = watch_start();
		assert_int_equal(dir_conn_open(peer.tls, &plain, true, &c, NULL), EC_TEMP);
		assert_int_equal(dir_conn_open(peer.tls, &plain, false, &c, NULL), EC_TEMP);
		assert_int_equal(dir_conn_open(peer.plain, &starttls, false, &c, NULL), EC_TEMP);
		watch_stop(&w, rows[i].at_least_ms);
		peer_stop(&peer);
	}
}

/* Good until it is bound. */
static void operations(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		struct err e = { 0 };
		struct dir_conn *c;
		struct peer peer;

		if (rows[i].fault == PEER_CLOSES)
			continue;
		peer_start(&peer, PEER_GOOD);
		assert_int_equal(dir_conn_open(peer.plain, &plain, true, &c, &e), EC_OK);
		assert_int_equal(search(c, &e), EC_OK);
		atomic_store(&peer.fault, rows[i].fault);
		struct watch w = watch_start();
		assert_int_equal(search(c, &e), EC_TEMP);
		assert_true(c->lost);
		assert_true(c->silent || rows[i].at_least_ms == 0);
		watch_stop(&w, rows[i].at_least_ms);
		w = watch_start();
		assert_int_equal(search(c, &e), EC_TEMP); /* at once */
		assert_in_range(clock_mono_ms() - w.ms, 0, TIMEOUT_MS - 1);
		dir_conn_close(&c);
		peer_stop(&peer);
	}
}

static void proving(void **state)
{
	struct secret s = { 0 };

	(void)state;
	secret_set(&s, "any", 3);
	for (size_t i = 0; i < N_ROWS; i++) {
		enum proof p = PROOF_COUNT;
		struct err e = { 0 };
		struct dir_conn *c;
		struct peer peer;

		if (rows[i].fault == PEER_CLOSES)
			continue;
		peer_start(&peer, rows[i].fault);
		assert_int_equal(dir_conn_open(peer.plain, &plain, false, &c, &e), EC_OK);
		struct watch w = watch_start();
		assert_int_equal(dir_conn_prove(c, "cn=x", &s, &p, &e), EC_TEMP);
		watch_stop(&w, rows[i].at_least_ms);
		dir_conn_close(&c);
		peer_stop(&peer);
	}
	secret_drop(&s);
}

static void slow_is_not_dead(void **state)
{
	struct link_setup patient = plain;
	struct dir_conn *c;
	struct peer peer;
	struct err e;

	(void)state;
	patient.timeout_ms = 10000;
	peer_start(&peer, PEER_SLOW);
	struct watch w = watch_start();
	assert_int_equal(dir_conn_open(peer.plain, &patient, true, &c, &e), EC_OK);
	assert_int_equal(search(c, &e), EC_OK);
	watch_stop(&w, 600);
	dir_conn_close(&c);
	peer_stop(&peer);
}

static bool dead_soon(struct dir_conn *c)
{
	uint64_t end = clock_mono_ms() + 10000;

	while (clock_mono_ms() < end)
		if (!dir_conn_alive(c))
			return true;
	return false;
}

static void a_goodbye_is_heard(void **state)
{
	struct dir_conn *c;
	struct peer peer;
	struct err e;

	(void)state;
	peer_start(&peer, PEER_GOOD);
	assert_int_equal(dir_conn_open(peer.plain, &plain, true, &c, &e), EC_OK);
	atomic_store(&peer.fault, PEER_GOODBYE);
	assert_int_equal(search(c, &e), EC_OK);
	assert_true(dead_soon(c));
	assert_true(c->lost);
	dir_conn_close(&c);
	peer_stop(&peer);
}

static void *cancel_it(void *c)
{
	dir_conn_cancel(c);
	return NULL;
}

static void cancelled_at_any_time(void **state)
{
	struct link_setup patient = plain;
	struct dir_conn *c;
	struct peer peer;
	pthread_t t;
	struct err e;

	(void)state;
	patient.timeout_ms = 60000;
	peer_start(&peer, PEER_SILENT);
	for (int i = 0; i < 20; i++) {
		c = dir_conn_new(i % 2 ? peer.plain : peer.tls, &patient);
		struct watch w = watch_start();
		pthread_create(&t, NULL, cancel_it, c);
		assert_int_equal(dir_conn_start(c, true, &e), EC_TEMP);
		watch_stop(&w, 0);
		assert_int_equal(search(c, &e), EC_TEMP);
		pthread_join(t, NULL);
		assert_false(dir_conn_alive(c));
		dir_conn_close(&c);
	}
	peer_stop(&peer);
}

/* 192.0.2.0/24 leads nowhere (RFC 5737); where the machine has no route at all it fails at once, which is as good. */
static void addresses_that_lead_nowhere(void **state)
{
	char nobody[64];
	struct dir_conn *c;
	struct err e;

	(void)state;
	struct watch w = watch_start();
	assert_int_equal(dir_conn_open("ldap://192.0.2.1", &plain, true, &c, &e), EC_TEMP);
	peer_nobody(nobody);
	assert_int_equal(dir_conn_open(nobody, &plain, true, &c, &e), EC_TEMP);
	assert_non_null(strstr(e.text, "refused"));
	assert_int_equal(dir_conn_open("ldap://no-such-host.invalid", &plain, true, &c, &e),
			 EC_TEMP);
	assert_non_null(strstr(e.text, "no-such-host.invalid"));
	assert_int_equal(dir_conn_open("nonsense", &plain, true, &c, &e), EC_BROKEN);
	watch_stop(&w, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binding),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(operations),
		cmocka_unit_test(proving),
		cmocka_unit_test(slow_is_not_dead),
		cmocka_unit_test(a_goodbye_is_heard),
		cmocka_unit_test(cancelled_at_any_time),
		cmocka_unit_test(addresses_that_lead_nowhere),
	};

	signal(SIGPIPE, SIG_IGN); /* as the programs do */
	return cmocka_run_group_tests(tests, make_ca, drop_ca);
}

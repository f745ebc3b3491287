/* test_pool.c - the pool among servers that die, freeze, lie and come back. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "ldap/pool.h"
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "tests/unit/ldap/peer.h"

#define TIMEOUT_MS 2000
#define PATIENCE_MS 60000
#define AT_ONCE_MS 1000 /* on a busy machine */

static const struct link_setup setup = {
	.ca = "/nonexistent", .timeout_ms = TIMEOUT_MS, .bind = DIR_BIND_SIMPLE, .user = ""
};

/* ---- what is logged ---- */

struct scene {
	struct pool *pool;
	struct log_sink *sink;
	struct log log;
	pthread_mutex_t lock;
	struct buf lines;
};

static void on_line(void *ctx, const char *line)
{
	struct scene *s = ctx;

	pthread_mutex_lock(&s->lock);
	buf_fmt(&s->lines, "%s\n", line);
	pthread_mutex_unlock(&s->lock);
}

static unsigned logged(struct scene *s, const char *event)
{
	unsigned n = 0;
	char want[64];

	snprintf(want, sizeof(want), "event=%s", event);
	pthread_mutex_lock(&s->lock);
	buf_add(&s->lines, "", 1);
	for (const char *p = buf_at(&s->lines); (p = strstr(p, want)); p++)
		n++;
	s->lines.len--;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void open_setup(struct scene *s, const char *servers, const struct link_setup *how,
		       unsigned most)
{
	struct err e = { 0 };

	*s = (struct scene){ .lock = PTHREAD_MUTEX_INITIALIZER };
	s->sink = log_open(LOG_TO_STDERR, "test", 3);
	log_capture(s->sink, on_line, s);
	s->log.sink = s->sink;
	if (pool_new(servers, how, most, &s->log, &s->pool, &e) != EC_OK)
		fail_msg("%s", e.text);
}

static void open_scene(struct scene *s, const char *servers, unsigned most)
{
	open_setup(s, servers, &setup, most);
}

static void close_scene(struct scene *s)
{
	pool_free(&s->pool);
	assert_null(s->pool);
	log_close(&s->sink);
	buf_drop(&s->lines);
}

/* ---- work ---- */

static bool nothing(void *ctx, struct dir_entry *en)
{
	(void)ctx, (void)en;
	return true;
}

static enum ec look(struct dir_conn *c, void *ctx, struct err *e)
{
	const struct dir_query q = { .base = "", .filter = "(objectClass=*)", .most = 1 };
	const char **uri = ctx;

	if (uri)
		*uri = c->uri;
	return dir_conn_search(c, &q, nothing, NULL, e);
}

static enum ec check(struct dir_conn *c, void *ctx, struct err *e)
{
	struct secret s = { 0 };
	enum proof p;

	(void)ctx;
	secret_set(&s, "any", 3);
	enum ec rc = dir_conn_prove(c, "cn=x", &s, &p, e);
	secret_drop(&s);
	return rc;
}

static enum ec run(struct scene *s, const char **uri)
{
	struct err e = { 0 };
	enum ec rc = pool_run(s->pool, POOL_READ, look, uri, &e);

	assert_true(rc == EC_OK || e.class == rc);
	return rc;
}

static enum ec run_timed(struct scene *s, uint64_t *ms)
{
	uint64_t from = clock_mono_ms();
	enum ec rc = run(s, NULL);

	*ms = clock_mono_ms() - from;
	return rc;
}

static void until_uri(struct scene *s, const char *want)
{
	uint64_t end = clock_mono_ms() + PATIENCE_MS;
	const char *uri = "";

	while (run(s, &uri) != EC_OK || strcmp(uri, want) != 0) {
		assert_true(clock_mono_ms() < end);
		poll(NULL, 0, 5);
	}
}

static unsigned connections(struct scene *s, unsigned i)
{
	struct dir_server_now now[4];

	assert_true(i < pool_now(s->pool, now, 4));
	return now[i].connections;
}

/* ---- one server ---- */

static void nothing_is_opened_before_there_is_work(void **state)
{
	struct dir_server_now now[2];
	struct scene s;
	struct peer peer;

	(void)state;
	peer_start(&peer, PEER_GOOD);
	open_scene(&s, peer.plain, 2);
	assert_int_equal(pool_now(s.pool, now, 2), 1);
	assert_true(now[0].up);
	assert_int_equal(now[0].connections, 0);
	assert_string_equal(now[0].uri, peer.plain);
	for (int i = 0; i < 10; i++)
		assert_int_equal(run(&s, NULL), EC_OK);
	assert_int_equal(pool_run(s.pool, POOL_PROVE, check, NULL, NULL), EC_OK);
	assert_int_equal(connections(&s, 0), 2); /* one of each kind */
	assert_int_equal(atomic_load(&peer.n_connections), 2);
	close_scene(&s);
	peer_stop(&peer);
}

static void settings_that_make_no_sense(void **state)
{
	struct pool *p;
	struct err e;

	(void)state;
	assert_int_equal(pool_new("nonsense", &setup, 1, NULL, &p, &e), EC_BROKEN);
	assert_null(p);
	pool_free(&p);
}

static void a_dead_server_costs_one_wait(void **state)
{
	struct scene s;
	struct peer peer;
	uint64_t ms, cpu;

	(void)state;
	peer_start(&peer, PEER_SILENT);
	open_scene(&s, peer.plain, 2);
	assert_int_equal(run_timed(&s, &ms), EC_TEMP);
	assert_in_range(ms, TIMEOUT_MS, PATIENCE_MS);
	cpu = cpu_ms();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(run(&s, NULL), EC_TEMP);
	assert_in_range(cpu_ms() - cpu, 0, 500);
	assert_int_equal(run_timed(&s, &ms), EC_TEMP);
	assert_in_range(ms, 0, AT_ONCE_MS);
	assert_int_equal(logged(&s, "directory-down"), 1);
	atomic_store(&peer.fault, PEER_GOOD);
	until_uri(&s, peer.plain);
	assert_int_equal(logged(&s, "directory-up"), 1);
	assert_int_equal(logged(&s, "directory-down"), 1);
	close_scene(&s);
	peer_stop(&peer);
}

static void a_text_tells_why_it_is_away(void **state)
{
	struct scene s;
	struct err e = { 0 };
	char nobody[64];

	(void)state;
	peer_nobody(nobody);
	open_scene(&s, nobody, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pool_run(s.pool, POOL_READ, look, NULL, &e), EC_TEMP);
		assert_non_null(strstr(e.text, "away"));
		assert_non_null(strstr(e.text, "refused"));
	}
	close_scene(&s);
}

/* .invalid has no servers (RFC 6761), whether there is a DNS here or not. */
static void a_domain_without_servers(void **state)
{
	struct dir_server_now now[2];
	struct err e = { 0 };
	struct scene s;

	(void)state;
	open_scene(&s, "srv:no-such-domain.invalid", 2);
	assert_int_equal(pool_now(s.pool, now, 2), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pool_run(s.pool, POOL_READ, look, NULL, &e), EC_TEMP);
		assert_non_null(strstr(e.text, "no-such-domain.invalid"));
	}
	assert_int_equal(logged(&s, "directory-unknown"), 1);
	close_scene(&s);
}

/* Its connections are closed, but it takes new ones: nobody but the log of the server notices. */
static void a_restarted_server_is_not_felt(void **state)
{
	struct scene s;
	struct peer peer;

	(void)state;
	peer_start(&peer, PEER_GOOD);
	open_scene(&s, peer.plain, 2);
	assert_int_equal(run(&s, NULL), EC_OK);
	for (int i = 0; i < 5; i++) {
		atomic_store(&peer.once, true);
		atomic_store(&peer.fault,
			     PEER_RESETS); /* the next request, on the old connection */
		assert_int_equal(run(&s, NULL), EC_OK);
	}
	assert_int_equal(logged(&s, "directory-down"), 0);
	close_scene(&s);
	peer_stop(&peer);
}

static enum ec count(struct dir_conn *c, void *ctx, struct err *e)
{
	atomic_fetch_add((atomic_uint *)ctx, 1);
	return look(c, NULL, e);
}

static void a_change_is_never_made_twice(void **state)
{
	struct scene s;
	struct peer peer;
	atomic_uint n = 0;

	(void)state;
	peer_start(&peer, PEER_GOOD);
	open_scene(&s, peer.plain, 2);
	assert_int_equal(pool_run(s.pool, POOL_WRITE, count, &n, NULL), EC_OK);
	assert_int_equal(n, 1);
	atomic_store(&peer.once, true);
	atomic_store(&peer.fault, PEER_RESETS);
	assert_int_equal(pool_run(s.pool, POOL_WRITE, count, &n, NULL), EC_TEMP);
	assert_int_equal(n, 2);
	assert_int_equal(pool_run(s.pool, POOL_WRITE, count, &n, NULL), EC_OK);
	assert_int_equal(n, 3);
	close_scene(&s);
	peer_stop(&peer);
}

static enum ec say_no(struct dir_conn *c, void *ctx, struct err *e)
{
	(void)c;
	return err_set(e, *(enum ec *)ctx, "no");
}

static void what_the_work_says_is_handed_on(void **state)
{
	struct scene s;
	struct peer peer;
	struct err e;

	(void)state;
	peer_start(&peer, PEER_GOOD);
	open_scene(&s, peer.plain, 1);
	for (enum ec rc = EC_USAGE; rc < EC_COUNT; rc++) {
		assert_int_equal(pool_run(s.pool, POOL_READ, say_no, &rc, &e), rc);
		assert_string_equal(e.text, "no");
	}
	assert_int_equal(run(&s, NULL), EC_OK);
	assert_int_equal(atomic_load(&peer.n_connections), 1);
	close_scene(&s);
	peer_stop(&peer);
}

/* A server would hang up on it: no reason to put that aside. */
static enum ec prove_long(struct dir_conn *c, void *ctx, struct err *e)
{
	struct secret s = { 0 };
	char *text = malloc(1 << 20);

	memset(text, 'x', 1 << 20);
	secret_set(&s, text, 1 << 20);
	free(text);
	enum ec rc = dir_conn_prove(c, "cn=x", &s, ctx, e);
	secret_drop(&s);
	return rc;
}

static void too_long_a_password_is_wrong(void **state)
{
	enum proof p = PROOF_COUNT;
	struct scene s;
	struct peer peer;

	(void)state;
	peer_start(&peer, PEER_GOOD);
	open_scene(&s, peer.plain, 1);
	assert_int_equal(pool_run(s.pool, POOL_PROVE, prove_long, &p, NULL), EC_OK);
	assert_int_equal(p, PROOF_WRONG);
	assert_int_equal(atomic_load(&peer.n_requests), 0);
	close_scene(&s);
	peer_stop(&peer);
}

/* ---- several servers ---- */

static void the_next_one_takes_over_and_hands_back(void **state)
{
	static const enum fault faults[] = { PEER_SILENT, PEER_CLOSES, PEER_GARBAGE, PEER_HALF,
					     PEER_RESETS };
	struct peer first, second;
	struct scene s;
	char servers[160];
	const char *uri;

	(void)state;
	peer_start(&first, PEER_GOOD);
	peer_start(&second, PEER_GOOD);
	snprintf(servers, sizeof(servers), "%s %s", first.plain, second.plain);
	open_scene(&s, servers, 2);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		atomic_store(&first.fault, faults[i]);
		for (int k = 0; k < 10; k++)
			assert_int_equal(run(&s, &uri), EC_OK); /* none fails */
		atomic_store(&first.fault, PEER_GOOD);
		until_uri(&s, first.plain);
		assert_int_equal(connections(&s, 1), 0); /* given up when not needed */
	}
	assert_int_equal(logged(&s, "directory-up"), logged(&s, "directory-down"));
	close_scene(&s);
	peer_stop(&first);
	peer_stop(&second);
}

static void a_dead_one_among_good_ones_is_not_felt(void **state)
{
	struct peer good;
	struct scene s;
	char nobody[64], servers[160];
	uint64_t ms;

	(void)state;
	peer_nobody(nobody);
	peer_start(&good, PEER_GOOD);
	snprintf(servers, sizeof(servers), "%s %s", nobody, good.plain);
	open_scene(&s, servers, 2);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(run_timed(&s, &ms), EC_OK);
		assert_in_range(ms, 0, AT_ONCE_MS);
	}
	close_scene(&s);
	peer_stop(&good);
}

/* ---- many callers ---- */

struct caller {
	struct scene *s;
	pthread_t thread;
	enum pool_use use;
	enum ec rc;
	uint64_t ms;
};

static void *call(void *arg)
{
	struct caller *c = arg;
	uint64_t from = clock_mono_ms();

	c->rc = pool_run(c->s->pool, c->use, c->use == POOL_PROVE ? check : look, NULL, NULL);
	c->ms = clock_mono_ms() - from;
	return NULL;
}

static void call_all(struct scene *s, struct caller *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		c[i] = (struct caller){ .s = s, .use = i % 3 };
		assert_int_equal(pthread_create(&c[i].thread, NULL, call, &c[i]), 0);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(c[i].thread, NULL);
}

/* Some run, some wait for a connection, when it freezes. All are free soon after the first has seen it. */
static void a_frozen_server_does_not_hold_everybody(void **state)
{
	struct scene s;
	struct peer peer;
	struct caller c[24];

	(void)state;
	peer_start(&peer, PEER_GOOD);
	open_scene(&s, peer.plain, 2);
	assert_int_equal(run(&s, NULL), EC_OK);
	atomic_store(&peer.fault, PEER_SILENT);
	call_all(&s, c, 24);
	for (int i = 0; i < 24; i++) {
		assert_true(c[i].rc == EC_TEMP || c[i].rc == EC_BUSY);
		assert_in_range(c[i].ms, 0, 2 * TIMEOUT_MS + AT_ONCE_MS);
	}
	assert_int_equal(logged(&s, "directory-down"), 1);
	close_scene(&s);
	peer_stop(&peer);
}

static void callers_take_turns(void **state)
{
	struct scene s;
	struct peer peer;
	struct caller c[24];

	(void)state;
	peer_start(&peer, PEER_GOOD);
	open_scene(&s, peer.plain, 2);
	call_all(&s, c, 24);
	for (int i = 0; i < 24; i++)
		assert_int_equal(c[i].rc, EC_OK);
	assert_in_range(atomic_load(&peer.n_connections), 2, 4);
	close_scene(&s);
	peer_stop(&peer);
}

static void whoever_waits_too_long_is_told_so(void **state)
{
	struct link_setup how = setup;
	struct scene s;
	struct peer peer;
	struct caller c[12];
	unsigned busy = 0, ok = 0;

	(void)state;
	how.timeout_ms = 3300;
	peer_start(&peer, PEER_SLOW);
	open_setup(&s, peer.plain, &how, 1);
	assert_int_equal(run(&s, NULL), EC_OK);
	for (unsigned i = 0; i < 12; i++) {
		c[i] = (struct caller){ .s = &s, .use = POOL_READ };
		pthread_create(&c[i].thread, NULL, call, &c[i]);
	}
	for (unsigned i = 0; i < 12; i++) {
		pthread_join(c[i].thread, NULL);
		busy += c[i].rc == EC_BUSY;
		ok += c[i].rc == EC_OK;
	}
	assert_int_equal(busy + ok, 12);
	assert_in_range(ok, 2, 5);
	assert_int_equal(logged(&s, "directory-down"), 0);
	close_scene(&s);
	peer_stop(&peer);
}

/* ---- idle, and stress ---- */

static uint64_t process_cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void waiting_for_a_server_is_idle(void **state)
{
	struct scene s;
	char nobody[64];
	uint64_t cpu;

	(void)state;
	peer_nobody(nobody);
	open_scene(&s, nobody, 2);
	assert_int_equal(run(&s, NULL), EC_TEMP);
	cpu = process_cpu_ms();
	poll(NULL, 0, 1000); /* what is measured is this time, nothing is waited for */
	assert_in_range(process_cpu_ms() - cpu, 0, 150);
	close_scene(&s);
}

struct stress {
	struct scene s;
	atomic_bool over;
	atomic_uint ok, temp, other;
};

static void *stress_caller(void *arg)
{
	struct stress *t = arg;
	unsigned i = 0;

	while (!atomic_load(&t->over)) {
		enum pool_use use = i++ % 3;
		enum ec rc = pool_run(t->s.pool, use, use == POOL_PROVE ? check : look, NULL, NULL);

		atomic_fetch_add(rc == EC_OK                      ? &t->ok
				 : rc == EC_TEMP || rc == EC_BUSY ? &t->temp
								  : &t->other,
				 1);
		if (rc != EC_OK)
			poll(NULL, 0, 1);
		if (i % 16 == 0) {
			struct dir_server_now now[4];
			pool_now(t->s.pool, now, 4);
		}
	}
	return NULL;
}

static void servers_die_under_load(void **state)
{
	static const enum fault faults[] = { PEER_RESETS,  PEER_GOOD,   PEER_SILENT, PEER_GOODBYE,
					     PEER_GARBAGE, PEER_CLOSES, PEER_GOOD };
	struct link_setup how = setup;
	struct stress t = { 0 };
	struct peer peer[3];
	pthread_t thread[6];
	char servers[220];

	(void)state;
	how.timeout_ms = 100;
	for (int i = 0; i < 3; i++)
		peer_start(&peer[i], PEER_GOOD);
	snprintf(servers, sizeof(servers), "%s %s %s", peer[0].plain, peer[1].plain, peer[2].plain);
	open_setup(&t.s, servers, &how, 3);
	for (int i = 0; i < 6; i++)
		pthread_create(&thread[i], NULL, stress_caller, &t);
	for (unsigned i = 0; i < 40; i++) {
		atomic_store(&peer[i % 3].fault, faults[i % (sizeof(faults) / sizeof(faults[0]))]);
		poll(NULL, 0, 50); /* the pace of the faults */
	}
	for (int i = 0; i < 3; i++)
		atomic_store(&peer[i].fault, PEER_GOOD);
	until_uri(&t.s, peer[0].plain);
	atomic_store(&t.over, true);
	for (int i = 0; i < 6; i++)
		pthread_join(thread[i], NULL);
	assert_true(atomic_load(&t.ok) > 0);
	assert_int_equal(atomic_load(&t.other), 0);
	close_scene(&t.s);
	for (int i = 0; i < 3; i++)
		peer_stop(&peer[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_opened_before_there_is_work),
		cmocka_unit_test(settings_that_make_no_sense),
		cmocka_unit_test(a_dead_server_costs_one_wait),
		cmocka_unit_test(a_text_tells_why_it_is_away),
		cmocka_unit_test(a_domain_without_servers),
		cmocka_unit_test(a_restarted_server_is_not_felt),
		cmocka_unit_test(a_change_is_never_made_twice),
		cmocka_unit_test(what_the_work_says_is_handed_on),
		cmocka_unit_test(too_long_a_password_is_wrong),
		cmocka_unit_test(the_next_one_takes_over_and_hands_back),
		cmocka_unit_test(a_dead_one_among_good_ones_is_not_felt),
		cmocka_unit_test(a_frozen_server_does_not_hold_everybody),
		cmocka_unit_test(callers_take_turns),
		cmocka_unit_test(whoever_waits_too_long_is_told_so),
		cmocka_unit_test(waiting_for_a_server_is_idle),
		cmocka_unit_test(servers_die_under_load),
	};

	signal(SIGPIPE, SIG_IGN); /* as the programs do */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

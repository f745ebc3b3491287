/* test_conn.c - plain connections: what is told and when, and who may free when. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "tests/unit/net/rig.h"

static void count_done(void *ctx)
{
	(*(unsigned *)ctx)++;
}

/* ---- input ---- */

static void input_is_kept_until_it_is_eaten(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { .leave_input = true };
	int fd[2];
	size_t len;

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 100);
	rig_send(fd[1], "US");
	rig_until_told(l, &o, CONN_DATA, 1);
	rig_send(fd[1], "ER kim\r\nPASS x");
	rig_until_told(l, &o, CONN_DATA, 2);
	assert_memory_equal(conn_in(o.c, &len), "USER kim\r\nPASS x", 16);
	assert_int_equal(len, 16);
	conn_eat(o.c, 10);
	assert_memory_equal(conn_in(o.c, &len), "PASS x", 6);
	rig_spin(l);
	assert_int_equal(o.told[CONN_DATA], 2); /* eating is no news */
	conn_drop_input(o.c);
	conn_in(o.c, &len);
	assert_int_equal(len, 0);
	assert_int_equal(conn_n_in(o.c), 16);
	close(fd[1]);
	rig_until_told(l, &o, CONN_EOF, 1);
	owner_drop(&o);
	loop_free(&l);
}

/* Beyond in_max nothing is read until something is eaten. */
static void input_is_bounded(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { .leave_input = true };
	int fd[2];
	size_t len;

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 4);
	rig_send(fd[1], "abcdefgh");
	rig_until_told(l, &o, CONN_DATA, 1);
	rig_spin(l);
	conn_in(o.c, &len);
	assert_int_equal(len, 4);
	assert_int_equal(o.told[CONN_DATA], 1);
	conn_eat(o.c, 3);
	rig_until_told(l, &o, CONN_DATA, 2);
	assert_memory_equal(conn_in(o.c, &len), "defg", 4);
	assert_int_equal(len, 4);
	conn_eat(o.c, 4);
	rig_until_told(l, &o, CONN_DATA, 3);
	assert_memory_equal(conn_in(o.c, &len), "h", 1);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

static void held_input_comes_later_and_before_the_end(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	int fd[2];

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_hold(o.c, true);
	rig_send(fd[1], "QUIT\r\n");
	close(fd[1]);
	rig_spin(l);
	assert_int_equal(o.told[CONN_DATA], 0);
	assert_int_equal(o.told[CONN_EOF], 0);
	conn_hold(o.c, false);
	assert_int_equal(o.told[CONN_DATA], 0); /* not inside the call */
	rig_until_told(l, &o, CONN_EOF, 1);
	assert_int_equal(o.told[CONN_DATA], 1);
	assert_int_equal(o.in.len, 6);
	owner_drop(&o);
	loop_free(&l);
}

static void a_bare_end_is_seen_while_held(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	int fd[2];

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_hold(o.c, true);
	close(fd[1]);
	rig_until_told(l, &o, CONN_EOF, 1);
	owner_drop(&o);
	loop_free(&l);
}

/* ---- time ---- */

static void idle_time_fires_and_fires_again(void **state)
{
	uint64_t began = clock_mono_ms();
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	int fd[2];

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_timeout(o.c, 20);
	rig_until_told(l, &o, CONN_TIMEOUT, 2);
	assert_true(clock_mono_ms() - began >= 2 * 20 - 1); /* the first one fell in mid-ms */
	conn_timeout(o.c, 0);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

static void activity_moves_the_idle_time_but_not_the_deadline(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	int fd[2];

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_timeout(o.c, 60000);
	conn_deadline(o.c, 30); /* earlier than the timer that runs */
	while (!o.told[CONN_TIMEOUT]) {
		rig_send(fd[1], "x");
		rig_until_input(l, &o, o.in.len + 1);
	}
	assert_int_equal(o.told[CONN_TIMEOUT], 1);
	conn_deadline(o.c, 1);
	conn_deadline(o.c, 0);
	conn_timeout(o.c, 25);
	rig_until_told(l, &o, CONN_TIMEOUT, 2);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

/* ---- ends ---- */

static void make_happen(struct owner *o, int fd[2], enum conn_ev ev)
{
	struct linger at_once = { .l_onoff = 1 };
	static char much[4u << 20];

	switch (ev) {
	case CONN_DATA: rig_send(fd[1], "x"); break;
	case CONN_EOF: shutdown(fd[1], SHUT_WR); break;
	case CONN_TIMEOUT: conn_timeout(o->c, 1); break;
	case CONN_SENT: conn_finish(o->c); break;
	case CONN_DRAINED: conn_put(o->c, much, sizeof(much)); break;
	case CONN_ERROR:
		setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd[1]);
		fd[1] = -1;
		break;
	case CONN_SECURE: break;
	}
}

static void drain(int fd)
{
	char part[65536];

	while (recv(fd, part, sizeof(part), MSG_DONTWAIT) > 0)
		;
}

static void free_inside_every_callback(void **state)
{
	static const enum conn_ev evs[] = { CONN_DATA, CONN_DRAINED, CONN_TIMEOUT,
					    CONN_EOF,  CONN_ERROR,   CONN_SENT };

	(void)state;
	for (size_t i = 0; i < sizeof(evs) / sizeof(evs[0]); i++) {
		struct loop *l = rig_loop();
		struct owner o = { .free_now = true, .free_at = evs[i] };
		int fd[2];

		rig_tcp_pair(fd);
		owner_start(&o, l, fd[0], 1000);
		make_happen(&o, fd, evs[i]);
		while (o.c) {
			rig_spin(l);
			if (evs[i] == CONN_DRAINED)
				drain(fd[1]);
		}
		rig_spin(l);
		assert_int_equal(o.told[evs[i]], 1);
		owner_drop(&o);
		if (fd[1] >= 0)
			close(fd[1]);
		loop_free(&l);
	}
}

/* A session that dies takes its file with it, and done() may be what ends it. */
static void free_with_own_done(void *ctx)
{
	struct owner *o = ctx;

	conn_free(&o->c);
}

static void a_file_may_free_its_connection(void **state)
{
	(void)state;
	for (int flush = 0; flush < 2; flush++) {
		struct loop *l = rig_loop();
		struct owner o = { 0 };
		int fd[2], file = rig_file(100000);

		rig_tcp_pair(fd);
		owner_start(&o, l, fd[0], 1000);
		conn_put_file(o.c, file, 0, 10, free_with_own_done, &o);
		conn_put_file(o.c, file, 0, 100000, free_with_own_done, &o);
		if (flush)
			conn_flush(o.c);
		rig_spin(l);
		assert_null(o.c);
		close(fd[1]);
		close(file);
		loop_free(&l);
	}
}

static void free_the_other(struct owner *o, enum conn_ev ev)
{
	if (ev == CONN_DATA)
		conn_free(&((struct owner *)o->ctx)->c);
}

/* Two are ready in the same pass, and the first ends the second. */
static void one_callback_may_free_another_connection(void **state)
{
	struct loop *l = rig_loop();
	struct owner a = { .also = free_the_other }, b = { .also = free_the_other };
	int fa[2], fb[2];

	(void)state;
	rig_pair(fa);
	rig_pair(fb);
	owner_start(&a, l, fa[0], 1000);
	owner_start(&b, l, fb[0], 1000);
	a.ctx = &b;
	b.ctx = &a;
	rig_send(fa[1], "x");
	rig_send(fb[1], "x");
	rig_spin(l);
	assert_true(!a.c != !b.c);
	assert_int_equal(a.told[CONN_DATA] + b.told[CONN_DATA], 1);
	owner_drop(&a);
	owner_drop(&b);
	close(fa[1]);
	close(fb[1]);
	loop_free(&l);
}

static void a_file_for_a_broken_connection_is_done_at_once(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	unsigned done = 0;
	int fd[2], file = rig_file(10);

	(void)state;
	rig_tcp_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	make_happen(&o, fd, CONN_ERROR);
	rig_until_told(l, &o, CONN_ERROR, 1);
	conn_put_file(o.c, file, 0, 10, count_done, &done);
	assert_int_equal(done, 1);
	assert_string_not_equal(conn_error(o.c), "");
	rig_spin(l);
	assert_int_equal(o.told[CONN_ERROR], 1);
	owner_drop(&o);
	close(file);
	loop_free(&l);
}

/* Peers that talk, read a little and vanish by reset, at any moment of an echo with files. */
static void echo_and_file(struct owner *o, enum conn_ev ev)
{
	owner_echo(o, ev);
	if (ev == CONN_DATA)
		conn_put_file(o->c, *(int *)o->ctx, 0, 300000, NULL, NULL);
	if (ev == CONN_ERROR || ev == CONN_SENT)
		conn_free(&o->c);
}

static void peers_vanish_at_any_moment(void **state)
{
	struct loop *l = rig_loop();
	int file = rig_file(300000);
	uint32_t seed = 99;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct owner o = { .leave_input = true, .also = echo_and_file, .ctx = &file };
		char part[40000] = { 0 };
		int fd[2];

		rig_tcp_pair(fd);
		owner_start(&o, l, fd[0], 5000);
		for (unsigned step = rig_random(&seed) % 6; step > 0; step--) {
			send(fd[1], part, 1 + rig_random(&seed) % 3000,
			     MSG_DONTWAIT | MSG_NOSIGNAL);
			rig_step(l, rig_random(&seed) % 3);
			recv(fd[1], part, 1 + rig_random(&seed) % sizeof(part), MSG_DONTWAIT);
		}
		make_happen(&o, fd, CONN_ERROR);
		while (o.c)
			rig_spin(l);
		assert_int_equal(o.told[CONN_SENT], 0);
	}
	close(file);
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_is_kept_until_it_is_eaten),
		cmocka_unit_test(input_is_bounded),
		cmocka_unit_test(held_input_comes_later_and_before_the_end),
		cmocka_unit_test(a_bare_end_is_seen_while_held),
		cmocka_unit_test(idle_time_fires_and_fires_again),
		cmocka_unit_test(activity_moves_the_idle_time_but_not_the_deadline),
		cmocka_unit_test(free_inside_every_callback),
		cmocka_unit_test(a_file_may_free_its_connection),
		cmocka_unit_test(one_callback_may_free_another_connection),
		cmocka_unit_test(a_file_for_a_broken_connection_is_done_at_once),
		cmocka_unit_test(peers_vanish_at_any_moment),
	};

	signal(SIGPIPE, SIG_IGN); /* as the service does: sendfile has no MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

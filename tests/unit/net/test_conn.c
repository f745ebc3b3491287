/* test_conn.c - plain connections: what is told and when, what is sent, and who may free when. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "tests/unit/net/rig.h"

static void read_exactly(int fd, char *p, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, p + have, len - have);

		assert_true(n > 0);
		have += n;
	}
}

static void assert_reads(int fd, const char *z)
{
	char got[4096];

	assert_true(strlen(z) < sizeof(got));
	read_exactly(fd, got, strlen(z));
	assert_memory_equal(got, z, strlen(z));
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

/* ---- output ---- */

static void answer_all(struct owner *o, enum conn_ev ev)
{
	if (ev != CONN_DATA)
		return;
	conn_putz(o->c, "+OK ");
	conn_put(o->c, "one\r\n", 5);
	conn_putz(o->c, "+OK two\r\n");
	assert_int_equal(conn_queued(o->c), 18); /* nothing leaves while it speaks */
}

static void replies_leave_together_after_the_callback(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { .also = answer_all };
	char got[64];
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd), 0);
	owner_start(&o, l, fd[0], 1000);
	rig_send(fd[1], "A\r\nB\r\n");
	rig_until_told(l, &o, CONN_DATA, 1);
	/* Packets keep their borders: one call, one packet. */
	assert_int_equal(recv(fd[1], got, sizeof(got), 0), 18);
	assert_memory_equal(got, "+OK one\r\n+OK two\r\n", 18);
	assert_int_equal(conn_n_out(o.c), 18);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

static void output_from_outside_leaves_by_itself(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	int fd[2];

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_putz(o.c, "+OK hello\r\n");
	assert_int_equal(conn_queued(o.c), 11);
	conn_flush(o.c);
	assert_int_equal(conn_queued(o.c), 0);
	conn_putz(o.c, "+OK again\r\n");
	rig_spin(l);
	assert_reads(fd[1], "+OK hello\r\n+OK again\r\n");
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

static void finish_sends_all_then_tells(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	char got[8];
	int fd[2];

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_putz(o.c, "+OK bye\r\n");
	conn_finish(o.c);
	conn_finish(o.c);
	conn_putz(o.c, "too late");
	rig_send(fd[1], "ignored");
	rig_until_told(l, &o, CONN_SENT, 1);
	assert_reads(fd[1], "+OK bye\r\n");
	assert_int_equal(read(fd[1], got, sizeof(got)), 0);
	rig_spin(l);
	assert_int_equal(o.told[CONN_DATA], 0);
	assert_int_equal(o.told[CONN_SENT], 1);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

/* ---- files, and the marks ---- */

static void count_done(void *ctx)
{
	(*(unsigned *)ctx)++;
}

static void file_of(uint64_t size, void (*pair)(int fd[2]))
{
	struct loop *l = rig_loop();
	struct reader r = { .want = size + 8, .seed = size };
	struct owner o = { 0 };
	unsigned done = 0;
	int fd[2], file = rig_file(size);

	pair(fd);
	r.client.fd = fd[1];
	owner_start(&o, l, fd[0], 1000);
	conn_putz(o.c, "+OK\r\n");
	conn_put_file(o.c, file, 0, size, count_done, &done);
	conn_putz(o.c, ".\r\n");
	assert_int_equal(conn_queued(o.c), size + 8);
	pthread_create(&r.thread, NULL, reader_main, &r);
	rig_until(l, reader_is_over, &r);
	pthread_join(r.thread, NULL);
	assert_true(r.got == r.want);
	assert_true(r.wrong_at == UINT64_MAX);
	assert_int_equal(done, 1);
	assert_true(conn_n_out(o.c) == r.want);
	rig_spin(l);
	assert_int_equal(o.told[CONN_DRAINED], size + 8 > CONN_HIGH);
	owner_drop(&o);
	assert_int_equal(done, 1);
	close(fd[1]);
	close(file);
	loop_free(&l);
}

static void files_of_all_sizes_arrive_whole(void **state)
{
	static const uint64_t sizes[] = {
		0,     1,     100,    16383,  32767,  32768,    32769,          65535,
		65536, 65537, 262143, 262144, 262145, 1u << 20, (1u << 20) + 1, 64u << 20,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		file_of(sizes[i], rig_tcp_pair);
		file_of(sizes[i], rig_pair);
	}
}

static void many_pieces_keep_their_order(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	unsigned done = 0;
	char got[200];
	int fd[2], file = rig_file(40000);

	(void)state;
	rig_tcp_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	for (unsigned i = 0; i < 100; i++) {
		char head[4];

		memset(head, 'a' + i % 26, sizeof(head));
		conn_put(o.c, head, sizeof(head));
		conn_put_file(o.c, file, i * 300, i % 3 ? i : 0, count_done, &done);
	}
	rig_spin(l);
	for (unsigned i = 0; i < 100; i++) {
		size_t len = i % 3 ? i : 0;

		read_exactly(fd[1], got, 4 + len);
		assert_int_equal(got[0], 'a' + i % 26);
		assert_int_equal(got[3], 'a' + i % 26);
		for (size_t k = 0; k < len; k++)
			assert_int_equal((unsigned char)got[4 + k], rig_octet(i * 300 + k));
	}
	assert_int_equal(done, 100);
	owner_drop(&o);
	close(fd[1]);
	close(file);
	loop_free(&l);
}

static void a_truncated_file_breaks_the_connection(void **state)
{
	static const uint64_t promised[] = { 1000, 40000, 1u << 20 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct loop *l = rig_loop();
		struct owner o = { 0 };
		unsigned done = 0;
		int fd[2], file = rig_file(promised[i] - 1);

		rig_tcp_pair(fd);
		owner_start(&o, l, fd[0], 1000);
		conn_put_file(o.c, file, 0, promised[i], count_done, &done);
		conn_putz(o.c, ".\r\n");
		for (char part[65536]; !o.told[CONN_ERROR];) {
			rig_spin(l);
			recv(fd[1], part, sizeof(part), MSG_DONTWAIT);
		}
		assert_string_equal(o.why, "a file became shorter while it was sent");
		assert_int_equal(done, 0);
		owner_drop(&o);
		assert_int_equal(done, 1);
		close(fd[1]);
		close(file);
		loop_free(&l);
	}
}

/* LIST of a large mailbox: it stops above the mark and goes on from CONN_DRAINED. */
#define LINES 100000
static void put_lines(struct owner *o, enum conn_ev ev)
{
	unsigned *next = o->ctx;
	char line[16];

	if (ev != CONN_DATA && ev != CONN_DRAINED)
		return;
	while (*next < LINES && conn_queued(o->c) <= CONN_HIGH) {
		snprintf(line, sizeof(line), "%07u\r\n", (*next)++);
		conn_putz(o->c, line);
	}
	assert_true(conn_queued(o->c) <= CONN_HIGH + sizeof(line));
}

struct line_reader {
	int fd;
	bool right;
	atomic_bool over;
};

static void *read_lines(void *arg)
{
	struct line_reader *r = arg;
	char line[16], want[16];

	r->right = true;
	for (unsigned i = 0; i < LINES && r->right; i++) {
		snprintf(want, sizeof(want), "%07u\r\n", i);
		r->right = recv(r->fd, line, 9, MSG_WAITALL) == 9 && memcmp(line, want, 9) == 0;
	}
	atomic_store(&r->over, true);
	return NULL;
}

static bool lines_are_over(void *ctx)
{
	return atomic_load(&((struct line_reader *)ctx)->over);
}

static void long_answers_are_resumed(void **state)
{
	struct loop *l = rig_loop();
	unsigned next = 0;
	struct owner o = { .also = put_lines, .ctx = &next };
	struct line_reader r = { 0 };
	pthread_t thread;
	int fd[2];

	(void)state;
	rig_tcp_pair(fd);
	r.fd = fd[1];
	owner_start(&o, l, fd[0], 1000);
	rig_send(fd[1], "LIST\r\n");
	pthread_create(&thread, NULL, read_lines, &r);
	rig_until(l, lines_are_over, &r);
	pthread_join(thread, NULL);
	assert_true(r.right);
	assert_int_equal(next, LINES);
	assert_true(o.told[CONN_DRAINED] > 1);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

/* ---- echo: both directions at once, pieces of any size ---- */

#define ECHO_BYTES (4u << 20)

static void echo_of_random_pieces(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { .leave_input = true, .also = owner_echo };
	struct reader r = { .want = ECHO_BYTES, .send = ECHO_BYTES, .seed = 1 };
	pthread_t writer;
	char end;
	int fd[2];

	(void)state;
	rig_tcp_pair(fd);
	r.client.fd = fd[1];
	owner_start(&o, l, fd[0], 5000);
	pthread_create(&r.thread, NULL, reader_main, &r);
	pthread_create(&writer, NULL, reader_send, &r);
	rig_until_told(l, &o, CONN_SENT, 1);
	pthread_join(writer, NULL);
	pthread_join(r.thread, NULL);
	assert_true(r.got == ECHO_BYTES);
	assert_true(r.wrong_at == UINT64_MAX);
	assert_int_equal(recv(fd[1], &end, 1, 0), 0);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

/* ---- time ---- */

static void idle_time_fires_and_fires_again(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	int fd[2];

	(void)state;
	rig_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_timeout(o.c, 20);
	rig_until_told(l, &o, CONN_TIMEOUT, 2);
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

/* ---- addresses ---- */

static void addresses_have_a_text(void **state)
{
	static const struct {
		int family;
		const char *given, *text;
		bool loopback;
	} cases[] = {
		{ AF_INET, "192.0.2.7", "192.0.2.7", false },
		{ AF_INET, "127.9.9.9", "127.9.9.9", true },
		{ AF_INET6, "2001:db8::1", "2001:db8::1", false },
		{ AF_INET6, "::1", "::1", true },
		{ AF_INET6, "::ffff:192.0.2.7", "192.0.2.7", false },
		{ AF_INET6, "::ffff:127.0.0.1", "127.0.0.1", true },
	};
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char text[PEER_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_in v4 = { .sin_family = AF_INET };
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
		bool is4 = cases[i].family == AF_INET;
		struct sockaddr *sa = is4 ? (void *)&v4 : (void *)&v6;
		socklen_t len = is4 ? sizeof(v4) : sizeof(v6);

		inet_pton(cases[i].family, cases[i].given,
			  is4 ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr);
		peer_text(sa, len, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(peer_is_loopback(sa, len), cases[i].loopback);
		peer_text(sa, 1, text); /* cut off: never read beyond */
		assert_string_equal(text, "unknown");
	}
	peer_text((struct sockaddr *)&un, sizeof(un.sun_family), text);
	assert_string_equal(text, "local");
	assert_true(peer_is_loopback((struct sockaddr *)&un, sizeof(un.sun_family)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_is_kept_until_it_is_eaten),
		cmocka_unit_test(input_is_bounded),
		cmocka_unit_test(held_input_comes_later_and_before_the_end),
		cmocka_unit_test(a_bare_end_is_seen_while_held),
		cmocka_unit_test(replies_leave_together_after_the_callback),
		cmocka_unit_test(output_from_outside_leaves_by_itself),
		cmocka_unit_test(finish_sends_all_then_tells),
		cmocka_unit_test(files_of_all_sizes_arrive_whole),
		cmocka_unit_test(many_pieces_keep_their_order),
		cmocka_unit_test(a_truncated_file_breaks_the_connection),
		cmocka_unit_test(long_answers_are_resumed),
		cmocka_unit_test(echo_of_random_pieces),
		cmocka_unit_test(idle_time_fires_and_fires_again),
		cmocka_unit_test(activity_moves_the_idle_time_but_not_the_deadline),
		cmocka_unit_test(free_inside_every_callback),
		cmocka_unit_test(a_file_may_free_its_connection),
		cmocka_unit_test(one_callback_may_free_another_connection),
		cmocka_unit_test(a_file_for_a_broken_connection_is_done_at_once),
		cmocka_unit_test(peers_vanish_at_any_moment),
		cmocka_unit_test(addresses_have_a_text),
	};

	signal(SIGPIPE, SIG_IGN); /* as the service does: sendfile has no MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

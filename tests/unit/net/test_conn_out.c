/* test_conn_out.c - what is sent, in which order, in how many calls; files; backpressure. */
#include <event2/event.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

static struct tcp_info info_of(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info;
}

static void say_bye(struct owner *o, enum conn_ev ev)
{
	if (ev != CONN_DATA)
		return;
	while (info_of(*(int *)o->ctx).tcpi_unacked > 0) /* its own packet is none of ours */
		;
	conn_putz(o->c, "+OK bye\r\n");
	conn_finish(o->c);
}

/* What comes to a client behind its QUIT. */
static unsigned packets_of_a_farewell(bool owner_closes)
{
	struct loop *l = rig_loop();
	int fd[2];
	struct owner o = { .free_now = owner_closes, .free_at = CONN_SENT, .also = say_bye };
	unsigned before, packets;
	char got[8];

	rig_tcp_pair(fd);
	o.ctx = &fd[1];
	owner_start(&o, l, fd[0], 1000);
	before = info_of(fd[1]).tcpi_data_segs_in;
	rig_send(fd[1], "QUIT\r\n");
	rig_until_told(l, &o, CONN_SENT, 1);
	assert_reads(fd[1], "+OK bye\r\n");
	assert_int_equal(read(fd[1], got, sizeof(got)), 0);
	struct tcp_info now = info_of(fd[1]);
	packets = now.tcpi_segs_in;
	assert_int_equal(now.tcpi_data_segs_in - before, 1);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
	return packets;
}

/* The second half of the handshake, perhaps "QUIT was received", and both in one. */
static void the_last_reply_and_the_end_are_one_packet(void **state)
{
	(void)state;
	assert_in_range(packets_of_a_farewell(true), 2, 3);
	assert_in_range(packets_of_a_farewell(false), 2, 3);
}

/* Some of the input was not received: there was no room for it, or it came after the turn in which the rest was. The kernel resets
 * what is closed then, and forgets what was not sent yet. */
static void farewell_with_input_unread(const char *first, const char *later, bool owner_closes)
{
	struct loop *l = rig_loop();
	struct owner o = { .leave_input = true, .free_now = owner_closes, .free_at = CONN_SENT };
	int fd[2];

	rig_tcp_pair(fd);
	owner_start(&o, l, fd[0], 10);
	rig_send(fd[1], first);
	rig_until_told(l, &o, CONN_DATA, 1);
	rig_send(fd[1], later);
	conn_putz(o.c, "+OK bye\r\n");
	conn_finish(o.c);
	conn_flush(o.c);
	rig_until_told(l, &o, CONN_SENT, 1);
	assert_reads(fd[1], "+OK bye\r\n");
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

static void unread_input_does_not_cost_the_last_reply(void **state)
{
	(void)state;
	for (int closes = 0; closes < 2; closes++) {
		farewell_with_input_unread("0123456789 and more", "", closes);
		farewell_with_input_unread("QUIT\r\n", "NOOP\r\n", closes);
	}
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
	assert_true(r.right);
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
		0,     1,      100,    16383,  32767,  32768,  32769,    65535,          65536,
		65537, 122880, 122881, 262143, 262144, 262145, 1u << 20, (1u << 20) + 1, 64u << 20,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		file_of(sizes[i], rig_tcp_pair);
		file_of(sizes[i], rig_pair);
	}
}

static void put_answer(struct owner *o, int file, unsigned size)
{
	conn_putz(o->c, "+OK\r\n");
	conn_put_file(o->c, file, 0, size, NULL, NULL);
	conn_putz(o->c, ".\r\n");
}

static void read_answer(struct loop *l, int client, unsigned size)
{
	struct reader r = { .client.fd = client, .want = size + 8, .seed = size };

	pthread_create(&r.thread, NULL, reader_main, &r);
	rig_until(l, reader_is_over, &r);
	pthread_join(r.thread, NULL);
	assert_true(r.got == r.want);
	assert_true(r.right);
}

static unsigned n_segments(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_data_segs_out;
}

static unsigned segment_size(int fd)
{
	socklen_t len = sizeof(int);
	int size;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &size, &len), 0);
	return (unsigned)size;
}

/* Every segment but the last is full: in one of many answers at least, for the client's window must open first, and without a cork
 * an acknowledgement pushes what there is. On loopback it may come in the midst of a call. */
static void assert_full_segments(unsigned size, void (*pair)(int fd[2]))
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	int fd[2], file = rig_file(size), corked = -1;
	socklen_t len = sizeof(corked);
	unsigned fewest = UINT_MAX;

	pair(fd);
	owner_start(&o, l, fd[0], 1000);
	for (unsigned i = 0; i < 30; i++) {
		unsigned before = n_segments(fd[0]);

		put_answer(&o, file, size);
		read_answer(l, fd[1], size);
		if (n_segments(fd[0]) - before < fewest)
			fewest = n_segments(fd[0]) - before;
	}
	assert_int_equal(fewest, (size + 8 + segment_size(fd[0]) - 1) / segment_size(fd[0]));
	assert_int_equal(getsockopt(fd[0], IPPROTO_TCP, TCP_CORK, &corked, &len), 0);
	assert_int_equal(corked, 0);
	owner_drop(&o);
	close(fd[1]);
	close(file);
	loop_free(&l);
}

static void sluggish_tcp_pair(int fd[2])
{
	int off = 0, room = 1 << 20;

	rig_tcp_pair(fd);
	assert_int_equal(setsockopt(fd[1], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	assert_int_equal(setsockopt(fd[1], IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)), 0);
}

static void what_is_behind_a_file_travels_with_it(void **state)
{
	static const unsigned middling[] = { 33000, 50001, 65536, 66000, 70001, 120000 };
	static const unsigned long_ones[] = { 123000, 150001 };

	(void)state;
	for (size_t i = 0; i < sizeof(middling) / sizeof(middling[0]); i++)
		assert_full_segments(middling[i], sluggish_tcp_pair);
	for (size_t i = 0; i < sizeof(long_ones) / sizeof(long_ones[0]); i++)
		assert_full_segments(long_ones[i], rig_ethernet_pair);
}

static void a_range_may_begin_within_a_page(void **state)
{
	static const unsigned size = 120001, first = 45001;
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	int fd[2], file = rig_file(size);

	(void)state;
	rig_tcp_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_putz(o.c, "+OK\r\n");
	conn_put_file(o.c, file, 0, first, NULL, NULL);
	conn_put_file(o.c, file, first, size - first, NULL, NULL);
	conn_putz(o.c, ".\r\n");
	read_answer(l, fd[1], size);
	owner_drop(&o);
	close(fd[1]);
	close(file);
	loop_free(&l);
}

/* What the kernel did not take of one client's file must not go to the next one. */
static void a_client_that_does_not_read_leaves_nothing_to_another(void **state)
{
	static const unsigned sizes[2] = { 100000, 60000 };
	struct loop *l = rig_loop();
	struct owner o[2] = { 0 };
	int fd[2][2], file = rig_file(sizes[0]), room = 4096;

	(void)state;
	for (int i = 0; i < 2; i++) {
		rig_pair(fd[i]);
		owner_start(&o[i], l, fd[i][0], 1000);
	}
	assert_int_equal(setsockopt(fd[0][0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	put_answer(&o[0], file, sizes[0]);
	rig_spin(l);
	assert_in_range(conn_queued(o[0].c), 1, sizes[0]);
	put_answer(&o[1], file, sizes[1]);
	read_answer(l, fd[1][1], sizes[1]);
	read_answer(l, fd[0][1], sizes[0]);
	for (int i = 0; i < 2; i++) {
		owner_drop(&o[i]);
		close(fd[i][1]);
	}
	close(file);
	loop_free(&l);
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

static unsigned n_warnings; /* libevent gives its callback no context */

static void count_warning(int severity, const char *text)
{
	print_error("libevent (%d): %s\n", severity, text);
	n_warnings++;
}

/* Watched for both ways: libevent hears of it before the socket is closed. */
static void leaving_in_the_middle_of_a_file_warns_nobody(void **state)
{
	struct loop *l = rig_loop();
	struct owner o = { 0 };
	unsigned done = 0;
	int fd[2], file = rig_file(64u << 20);

	(void)state;
	n_warnings = 0;
	event_set_log_callback(count_warning);
	rig_tcp_pair(fd);
	owner_start(&o, l, fd[0], 1000);
	conn_put_file(o.c, file, 0, 64u << 20, count_done, &done);
	rig_spin(l);
	assert_true(conn_queued(o.c) > 0);
	owner_drop(&o);
	assert_int_equal(done, 1);
	event_set_log_callback(NULL);
	assert_int_equal(n_warnings, 0);
	close(fd[1]);
	close(file);
	loop_free(&l);
}

/* ---- a giant, and others ---- */

static void drain(int fd)
{
	static char gone[1u << 20];

	while (recv(fd, gone, sizeof(gone), MSG_DONTWAIT) > 0)
		;
}

/* Octets that the giant's connection sends in one pass of the loop; the other, if any, has something to hear in it. */
static size_t sent_in_a_pass(struct loop *l, struct owner *giant, const int fd[2], const int *other)
{
	size_t before = conn_queued(giant->c);

	drain(fd[1]);
	if (other)
		rig_send(*other, "NOOP\r\n");
	event_base_loop(loop_base(l), EVLOOP_NONBLOCK | EVLOOP_ONCE);
	return before - conn_queued(giant->c);
}

/* The most that it sends in one of many passes. With another one: in those in which that one was heard, as in the pass before; the
 * kernel may be late with what was sent to it. */
static size_t most_in_a_pass(struct loop *l, struct owner *giant, const int fd[2],
			     const struct owner *other, const int *others_fd)
{
	size_t most = 0;
	bool heard = !other;

	for (unsigned i = 0; i < 40; i++) {
		unsigned told = other ? other->told[CONN_DATA] : 0;
		size_t n = sent_in_a_pass(l, giant, fd, others_fd);
		bool counts = heard && (!other || other->told[CONN_DATA] > told);

		heard = !other || other->told[CONN_DATA] > told;
		most = counts && n > most ? n : most;
	}
	return most;
}

static void a_giant_takes_small_turns_while_others_have_theirs(void **state)
{
	struct loop *l = rig_loop();
	struct owner giant = { 0 }, other = { 0 };
	int fd[2], others_fd[2], file = rig_file(64u << 20);

	(void)state;
	rig_tcp_pair(fd);
	rig_tcp_pair(others_fd);
	owner_start(&giant, l, fd[0], 1000);
	owner_start(&other, l, others_fd[0], 1000);
	conn_put_file(giant.c, file, 0, 64u << 20, NULL, NULL);
	while (conn_queued(giant.c) > 62u << 20) /* the first MiB has large turns */
		sent_in_a_pass(l, &giant, fd, NULL);
	assert_in_range(most_in_a_pass(l, &giant, fd, &other, &others_fd[1]), 1, 64u << 10);
	assert_in_range(most_in_a_pass(l, &giant, fd, NULL, NULL), 128u << 10, SIZE_MAX);
	owner_drop(&giant);
	owner_drop(&other);
	close(fd[1]);
	close(others_fd[1]);
	close(file);
	loop_free(&l);
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
	assert_true(r.right);
	assert_int_equal(recv(fd[1], &end, 1, 0), 0);
	owner_drop(&o);
	close(fd[1]);
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_leave_together_after_the_callback),
		cmocka_unit_test(output_from_outside_leaves_by_itself),
		cmocka_unit_test(finish_sends_all_then_tells),
		cmocka_unit_test(the_last_reply_and_the_end_are_one_packet),
		cmocka_unit_test(unread_input_does_not_cost_the_last_reply),
		cmocka_unit_test(files_of_all_sizes_arrive_whole),
		cmocka_unit_test(what_is_behind_a_file_travels_with_it),
		cmocka_unit_test(a_range_may_begin_within_a_page),
		cmocka_unit_test(a_client_that_does_not_read_leaves_nothing_to_another),
		cmocka_unit_test(many_pieces_keep_their_order),
		cmocka_unit_test(a_truncated_file_breaks_the_connection),
		cmocka_unit_test(leaving_in_the_middle_of_a_file_warns_nobody),
		cmocka_unit_test(a_giant_takes_small_turns_while_others_have_theirs),
		cmocka_unit_test(long_answers_are_resumed),
		cmocka_unit_test(echo_of_random_pieces),
	};

	signal(SIGPIPE, SIG_IGN); /* as the service does: sendfile has no MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_listen.c - doors: TCP, unix, handed over; and what happens when descriptors run out. */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "server/net/listen.h"
#include "tests/unit/net/rig.h"

#define MANY 200

struct door {
	struct loop *loop;
	struct listener *l;
	unsigned n, want;
	int fds[MANY];
	char peer[PEER_TEXT_MAX];
	bool close_them;
};

static void on_accept(int fd, const struct sockaddr *sa, socklen_t len, void *ctx)
{
	struct door *d = ctx;

	peer_text(sa, len, d->peer);
	if (d->close_them)
		close(fd);
	else
		d->fds[d->n] = fd;
	d->n++;
}

static bool has_enough(void *ctx)
{
	struct door *d = ctx;

	return d->n >= d->want;
}

static void until(struct door *d, unsigned n)
{
	d->want = n;
	rig_until(d->loop, has_enough, d);
	assert_int_equal(d->n, n);
}

static void door_close(struct door *d)
{
	listen_close(&d->l);
	assert_null(d->l);
	listen_close(&d->l);
	for (unsigned i = 0; !d->close_them && i < d->n; i++)
		close(d->fds[i]);
	loop_free(&d->loop);
}

static int call(unsigned port, int family)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	rc = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
			       : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
	if (rc == 0)
		return fd;
	close(fd);
	return -1;
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

static const struct log silent;

static void tcp_accepts_and_hands_down_what_matters(void **state)
{
	struct door d = { .loop = rig_loop() };
	socklen_t len = sizeof(int);
	int client, nodelay = 0;

	(void)state;
	assert_int_equal(listen_tcp("127.0.0.1", 0, 16, &d.l, NULL), EC_OK);
	assert_true(listen_port(d.l) > 0);
	listen_start(d.l, d.loop, &silent, on_accept, &d);
	client = call(listen_port(d.l), AF_INET);
	until(&d, 1);
	assert_string_equal(d.peer, "127.0.0.1");
	assert_true(fcntl(d.fds[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(d.fds[0], F_GETFD) & FD_CLOEXEC);
	getsockopt(d.fds[0], IPPROTO_TCP, TCP_NODELAY, &nodelay, &len);
	assert_true(nodelay);
	close(client);
	door_close(&d);
}

static void a_star_is_both_families(void **state)
{
	struct door d = { .loop = rig_loop() };
	int a, b = -1;

	(void)state;
	assert_int_equal(listen_tcp("*", 0, 16, &d.l, NULL), EC_OK);
	listen_start(d.l, d.loop, &silent, on_accept, &d);
	a = call(listen_port(d.l), AF_INET);
	until(&d, 1);
	assert_string_equal(d.peer, "127.0.0.1");
	if (has_ipv6()) {
		b = call(listen_port(d.l), AF_INET6);
		until(&d, 2);
		assert_string_equal(d.peer, "::1");
		close(b);
	}
	close(a);
	door_close(&d);
}

static void wrong_addresses_are_refused(void **state)
{
	struct listener *l = NULL, *first;
	struct err e;

	(void)state;
	assert_int_equal(listen_tcp("localhost", 0, 1, &l, &e), EC_USAGE);
	assert_int_equal(listen_tcp("127.0.0.1", 65536, 1, &l, &e), EC_USAGE);
	assert_int_equal(listen_tcp("", 0, 1, &l, &e), EC_USAGE);
	assert_int_equal(listen_tcp("127.0.0.1", 0, 1, &first, &e), EC_OK);
	assert_int_equal(listen_tcp("127.0.0.1", listen_port(first), 1, &l, &e), EC_TEMP);
	assert_non_null(strstr(e.text, "Address already in use"));
	assert_null(l);
	listen_close(&first);
}

/* Two loops at one address: each gets some, none is lost, and a stranger does not get in between. */
static void one_more_at_the_same_address(const char *host, int family)
{
	struct door a = { .loop = rig_loop() }, b = { .loop = rig_loop() };
	struct listener *stranger = NULL;
	int clients[MANY];
	struct err e;

	assert_int_equal(listen_tcp(host, 0, MANY, &a.l, NULL), EC_OK);
	assert_int_equal(listen_beside(a.l, MANY, &b.l, NULL), EC_OK);
	assert_int_equal(listen_port(a.l), listen_port(b.l));
	assert_int_equal(listen_tcp(host, listen_port(a.l), 1, &stranger, &e), EC_TEMP);
	for (int i = 0; i < MANY; i++)
		clients[i] = call(listen_port(a.l), family);
	listen_start(a.l, a.loop, &silent, on_accept, &a);
	listen_start(b.l, b.loop, &silent, on_accept, &b);
	while (a.n + b.n < MANY) {
		event_base_loop(loop_base(a.loop), EVLOOP_NONBLOCK);
		event_base_loop(loop_base(b.loop), EVLOOP_NONBLOCK);
	}
	assert_true(a.n > 0 && b.n > 0);
	for (int i = 0; i < MANY; i++)
		close(clients[i]);
	door_close(&a);
	door_close(&b);
}

static void loops_share_an_address(void **state)
{
	(void)state;
	one_more_at_the_same_address("127.0.0.1", AF_INET);
	one_more_at_the_same_address("*", AF_INET);
	if (has_ipv6())
		one_more_at_the_same_address("*", AF_INET6);
}

static void a_crowd_is_accepted_whole(void **state)
{
	struct door d = { .loop = rig_loop() };
	int clients[MANY];

	(void)state;
	assert_int_equal(listen_tcp("127.0.0.1", 0, MANY, &d.l, NULL), EC_OK);
	for (int i = 0; i < MANY; i++)
		clients[i] = call(listen_port(d.l), AF_INET);
	listen_start(d.l, d.loop, &silent, on_accept, &d);
	until(&d, MANY);
	for (int i = 0; i < MANY; i++)
		close(clients[i]);
	door_close(&d);
}

static void count_lines(void *ctx, const char *line)
{
	if (strstr(line, "accept-paused"))
		(*(unsigned *)ctx)++;
}

static void out_of_descriptors_pauses_and_says_so_once(void **state)
{
	struct door d = { .loop = rig_loop() };
	struct log_sink *sink = log_open(LOG_TO_STDERR, "test", LV_WARN);
	struct log log = { .sink = sink };
	struct rlimit was, low;
	unsigned lines = 0;
	int client, next;

	(void)state;
	log_capture(sink, count_lines, &lines);
	assert_int_equal(listen_tcp("127.0.0.1", 0, 16, &d.l, NULL), EC_OK);
	listen_start(d.l, d.loop, &log, on_accept, &d);
	client = call(listen_port(d.l), AF_INET);
	getrlimit(RLIMIT_NOFILE, &was);
	low = was;
	next = dup(client);
	close(next);
	low.rlim_cur = next; /* every number below is taken */
	setrlimit(RLIMIT_NOFILE, &low);
	for (int i = 0; i < 5; i++)
		rig_spin(d.loop);
	assert_int_equal(d.n, 0);
	assert_int_equal(lines, 1);
	setrlimit(RLIMIT_NOFILE, &was);
	until(&d, 1);
	assert_int_equal(lines, 1);
	close(client);
	door_close(&d);
	log_close(&sink);
}

/* ---- unix ---- */

static char unix_dir[] = "/tmp/winpop-door-XXXXXX", unix_path[64];

static int call_unix(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, unix_path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void unix_sockets_have_the_exact_mode_and_go_with_their_maker(void **state)
{
	struct door d = { .loop = rig_loop() };
	mode_t mask = umask(077);
	struct stat st;
	int client;

	(void)state;
	assert_int_equal(listen_unix(unix_path, 0666, 16, &d.l, NULL), EC_OK);
	umask(mask);
	stat(unix_path, &st);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(listen_port(d.l), 0);
	listen_start(d.l, d.loop, &silent, on_accept, &d);
	client = call_unix();
	until(&d, 1);
	assert_string_equal(d.peer, "local");
	close(client);
	door_close(&d);
	assert_int_equal(stat(unix_path, &st), -1);
}

static void stale_is_replaced_live_is_not(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct listener *l = NULL, *second = NULL;
	int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err e;
	FILE *f;

	(void)state;
	strcpy(sa.sun_path, unix_path);
	assert_int_equal(bind(dead, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(dead); /* as kill -9 leaves it */
	assert_int_equal(listen_unix(unix_path, 0600, 16, &l, &e), EC_OK);
	assert_int_equal(listen_unix(unix_path, 0600, 16, &second, &e), EC_EXISTS);
	assert_null(second);
	listen_close(&l);
	f = fopen(unix_path, "w");
	fclose(f);
	assert_int_equal(listen_unix(unix_path, 0600, 16, &l, &e), EC_BROKEN);
	assert_int_equal(access(unix_path, F_OK), 0); /* not ours to remove */
	unlink(unix_path);
	assert_int_equal(listen_unix("/nowhere/at/all", 0600, 16, &l, &e), EC_ABSENT);
	assert_int_equal(listen_unix("/a/path/that/is/much/too/long/for/a/socket/address/because/"
				     "those/hold/about/a/hundred/octets/and/this/has/more",
				     0600, 16, &l, &e),
			 EC_USAGE);
}

/* ---- handed over ---- */

/* In a child of its own, where descriptors 3 to 6 are ours to arrange. */
static int inherit_in_child(const char *pid_text)
{
	struct listener *a = NULL, *b = NULL, *c = NULL;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid_text ? pid_text : pid, 1);
	setenv("LISTEN_FDS", "4", 1);
	setenv("LISTEN_FDNAMES", "pop3:lmtp:pop3:odd", 1);
	for (int fd = 3; fd < 7; fd++) {
		dup2(socket(AF_INET, SOCK_STREAM, 0), fd); /* dup2 clears close-on-exec */
		if (fd < 6)
			listen(fd, 4); /* "odd" does not */
	}
	if (pid_text)
		return listen_inherited("pop3", &a, NULL) == EC_ABSENT ? 0 : 1;
	if (listen_inherited("pop3", &a, NULL) != EC_OK ||
	    listen_inherited("pop3", &b, NULL) != EC_OK ||
	    listen_inherited("pop3", &c, NULL) != EC_ABSENT ||
	    listen_inherited("lmtp", &c, NULL) != EC_OK ||
	    listen_inherited("pop", &c, NULL) != EC_ABSENT ||
	    listen_inherited("odd", &c, NULL) != EC_BROKEN)
		return 2;
	for (int i = 3; i < 6; i++)
		if (!(fcntl(i, F_GETFD) & FD_CLOEXEC) || !(fcntl(i, F_GETFL) & O_NONBLOCK))
			return 3;
	return listen_port(a) != listen_port(b) ? 0 : 4;
}

static void sockets_of_the_service_manager(void **state)
{
	static const char *const pids[] = { NULL, "1" };
	struct listener *l;
	int status;

	(void)state;
	unsetenv("LISTEN_PID");
	assert_int_equal(listen_inherited("pop3", &l, NULL), EC_ABSENT);
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(inherit_in_child(pids[i]));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(unix_dir))
		return -1;
	snprintf(unix_path, sizeof(unix_path), "%s/lmtp.sock", unix_dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(unix_path);
	return rmdir(unix_dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_accepts_and_hands_down_what_matters),
		cmocka_unit_test(a_star_is_both_families),
		cmocka_unit_test(wrong_addresses_are_refused),
		cmocka_unit_test(loops_share_an_address),
		cmocka_unit_test(a_crowd_is_accepted_whole),
		cmocka_unit_test(out_of_descriptors_pauses_and_says_so_once),
		cmocka_unit_test(unix_sockets_have_the_exact_mode_and_go_with_their_maker),
		cmocka_unit_test(stale_is_replaced_live_is_not),
		cmocka_unit_test(sockets_of_the_service_manager),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

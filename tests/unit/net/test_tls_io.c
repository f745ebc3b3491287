/* test_tls_io.c - much through TLS: files with backpressure, echo both ways, peers that vanish. The
 * client is a thread with blocking calls. */
#include <openssl/err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "server/net/tls.h"
#include "server/net/work.h"
#include "tests/unit/net/pki.h"
#include "tests/unit/net/rig.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

struct scene {
	struct loop *loop;
	struct tls *tls;
	SSL_CTX *ctx;
	struct owner o;
	struct reader r;
};

static void scene_open(struct scene *s, int version)
{
	int fd[2];

	*s = (struct scene){ .loop = rig_loop(), .tls = pki_tls() };
	s->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(s->ctx, version);
	SSL_CTX_set_max_proto_version(s->ctx, version);
	rig_tcp_pair(fd);
	s->r.client.fd = fd[1];
	s->r.client.ssl = SSL_new(s->ctx);
	SSL_set_fd(s->r.client.ssl, fd[1]);
	SSL_set_connect_state(s->r.client.ssl);
	owner_start(&s->o, s->loop, fd[0], 20000);
	conn_start_tls(s->o.c, s->tls);
}

static void scene_close(struct scene *s)
{
	owner_drop(&s->o);
	SSL_free(s->r.client.ssl);
	close(s->r.client.fd);
	SSL_CTX_free(s->ctx);
	tls_unref(&s->tls);
	loop_free(&s->loop);
}

static void count_done(void *ctx)
{
	(*(unsigned *)ctx)++;
}

struct sending {
	int file;
	uint64_t size;
	unsigned done;
};

static void send_when_secure(struct owner *o, enum conn_ev ev)
{
	struct sending *s = o->ctx;

	if (ev != CONN_SECURE)
		return;
	conn_putz(o->c, "+OK\r\n");
	conn_put_file(o->c, s->file, 0, s->size, count_done, &s->done);
	conn_putz(o->c, ".\r\n");
}

static void file_of(uint64_t size, int version)
{
	struct sending sending = { .file = rig_file(size), .size = size };
	struct scene s;

	scene_open(&s, version);
	s.o.also = send_when_secure;
	s.o.ctx = &sending;
	s.r.want = size + 8;
	s.r.seed = size;
	pthread_create(&s.r.thread, NULL, reader_main, &s.r);
	rig_until(s.loop, reader_is_over, &s.r);
	pthread_join(s.r.thread, NULL);
	assert_true(s.r.got == s.r.want);
	assert_true(s.r.right);
	assert_int_equal(sending.done, 1);
	assert_true(conn_n_out(s.o.c) == s.r.want);
	rig_spin(s.loop);
	assert_int_equal(conn_queued(s.o.c), 0);
	assert_int_equal(s.o.told[CONN_DRAINED], size + 8 > CONN_HIGH);
	scene_close(&s);
	close(sending.file);
}

static void files_of_all_sizes_arrive_whole(void **state)
{
	static const uint64_t sizes[] = { 0,     1,     16375,  16376,  16377,    32768,    65535,
					  65536, 65537, 262144, 262145, 1u << 20, 64u << 20 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int v = 0; v < 2; v++)
			file_of(sizes[i], versions[v]);
}

static void a_truncated_file_breaks_the_connection(void **state)
{
	struct sending sending = { .file = rig_file(999999), .size = 1000000 };
	struct scene s;

	(void)state;
	scene_open(&s, TLS1_3_VERSION);
	s.o.also = send_when_secure;
	s.o.ctx = &sending;
	s.r.want = sending.size + 8;
	pthread_create(&s.r.thread, NULL, reader_main, &s.r);
	rig_until_told(s.loop, &s.o, CONN_ERROR, 1);
	assert_string_equal(s.o.why, "a file became shorter while it was sent");
	conn_free(&s.o.c);
	pthread_join(s.r.thread, NULL);
	assert_true(s.r.got < s.r.want);
	assert_int_equal(sending.done, 1);
	scene_close(&s);
	close(sending.file);
}

/* One thread writes and reads, because an SSL is for one thread: as much as either way will take. */
#define ECHO_BYTES (4u << 20)

static void set_blocking(int fd, bool yes)
{
	struct timeval tv = { .tv_usec = yes ? 0 : 1 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

static void *echo_main(void *arg)
{
	struct reader *r = arg;
	unsigned char part[20000], back[20000];
	uint64_t at = 0;

	r->right = true;
	if (SSL_connect(r->client.ssl) != 1)
		at = ECHO_BYTES;
	while (r->got < ECHO_BYTES) {
		size_t n = 1 + rig_random(&r->seed) % sizeof(part), got;

		if (n > ECHO_BYTES - at)
			n = ECHO_BYTES - at;
		for (size_t i = 0; i < n; i++)
			part[i] = rig_octet(at + i);
		if (n > 0 && !client_write(&r->client, part, n))
			break;
		at += n;
		set_blocking(r->client.fd, at - r->got > 60000 || at == ECHO_BYTES);
		got = client_read(&r->client, back, 1 + rig_random(&r->seed) % sizeof(back));
		if (got == 0 && (at - r->got > 60000 || at == ECHO_BYTES))
			break;
		for (size_t i = 0; i < got; i++)
			r->right = r->right && back[i] == rig_octet(r->got + i);
		r->got += got;
	}
	SSL_shutdown(r->client.ssl);
	atomic_store(&r->over, true);
	return NULL;
}

static void echo_of_random_pieces(void **state)
{
	(void)state;
	for (int v = 0; v < 2; v++) {
		struct scene s;

		scene_open(&s, versions[v]);
		s.o.leave_input = true;
		s.o.also = owner_echo;
		s.r.seed = 5 + v;
		pthread_create(&s.r.thread, NULL, echo_main, &s.r);
		rig_until_told(s.loop, &s.o, CONN_SENT, 1);
		rig_until(s.loop, reader_is_over, &s.r);
		pthread_join(s.r.thread, NULL);
		assert_true(s.r.got == ECHO_BYTES);
		assert_true(s.r.right);
		assert_true(conn_n_in(s.o.c) == ECHO_BYTES);
		assert_true(conn_n_out(s.o.c) == ECHO_BYTES);
		scene_close(&s);
	}
}

/* ---- peers that vanish by reset ---- */

static void *vanish_main(void *arg)
{
	struct reader *r = arg;
	struct linger at_once = { .l_onoff = 1 };
	unsigned char part[3000] = { 0 };
	unsigned steps = rig_random(&r->seed) % 8;

	setsockopt(r->client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (steps > 0 && SSL_connect(r->client.ssl) != 1)
		steps = 1;
	for (; steps > 1; steps--) {
		if (rig_random(&r->seed) % 2)
			client_write(&r->client, part, 1 + rig_random(&r->seed) % sizeof(part));
		else
			client_read(&r->client, part, sizeof(part));
	}
	close(r->client.fd);
	r->client.fd = -1;
	return NULL;
}

static void vanish_owner(struct owner *o, enum conn_ev ev)
{
	struct sending *s = o->ctx;

	owner_echo(o, ev);
	if (ev == CONN_SECURE || ev == CONN_DATA)
		conn_put_file(o->c, s->file, 0, s->size, count_done, &s->done);
	if (ev == CONN_ERROR || ev == CONN_SENT)
		conn_free(&o->c);
}

static bool is_gone(void *ctx)
{
	return !((struct owner *)ctx)->c;
}

static void peers_vanish_at_any_moment(void **state)
{
	struct sending sending = { .file = rig_file(300000), .size = 300000 };

	(void)state;
	for (unsigned round = 0; round < 100; round++) {
		struct scene s;

		scene_open(&s, versions[round % 2]);
		s.o.leave_input = true;
		s.o.also = vanish_owner;
		s.o.ctx = &sending;
		s.r.seed = round;
		pthread_create(&s.r.thread, NULL, vanish_main, &s.r);
		rig_until(s.loop, is_gone, &s.o);
		pthread_join(s.r.thread, NULL);
		scene_close(&s);
	}
	close(sending.file);
}

/* ---- free inside every callback ---- */

static void *talk_main(void *arg)
{
	struct reader *r = arg;
	unsigned char part[4096];

	if (SSL_connect(r->client.ssl) == 1 && client_write(&r->client, "x", 1))
		while (client_read(&r->client, part, sizeof(part)) > 0)
			;
	return NULL;
}

static char much[1u << 20];

static void provoke(struct owner *o, enum conn_ev ev)
{
	if (ev != CONN_SECURE)
		return;
	if (o->free_at == CONN_DRAINED)
		conn_put(o->c, much, sizeof(much));
	if (o->free_at == CONN_SENT)
		conn_finish(o->c);
	if (o->free_at == CONN_TIMEOUT)
		conn_timeout(o->c, 1);
	if (o->free_at == CONN_EOF) /* half of the client's end */
		shutdown(*(int *)o->ctx, SHUT_WR);
}

static void free_inside_every_callback(void **state)
{
	static const enum conn_ev evs[] = { CONN_SECURE,  CONN_DATA, CONN_DRAINED,
					    CONN_TIMEOUT, CONN_EOF,  CONN_SENT };

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(evs) / sizeof(evs[0]); i++) {
		struct scene s;

		scene_open(&s, versions[i % 2]);
		s.o.free_now = true;
		s.o.free_at = evs[i / 2];
		s.o.also = provoke;
		s.o.ctx = &s.r.client.fd;
		pthread_create(&s.r.thread, NULL, talk_main, &s.r);
		rig_until(s.loop, is_gone, &s.o);
		pthread_join(s.r.thread, NULL);
		assert_int_equal(s.o.told[evs[i / 2]], 1);
		scene_close(&s);
	}
}

/* ---- several loops, one context ---- */

#define LOOPS 3
#define CALLS 40

struct guest { /* a connection on its loop; frees itself */
	struct job job;
	struct conn *c;
	struct tls *tls;
	int fd;
};

static void guest_fn(struct conn *c, enum conn_ev ev, void *ctx)
{
	struct guest *g = ctx;
	struct conn_tls_info info;
	size_t len;

	if (ev == CONN_SECURE) {
		conn_tls_info(c, &info);
		conn_putz(c, info.resumed ? "again\r\n" : "hello\r\n");
	} else if (ev == CONN_DATA) {
		conn_in(c, &len);
		conn_eat(c, len);
		conn_finish(c);
	} else if (ev == CONN_SENT || ev == CONN_ERROR || ev == CONN_EOF) {
		conn_free(&g->c);
		free(g);
	}
}

static void guest_arrives(struct job *j)
{
	struct guest *g = (struct guest *)j;

	g->c = conn_new(j->home, g->fd, 1000, guest_fn, g);
	conn_start_tls(g->c, g->tls);
}

struct caller {
	struct loop *home;
	struct tls *tls;
	SSL_CTX *ctx;
	unsigned n_ok, n_again;
};

static void call_once(struct caller *c, SSL_SESSION **ticket)
{
	struct guest *g = mem_new(sizeof(*g));
	SSL *ssl = SSL_new(c->ctx);
	char got[16];
	int fd[2];

	rig_tcp_pair(fd);
	*g = (struct guest){ { .home = c->home, .done = guest_arrives },
			     .tls = c->tls,
			     .fd = fd[0] };
	loop_post(c->home, &g->job);
	SSL_set_fd(ssl, fd[1]);
	if (*ticket)
		SSL_set_session(ssl, *ticket);
	if (SSL_connect(ssl) == 1 && SSL_read(ssl, got, sizeof(got)) == 7) {
		c->n_ok++;
		c->n_again += memcmp(got, "again", 5) == 0;
		SSL_write(ssl, "QUIT", 4);
		while (SSL_read(ssl, got, sizeof(got)) > 0)
			;
		SSL_SESSION_free(*ticket);
		*ticket = SSL_get1_session(ssl);
		SSL_shutdown(ssl); /* else OpenSSL thinks the ticket spoilt */
	}
	SSL_free(ssl);
	close(fd[1]);
}

static void *call_often(void *arg)
{
	SSL_SESSION *ticket = NULL;

	for (int i = 0; i < CALLS; i++)
		call_once(arg, &ticket);
	SSL_SESSION_free(ticket);
	return NULL;
}

static void loops_share_one_context(void **state)
{
	struct caller callers[2 * LOOPS];
	pthread_t threads[2 * LOOPS];
	struct loop *loops[LOOPS];
	struct tls *tls = pki_tls();
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	(void)state;
	for (int i = 0; i < LOOPS; i++) {
		loops[i] = rig_loop();
		assert_int_equal(loop_start(loops[i], NULL), EC_OK);
	}
	for (int i = 0; i < 2 * LOOPS; i++) {
		callers[i] = (struct caller){ loops[i % LOOPS], tls, ctx, 0, 0 };
		pthread_create(&threads[i], NULL, call_often, &callers[i]);
	}
	for (int i = 0; i < 2 * LOOPS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(callers[i].n_ok, CALLS);
		assert_int_equal(callers[i].n_again, CALLS - 1);
	}
	for (int i = 0; i < LOOPS; i++) {
		loop_stop(loops[i]);
		loop_join(loops[i]);
		loop_free(&loops[i]);
	}
	SSL_CTX_free(ctx);
	tls_unref(&tls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_all_sizes_arrive_whole),
		cmocka_unit_test(a_truncated_file_breaks_the_connection),
		cmocka_unit_test(echo_of_random_pieces),
		cmocka_unit_test(peers_vanish_at_any_moment),
		cmocka_unit_test(free_inside_every_callback),
		cmocka_unit_test(loops_share_one_context),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

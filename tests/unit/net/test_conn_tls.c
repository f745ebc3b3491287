/* test_conn_tls.c - where the clear ends and TLS begins: STLS, and what OpenSSL holds back. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/unit/net/tlsrig.h"

/* Owners differ in when they eat; none of it may matter. */
static void start_on_stls(struct owner *o, enum conn_ev ev)
{
	size_t len;
	const char *p = conn_in(o->c, &len);

	if (ev != CONN_DATA || o->told[CONN_SECURE])
		return;
	assert_true(len >= 6 && memcmp(p, "STLS\r\n", 6) == 0);
	conn_eat(o->c, 6);
	conn_putz(o->c, "+OK go\r\n");
	conn_start_tls(o->c, o->ctx);
	o->leave_input = false;
}

static void ask_for_tls(struct peer *c, struct place *p, struct tls *t, const char *asks)
{
	peer_open(c, p, TLS1_3_VERSION);
	peer_connect(c);
	c->o.also = start_on_stls;
	c->o.ctx = t;
	c->o.leave_input = true;
	rig_send(c->fd, asks);
	rig_until_told(p->loop, &c->o, CONN_DATA, 1);
}

static void read_go_ahead(struct peer *c)
{
	char got[8];

	assert_int_equal(recv(c->fd, got, 8, 0), 8);
	assert_memory_equal(got, "+OK go\r\n", 8);
}

/* RFC 2595 section 4: what came in the clear behind STLS is forgotten. In the same segment it is
 * thrown away, and the handshake goes on as if nothing had been. */
static void octets_behind_stls_do_not_survive(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);
	struct peer c;

	ask_for_tls(&c, p, t, "STLS\r\nDELE 1\r\n");
	read_go_ahead(&c);
	rig_until(p->loop, peer_is_up, &c);
	assert_true(c.up);
	assert_int_equal(SSL_write(c.ssl, "NOOP\r\n", 6), 6);
	rig_until_input(p->loop, &c.o, 6);
	assert_int_equal(c.o.in.len, 6);
	assert_memory_equal(buf_at(&c.o.in), "NOOP\r\n", 6);
	peer_close(&c);
	tls_unref(&t);
}

/* In a segment of its own it meets the handshake, which fails: it is never taken for a command. */
static void octets_after_stls_break_the_handshake(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);
	struct peer c;

	ask_for_tls(&c, p, t, "STLS\r\n");
	rig_send(c.fd, "DELE 1\r\nQUIT\r\n");
	read_go_ahead(&c);
	rig_until_told(p->loop, &c.o, CONN_ERROR, 1);
	assert_int_equal(c.o.told[CONN_DATA], 1);
	assert_int_equal(c.o.told[CONN_SECURE], 0);
	assert_int_equal(c.o.in.len, 0);
	peer_close(&c);
	tls_unref(&t);
}

/* While the go-ahead cannot leave yet, everything that comes is still in the clear. */
static void octets_before_the_go_ahead_left_are_dropped(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);
	static char much[8u << 20], got[1u << 16];
	size_t have = 0;
	struct peer c;

	peer_open(&c, p, TLS1_3_VERSION);
	peer_connect(&c);
	conn_put(c.o.c, much, sizeof(much));
	conn_start_tls(c.o.c, t);
	rig_spin(p->loop);
	assert_true(conn_queued(c.o.c) > 0);
	rig_send(c.fd, "DELE 1\r\n");
	rig_spin(p->loop);
	while (have < sizeof(much)) {
		ssize_t n = recv(c.fd, got, sizeof(got), 0);

		have += n > 0 ? n : 0;
		rig_spin(p->loop);
	}
	rig_until(p->loop, peer_is_up, &c);
	assert_true(c.up);
	rig_spin(p->loop);
	assert_int_equal(c.o.told[CONN_DATA], 0);
	peer_close(&c);
	tls_unref(&t);
}

/* He has hung up already, and will never say the first word of a handshake. */
static void no_tls_with_somebody_who_has_left(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);
	struct peer c;

	peer_open(&c, p, TLS1_3_VERSION);
	peer_connect(&c);
	conn_hold(c.o.c, true);
	rig_send(c.fd, "STLS\r\n");
	rig_spin(p->loop);
	shutdown(c.fd, SHUT_WR);
	rig_spin(p->loop);
	conn_start_tls(c.o.c, t);
	rig_spin(p->loop);
	assert_int_equal(c.o.told[CONN_ERROR], 1);
	peer_close(&c);
	tls_unref(&t);
}

/* Several records, and more than the input may hold, in one segment: the socket is empty while the
 * TLS layer is not. */
static void what_openssl_holds_is_delivered(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);
	char line[2000];
	size_t len;
	struct peer c;

	memset(line, 'x', sizeof(line));
	peer_open(&c, p, TLS1_3_VERSION);
	peer_connect(&c);
	peer_shake(&c, t);
	conn_hold(c.o.c, true);
	for (int i = 0; i < 40; i++)
		assert_int_equal(SSL_write(c.ssl, line, sizeof(line)), sizeof(line));
	rig_spin(p->loop);
	assert_int_equal(c.o.told[CONN_DATA], 0);
	conn_in(c.o.c, &len);
	assert_true(len <= 20000);
	conn_hold(c.o.c, false);
	rig_until_input(p->loop, &c.o, 40 * sizeof(line));
	SSL_write(c.ssl, line, 100);
	rig_until_input(p->loop, &c.o, 40 * sizeof(line) + 100);
	SSL_write(c.ssl, line, 100);
	rig_spin(p->loop);
	peer_close(&c);
	tls_unref(&t);
}

/* One record, received whole, and an owner who has little room. */
static void a_record_larger_than_the_input_comes_in_bites(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);
	char line[12000];
	struct peer c;

	memset(line, 'x', sizeof(line));
	peer_open(&c, p, TLS1_3_VERSION);
	c.in_max = 500;
	peer_connect(&c);
	peer_shake(&c, t);
	assert_int_equal(SSL_write(c.ssl, line, sizeof(line)), sizeof(line));
	rig_until_input(p->loop, &c.o, sizeof(line));
	assert_int_equal(c.o.told[CONN_DATA], sizeof(line) / 500);
	peer_close(&c);
	tls_unref(&t);
}

/* RFC 8446 section 4.6.3: every request for new keys must be answered, and answers gather here while the client reads
 * nothing. */
static void who_asks_for_new_keys_without_end_is_left(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);
	static char much[8u << 20];
	struct peer c;

	peer_open(&c, p, TLS1_3_VERSION);
	peer_connect(&c);
	peer_shake(&c, t);
	conn_put(c.o.c, much, sizeof(much));
	rig_spin(p->loop);
	assert_true(conn_queued(c.o.c) > 0);
	for (unsigned i = 0; i < 10000 && !c.o.told[CONN_ERROR]; i++) {
		SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(c.ssl);
		rig_step(p->loop, 1);
	}
	assert_int_equal(c.o.told[CONN_ERROR], 1);
	peer_close(&c);
	tls_unref(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(octets_behind_stls_do_not_survive),
		PLACE_TEST(octets_after_stls_break_the_handshake),
		PLACE_TEST(octets_before_the_go_ahead_left_are_dropped),
		PLACE_TEST(no_tls_with_somebody_who_has_left),
		PLACE_TEST(what_openssl_holds_is_delivered),
		PLACE_TEST(a_record_larger_than_the_input_comes_in_bites),
		PLACE_TEST(who_asks_for_new_keys_without_end_is_left),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

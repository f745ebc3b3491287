/* test_tls_ticket.c - resumption: over a reload, over a turn of the keys, not under another authority. */
#include <signal.h>
#include <unistd.h>
#include "server/net/tls_own.h"
#include "tests/unit/net/tlsrig.h"

static void resume(struct place *p, int v, struct tls *first, struct tls *then, bool expected)
{
	struct conn_tls_info info;
	struct conn_binding first_binding, binding;
	struct peer c;

	peer_open(&c, p, v);
	peer_connect(&c);
	peer_shake_for_ticket(&c, first);
	assert_true(c.up);
	assert_non_null(c.ticket);
	conn_tls_info(c.o.c, &info);
	conn_tls_binding(c.o.c, &first_binding);
	assert_false(info.resumed);
	for (int i = 0; i < 3; i++) { /* each one hands out what the next one needs */
		peer_hang_up(&c);
		peer_connect(&c);
		peer_shake_for_ticket(&c, then);
		assert_true(c.up);
		conn_tls_info(c.o.c, &info);
		conn_tls_binding(c.o.c, &binding);
		assert_int_equal(info.resumed, expected || i > 0);
		assert_int_equal(SSL_session_reused(c.ssl), expected || i > 0);
		assert_memory_not_equal(binding.octets, first_binding.octets, 12);
	}
	peer_close(&c);
}

static void tickets_resume_and_survive_a_reload(void **state)
{
	struct place *p = *state;
	struct tls *a = place_tls(p), *b, *stranger = place_tls(p);
	struct err e;

	assert_int_equal(tls_new(&p->conf, a, &p->log, &b, &e), EC_OK);
	for (int v = 0; v < 2; v++) {
		resume(p, tls_versions[v], a, a, true);
		resume(p, tls_versions[v], a, b, true);
		resume(p, tls_versions[v], a, stranger, false);
	}
	tls_unref(&a);
	resume(p, TLS1_3_VERSION, b, b, true); /* the keys outlive where they came from */
	tls_unref(&b);
	tls_unref(&stranger);
}

/* Two connections with the same ticket, the keys turned `turns` times between them. */
static void resume_after(struct place *p, struct tls *t, unsigned turns, bool expected)
{
	for (int v = 0; v < 2; v++) {
		struct conn_tls_info info;
		struct peer c;

		peer_open(&c, p, tls_versions[v]);
		peer_connect(&c);
		peer_shake_for_ticket(&c, t);
		peer_hang_up(&c);
		for (unsigned i = 0; i < turns; i++)
			tls_tickets_turn(t->tickets);
		peer_connect(&c);
		peer_shake(&c, t);
		assert_true(c.up);
		conn_tls_info(c.o.c, &info);
		assert_int_equal(info.resumed, expected);
		peer_close(&c);
	}
}

static void tickets_of_the_last_key_are_good_once_more(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);

	resume_after(p, t, 0, true);
	resume_after(p, t, 1, true);
	resume_after(p, t, 2, false);
	tls_unref(&t);
}

/* What was verified under one authority must not be resumed under another. */
static void a_new_authority_ends_old_sessions(void **state)
{
	struct place *p = *state;
	struct pki_cert other = pki_make(&(struct pki_want){ .cn = "Other CA" }, NULL);
	struct tls *a, *b;
	struct err e;

	p->conf.tls_client_ca = p->ca_pem;
	a = place_tls(p);
	pki_write(&other, p->ca_pem, NULL);
	assert_int_equal(tls_new(&p->conf, a, &p->log, &b, &e), EC_OK);
	resume(p, TLS1_3_VERSION, a, b, false);
	tls_unref(&a);
	tls_unref(&b);
	pki_drop(&other);
}

/* A resumed session binds to the certificate that its client has seen, so another one ends it. */
static void a_new_certificate_ends_old_sessions(void **state)
{
	struct place *p = *state;
	struct tls *a = place_tls(p), *b;
	struct pki_cert other;
	struct err e;

	other = pki_make(&(struct pki_want){ .cn = "mail", .dns = "mail.example" }, &p->ca);
	pki_write(&other, p->crt, p->key);
	assert_int_equal(tls_new(&p->conf, a, &p->log, &b, &e), EC_OK);
	for (int v = 0; v < 2; v++) {
		resume(p, tls_versions[v], a, b, false);
		resume(p, tls_versions[v], a, a, true); /* connections that were there before */
	}
	tls_unref(&a);
	tls_unref(&b);
	pki_drop(&other);
}

/* Nor may what was begun under the default one go on under a certificate that has come for the name. */
static void a_new_name_ends_old_sessions(void **state)
{
	struct place *p = *state;
	struct tls *a, *b, *c, *d;
	struct err e;

	p->conf.tls_sni_dir = p->sni;
	place_add_name(p, "one.example", "one.example", false);
	a = place_tls(p);
	assert_int_equal(tls_new(&p->conf, a, &p->log, &b, &e), EC_OK);
	resume(p, TLS1_3_VERSION, a, b, true); /* nothing is new */
	place_add_name(p, "two.example", "two.example", false);
	assert_int_equal(tls_new(&p->conf, b, &p->log, &c, &e), EC_OK);
	resume(p, TLS1_3_VERSION, b, c, false);
	place_add_name(p, "two.example", "two.example", false); /* another certificate */
	assert_int_equal(tls_new(&p->conf, c, &p->log, &d, &e), EC_OK);
	resume(p, TLS1_3_VERSION, c, d, false);
	tls_unref(&a);
	tls_unref(&b);
	tls_unref(&c);
	tls_unref(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(tickets_resume_and_survive_a_reload),
		PLACE_TEST(tickets_of_the_last_key_are_good_once_more),
		PLACE_TEST(a_new_authority_ends_old_sessions),
		PLACE_TEST(a_new_certificate_ends_old_sessions),
		PLACE_TEST(a_new_name_ends_old_sessions),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

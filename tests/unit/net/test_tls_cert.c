/* test_tls_cert.c - policy: ALPN is enforced, client certificates are asked for. */
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "tests/unit/net/tlsrig.h"

/* ---- ALPN ---- */

static void alpn_is_enforced_when_offered(void **state)
{
	static const struct {
		const char *offered;
		bool ok;
	} cases[] = {
		{ NULL, true },    { "\4pop3", true },           { "\2h2\4pop3", true },
		{ "\2h2", false }, { "\10http/1.1\2h2", false }, { "\5pop3s", false },
	};
	struct place *p = *state;
	struct tls *t = place_tls(p);

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const char *offered = cases[i / 2].offered;
		const unsigned char *chosen;
		unsigned len;
		struct peer c;

		peer_open(&c, p, tls_versions[i % 2]);
		peer_connect(&c);
		if (offered)
			SSL_set_alpn_protos(c.ssl, (const void *)offered, strlen(offered));
		peer_shake(&c, t);
		assert_int_equal(c.up, cases[i / 2].ok);
		if (!c.up)
			assert_int_equal(c.alert, SSL_AD_NO_APPLICATION_PROTOCOL);
		SSL_get0_alpn_selected(c.ssl, &chosen, &len);
		if (c.up && offered)
			assert_memory_equal(chosen, "pop3", 4);
		peer_close(&c);
	}
	tls_unref(&t);
}

/* ---- client certificates ---- */

static void a_client_without_certificate_may_come_one_with_a_bad_one_may_not(void **state)
{
	struct place *p = *state;
	struct pki_cert stranger = pki_make(&(struct pki_want){ .cn = "x" }, NULL);
	struct conn_tls_info info;
	struct tls *t;
	struct peer c;

	p->conf.tls_client_ca = p->ca_pem;
	t = place_tls(p);
	for (int v = 0; v < 2; v++) {
		peer_open(&c, p, tls_versions[v]);
		peer_connect(&c);
		peer_shake(&c, t);
		assert_true(c.up);
		conn_tls_info(c.o.c, &info);
		assert_null(info.peer_name);
		peer_close(&c);

		peer_open(&c, p, tls_versions[v]);
		SSL_CTX_use_certificate(c.ctx, stranger.crt);
		SSL_CTX_use_PrivateKey(c.ctx, stranger.key);
		peer_connect(&c);
		peer_shake(&c, t);
		rig_until_told(p->loop, &c.o, CONN_ERROR, 1);
		assert_int_equal(c.o.told[CONN_SECURE], 0);
		peer_close(&c);
	}
	tls_unref(&t);
	pki_drop(&stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(alpn_is_enforced_when_offered),
		cmocka_unit_test_setup_teardown(
			a_client_without_certificate_may_come_one_with_a_bad_one_may_not,
			place_open, place_close),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

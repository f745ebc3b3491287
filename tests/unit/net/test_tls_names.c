/* test_tls_names.c - certificates by server name. */
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "tests/unit/net/tlsrig.h"

static void common_name_of(struct peer *c, char out[100])
{
	X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(c->ssl)),
				  NID_commonName, out, 100);
}

static void certificates_by_name(void **state)
{
	static const struct {
		const char *asked, *cn;
	} cases[] = {
		{ NULL, "mail.example.com" },
		{ "mail.example.com", "mail.example.com" },
		{ "pop.example.org", "pop.example.org" },
		{ "POP.Example.ORG", "pop.example.org" },
		{ "a.example.net", "*.example.net" },
		{ "exact.example.net", "exact.example.net" },
		{ "a.b.example.net", "mail.example.com" }, /* a star is one label */
		{ "example.net", "mail.example.com" },
		{ "_.example.net", "*.example.net" },
		{ "x", "mail.example.com" },
	};
	struct place *p = *state;
	struct tls *t;

	place_add_name(p, "Pop.Example.org", "pop.example.org", false);
	place_add_name(p, "_.example.net", "*.example.net", false);
	place_add_name(p, "exact.example.net", "exact.example.net", true);
	p->conf.tls_sni_dir = p->sni;
	t = place_tls(p);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct conn_tls_info info;
		struct peer c;
		char cn[100];

		peer_open(&c, p, tls_versions[i % 2]);
		peer_connect(&c);
		if (cases[i / 2].asked)
			SSL_set_tlsext_host_name(c.ssl, cases[i / 2].asked);
		SSL_set_tlsext_status_type(c.ssl, TLSEXT_STATUSTYPE_ocsp);
		peer_shake(&c, t);
		assert_true(c.up);
		common_name_of(&c, cn);
		assert_string_equal(cn, cases[i / 2].cn);
		conn_tls_info(c.o.c, &info);
		if (cases[i / 2].asked)
			assert_string_equal(info.sni, cases[i / 2].asked);
		const unsigned char *resp;
		assert_int_equal(SSL_get_tlsext_status_ocsp_resp(c.ssl, &resp) > 0,
				 strcmp(cn, "exact.example.net") == 0);
		peer_close(&c);
	}
	tls_unref(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(certificates_by_name),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

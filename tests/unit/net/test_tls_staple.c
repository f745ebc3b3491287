/* test_tls_staple.c - OCSP responses, good and bad. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "tests/unit/net/tlsrig.h"

static bool is_stapled(struct place *p, int version)
{
	struct tls *t = place_tls(p);
	const unsigned char *resp;
	struct peer c;
	bool is;

	peer_open(&c, p, version);
	peer_connect(&c);
	SSL_set_tlsext_status_type(c.ssl, TLSEXT_STATUSTYPE_ocsp);
	peer_shake(&c, t);
	assert_true(c.up);
	is = SSL_get_tlsext_status_ocsp_resp(c.ssl, &resp) > 0;
	peer_close(&c);
	tls_unref(&t);
	return is;
}

static void only_good_answers_are_stapled(void **state)
{
	static const struct {
		enum pki_answer answer;
		const char *why;
	} cases[] = { { PKI_GOOD, NULL },
		      { PKI_REVOKED, "does not call" },
		      { PKI_EXPIRED, "expired" },
		      { PKI_OTHER_CERT, "another certificate" } };
	struct place *p = *state;
	FILE *f;

	p->conf.tls_ocsp = p->ocsp;
	for (size_t i = 0; i < 4; i++) {
		pki_write_ocsp(&p->server, &p->ca, cases[i].answer, p->ocsp);
		p->logged[0] = '\0';
		for (int v = 0; v < 2; v++)
			assert_int_equal(is_stapled(p, tls_versions[v]), !cases[i].why);
		if (cases[i].why)
			assert_non_null(strstr(p->logged, cases[i].why));
		else
			assert_string_equal(p->logged, "");
	}
	f = fopen(p->ocsp, "w");
	fputs("junk", f);
	fclose(f);
	assert_false(is_stapled(p, TLS1_3_VERSION));
	assert_non_null(strstr(p->logged, "no OCSP response"));
	unlink(p->ocsp);
	assert_false(is_stapled(p, TLS1_3_VERSION));
	assert_non_null(strstr(p->logged, "ocsp-not-stapled"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(only_good_answers_are_stapled),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

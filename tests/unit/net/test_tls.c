/* test_tls.c - contexts: what is refused, and handshakes of both versions. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/unit/net/tlsrig.h"

/* ---- configuration ---- */

static void wrong_files_are_named(void **state)
{
	struct place *p = *state;
	char other_key[64], rsa_key[64], junk[64], text[300];
	struct pki_cert other = pki_make(&(struct pki_want){ .cn = "x" }, NULL);
	struct pki_cert rsa = pki_make(&(struct pki_want){ .cn = "x", .rsa = true }, NULL);
	FILE *f = fopen(place_path(p, "junk", junk), "w");
	struct tls *t = NULL;
	struct err e;

	fputs("no PEM at all\n", f);
	fclose(f);
	pki_write(&other, junk, place_path(p, "other.key", other_key));
	pki_write(&rsa, junk, place_path(p, "rsa.key", rsa_key));
	f = fopen(junk, "w");
	fclose(f);
	struct {
		const char *crt, *key, *ca, *sni;
		enum ec ec;
		const char *says[2];
	} cases[] = {
		{ "", "", "", "", EC_ABSENT, { "no certificate" } },
		{ p->crt, other_key, "", "", EC_BROKEN, { p->crt, other_key } },
		{ p->crt, rsa_key, "", "", EC_BROKEN, { p->crt, rsa_key } },
		{ junk, p->key, "", "", EC_BROKEN, { junk } },
		{ p->crt, junk, "", "", EC_BROKEN, { junk } },
		{ "/nowhere/a", p->key, "", "", EC_BROKEN, { "/nowhere/a", "No such file" } },
		{ p->crt, "/nowhere/b", "", "", EC_BROKEN, { "/nowhere/b", "No such file" } },
		{ p->crt, p->key, junk, "", EC_BROKEN, { junk } },
		{ p->crt, p->key, "/nowhere/c", "", EC_BROKEN, { "/nowhere/c" } },
		{ p->crt, p->key, "", "/nowhere/d", EC_BROKEN, { "/nowhere/d" } },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p->conf.tls_cert = cases[i].crt;
		p->conf.tls_key = cases[i].key;
		p->conf.tls_client_ca = cases[i].ca;
		p->conf.tls_sni_dir = cases[i].sni;
		assert_int_equal(tls_new(&p->conf, NULL, &p->log, &t, &e), cases[i].ec);
		assert_null(t);
		assert_int_equal(e.class, cases[i].ec);
		snprintf(text, sizeof(text), "%s", e.text);
		for (int k = 0; k < 2 && cases[i].says[k]; k++)
			if (!strstr(text, cases[i].says[k]))
				fail_msg("case %zu: \"%s\" lacks \"%s\"", i, text,
					 cases[i].says[k]);
	}
	pki_drop(&other);
	pki_drop(&rsa);
}

static void a_broken_pair_among_the_names_fails_the_load(void **state)
{
	struct place *p = *state;
	char key[100];
	struct tls *t = NULL;
	struct err e;

	place_add_name(p, "a.example.com", "a.example.com", false);
	snprintf(key, sizeof(key), "%s/a.example.com.key", p->sni);
	unlink(key);
	p->conf.tls_sni_dir = p->sni;
	assert_int_equal(tls_new(&p->conf, NULL, &p->log, &t, &e), EC_BROKEN);
	assert_non_null(strstr(e.text, key));
}

/* ---- handshakes ---- */

static void both_versions_speak_and_end(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);

	for (int v = 0; v < 2; v++) {
		struct conn_tls_info info;
		struct peer c;
		char got[64];

		peer_open(&c, p, tls_versions[v]);
		peer_connect(&c);
		conn_tls_info(c.o.c, &info);
		assert_false(info.on);
		assert_null(info.version);
		peer_shake(&c, t);
		assert_true(c.up);
		conn_tls_info(c.o.c, &info);
		assert_true(info.on);
		assert_false(info.resumed);
		assert_string_equal(info.version, v ? "TLSv1.3" : "TLSv1.2");
		assert_int_equal(info.bits, 128);
		assert_null(info.sni);
		assert_null(info.peer_name);
		conn_putz(c.o.c, "+OK hello\r\n");
		assert_int_equal(peer_read(&c, got, sizeof(got)), 11);
		assert_memory_equal(got, "+OK hello\r\n", 11);
		assert_int_equal(SSL_write(c.ssl, "NOOP\r\n", 6), 6);
		rig_until_input(p->loop, &c.o, 6);
		conn_putz(c.o.c, "+OK bye\r\n");
		conn_finish(c.o.c);
		rig_until_told(p->loop, &c.o, CONN_SENT, 1);
		assert_int_equal(peer_read(&c, got, sizeof(got)), 9);
		assert_int_equal(peer_read(&c, got, sizeof(got)), 0);
		assert_int_equal(SSL_get_error(c.ssl, 0), SSL_ERROR_ZERO_RETURN); /* a proper end */
		peer_close(&c);
	}
	tls_unref(&t);
}

static void an_end_with_or_without_notice_is_an_end(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);

	for (int v = 0; v < 4; v++) {
		struct peer c;

		peer_open(&c, p, tls_versions[v / 2]);
		peer_connect(&c);
		peer_shake(&c, t);
		if (v % 2)
			SSL_shutdown(c.ssl);
		else
			shutdown(c.fd, SHUT_WR);
		rig_until_told(p->loop, &c.o, CONN_EOF, 1);
		assert_int_equal(c.o.told[CONN_ERROR], 0);
		peer_close(&c);
	}
	tls_unref(&t);
}

static void old_versions_are_refused(void **state)
{
	struct place *p = *state;
	struct tls *t;
	struct peer c;

	p->conf.tls_min = "1.3";
	t = place_tls(p);
	peer_open(&c, p, TLS1_2_VERSION);
	peer_connect(&c);
	peer_shake(&c, t);
	assert_false(c.up);
	rig_until_told(p->loop, &c.o, CONN_ERROR, 1);
	assert_int_equal(c.alert, SSL_AD_PROTOCOL_VERSION);
	assert_non_null(strstr(c.o.why, "TLS: "));
	peer_close(&c);
	tls_unref(&t);
}

static void garbage_and_departure_during_the_handshake(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);

	for (int how = 0; how < 4; how++) {
		struct peer c;

		peer_open(&c, p, TLS1_3_VERSION);
		peer_connect(&c);
		conn_start_tls(c.o.c, t);
		rig_spin(p->loop);
		if (how == 0) {
			rig_send(c.fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
		} else if (how == 3) {
			shutdown(c.fd, SHUT_WR); /* quietly, before a word */
		} else {
			SSL_connect(c.ssl);
			rig_spin(p->loop);
			if (how == 2)
				setsockopt(c.fd, SOL_SOCKET, SO_LINGER,
					   &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
			close(c.fd);
			c.fd = -1;
		}
		rig_until_told(p->loop, &c.o, CONN_ERROR, 1);
		assert_int_equal(c.o.told[CONN_SECURE], 0);
		assert_string_not_equal(c.o.why, "");
		peer_close(&c);
	}
	tls_unref(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(wrong_files_are_named),
		PLACE_TEST(a_broken_pair_among_the_names_fails_the_load),
		PLACE_TEST(both_versions_speak_and_end),
		PLACE_TEST(an_end_with_or_without_notice_is_an_end),
		PLACE_TEST(old_versions_are_refused),
		PLACE_TEST(garbage_and_departure_during_the_handshake),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

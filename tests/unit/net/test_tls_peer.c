/* test_tls_peer.c - names of client certificates, and the channel binding. */
#include <signal.h>
#include "tests/unit/net/tlsrig.h"

/* ---- client certificates ---- */

static void name_of_client(struct place *p, const struct pki_want *w, const char *want)
{
	struct pki_cert user = pki_make(w, &p->ca);
	struct tls *t = place_tls(p);

	for (int v = 0; v < 2; v++) {
		struct conn_tls_info info;
		struct peer c;

		peer_open(&c, p, tls_versions[v]);
		SSL_CTX_use_certificate(c.ctx, user.crt);
		SSL_CTX_use_PrivateKey(c.ctx, user.key);
		for (int again = 0; again < 2; again++) {
			peer_connect(&c);
			peer_shake_for_ticket(&c, t);
			assert_true(c.up);
			conn_tls_info(c.o.c, &info);
			assert_int_equal(info.resumed, again);
			if (want)
				assert_string_equal(info.peer_name, want);
			else
				assert_null(info.peer_name);
			peer_hang_up(&c);
		}
		SSL_SESSION_free(c.ticket);
		SSL_CTX_free(c.ctx);
	}
	tls_unref(&t);
	pki_drop(&user);
}

static void client_certificates_have_a_name(void **state)
{
	struct place *p = *state;

	p->conf.tls_client_ca = p->ca_pem;
	name_of_client(p, &(struct pki_want){ .cn = "Kim", .email = "kim@example.com" },
		       "kim@example.com");
	name_of_client(p, &(struct pki_want){ .cn = "kim@example.org" }, "kim@example.org");
	name_of_client(p, &(struct pki_want){ .cn = "kim", .dns = "host.example" }, "kim");
	name_of_client(p, &(struct pki_want){ .cn = "kim", .cn2 = "root" }, NULL);
	name_of_client(p, &(struct pki_want){ .cn = "a@b\0c", .cn_len = 5 }, NULL);
	name_of_client(p, &(struct pki_want){ .cn = "fine", .email = "a@b\0c", .email_len = 5 },
		       NULL);
	name_of_client(p, &(struct pki_want){ .dns = "host.example" }, NULL);
}

/* ---- channel binding ---- */

static void both_ends_have_the_same_binding(void **state)
{
	struct place *p = *state;
	struct tls *t = place_tls(p);

	for (int v = 0; v < 2; v++) {
		struct conn_tls_info info;
		struct conn_binding binding;
		unsigned char mine[64];
		size_t len;
		struct peer c;

		peer_open(&c, p, tls_versions[v]);
		for (int resumed = 0; resumed < 2; resumed++) {
			peer_connect(&c);
			peer_shake_for_ticket(&c, t);
			conn_tls_info(c.o.c, &info);
			conn_tls_binding(c.o.c, &binding);
			assert_int_equal(info.resumed, resumed);
			if (tls_versions[v] == TLS1_3_VERSION) {
				len = 32;
				SSL_export_keying_material(c.ssl, mine, len,
							   "EXPORTER-Channel-Binding", 24,
							   (const void *)"", 0, 1);
				assert_string_equal(info.binding_name, "tls-exporter");
			} else { /* the first Finished: the client's, or ours when resumed */
				len = resumed ? SSL_get_peer_finished(c.ssl, mine, sizeof(mine))
					      : SSL_get_finished(c.ssl, mine, sizeof(mine));
				assert_string_equal(info.binding_name, "tls-unique");
				assert_int_equal(len, 12);
			}
			assert_int_equal(binding.len, len);
			assert_memory_equal(binding.octets, mine, len);
			peer_hang_up(&c);
		}
		SSL_SESSION_free(c.ticket);
		SSL_CTX_free(c.ctx);
	}
	tls_unref(&t);
}

/* RFC 5929 section 4.1, and the same again in a resumed session, which shows no certificate. */
static void endpoint_is_our_certificate(void **state)
{
	struct place *p = *state;

	for (int row = 0; row < 4; row++) {
		const char *hash = row % 2 ? "SHA384" : "SHA256";
		struct pki_cert server = pki_make(
			&(struct pki_want){ .cn = "mail", .dns = "mail.example", .hash = hash },
			&p->ca);
		unsigned char want[EVP_MAX_MD_SIZE];
		unsigned want_len;
		struct tls *t;
		struct peer c;

		pki_write(&server, p->crt, p->key);
		t = place_tls(p);
		X509_digest(server.crt, EVP_get_digestbyname(hash), want, &want_len);
		peer_open(&c, p, tls_versions[row / 2]);
		for (int resumed = 0; resumed < 2; resumed++) {
			struct conn_tls_info info;

			peer_connect(&c);
			peer_shake_for_ticket(&c, t);
			conn_tls_info(c.o.c, &info);
			assert_int_equal(info.resumed, resumed);
			assert_int_equal(info.endpoint_len, want_len);
			assert_memory_equal(info.endpoint, want, want_len);
			peer_hang_up(&c);
		}
		SSL_SESSION_free(c.ticket);
		SSL_CTX_free(c.ctx);
		tls_unref(&t);
		pki_drop(&server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(client_certificates_have_a_name),
		PLACE_TEST(both_ends_have_the_same_binding),
		PLACE_TEST(endpoint_is_our_certificate),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_tls.c - handshakes of every kind against a client of plain OpenSSL, both in one thread: the
 * client's socket does not block, and the two take turns. */
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/conf/conf.h"
#include "server/net/tls_own.h"
#include "tests/unit/net/pki.h"
#include "tests/unit/net/rig.h"

/* ---- the place ---- */

struct place {
	char dir[32], crt[64], key[64], ca_pem[64], ocsp[64], sni[64];
	struct pki_cert ca, server, user;
	struct conf conf;
	struct loop *loop;
	char logged[400];
	struct log_sink *sink;
	struct log log;
};

static char *in_dir(const struct place *p, const char *file, char out[64])
{
	snprintf(out, 64, "%s/%s", p->dir, file);
	return out;
}

static void keep_line(void *ctx, const char *line)
{
	struct place *p = ctx;

	snprintf(p->logged, sizeof(p->logged), "%s", line);
}

static void add_name(struct place *p, const char *file, const char *dns, bool ocsp)
{
	struct pki_cert c = pki_make(&(struct pki_want){ .cn = dns, .dns = dns }, &p->ca);
	char crt[128], key[128], resp[128];

	snprintf(crt, sizeof(crt), "%s/%s.crt", p->sni, file);
	snprintf(key, sizeof(key), "%s/%s.key", p->sni, file);
	snprintf(resp, sizeof(resp), "%s/%s.ocsp", p->sni, file);
	pki_write(&c, crt, key);
	if (ocsp)
		pki_write_ocsp(&c, &p->ca, PKI_GOOD, resp);
	pki_drop(&c);
}

static int place_open(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/winpop-tls-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->ca = pki_make(&(struct pki_want){ .cn = "Test CA" }, NULL);
	p->server = pki_make(&(struct pki_want){ .cn = "mail.example.com" }, &p->ca);
	p->user = pki_make(&(struct pki_want){ .cn = "Kim", .email = "kim@example.com" }, &p->ca);
	pki_write(&p->server, in_dir(p, "s.crt", p->crt), in_dir(p, "s.key", p->key));
	pki_write(&p->ca, in_dir(p, "ca.pem", p->ca_pem), NULL);
	in_dir(p, "s.ocsp", p->ocsp);
	mkdir(in_dir(p, "names", p->sni), 0700);
	p->conf = (struct conf){ .tls_cert = p->crt,
				 .tls_key = p->key,
				 .tls_sni_dir = "",
				 .tls_ocsp = "",
				 .tls_client_ca = "",
				 .tls_min = "1.2" };
	p->loop = rig_loop();
	p->sink = log_open(LOG_TO_STDERR, "test", LV_TRACE);
	log_capture(p->sink, keep_line, p);
	p->log.sink = p->sink;
	*state = p;
	return 0;
}

static int place_close(void **state)
{
	struct place *p = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", p->dir);
	assert_int_equal(system(command), 0);
	pki_drop(&p->ca);
	pki_drop(&p->server);
	pki_drop(&p->user);
	log_close(&p->sink);
	loop_free(&p->loop);
	free(p);
	return 0;
}

static struct tls *make(struct place *p)
{
	struct tls *t = NULL;
	struct err e = { 0 };

	if (tls_new(&p->conf, NULL, &p->log, &t, &e) != EC_OK)
		fail_msg("%s", e.text);
	return t;
}

/* ---- a client ---- */

struct peer {
	struct place *p;
	struct owner o;
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	SSL_SESSION *ticket;
	bool up, refused;
	int alert; /* the last one received, 0 none */
};

static int on_ticket(SSL *ssl, SSL_SESSION *s)
{
	struct peer *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->ticket);
	c->ticket = s;
	return 1;
}

static void on_info(const SSL *ssl, int where, int value)
{
	struct peer *c = SSL_get_app_data(ssl);

	if (where == SSL_CB_READ_ALERT)
		c->alert = value & 0xff;
}

static void peer_open(struct peer *c, struct place *p, int version)
{
	*c = (struct peer){ .p = p, .ctx = SSL_CTX_new(TLS_client_method()) };
	SSL_CTX_set_min_proto_version(c->ctx, version);
	SSL_CTX_set_max_proto_version(c->ctx, version);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ctx, on_ticket);
	SSL_CTX_set_info_callback(c->ctx, on_info);
}

static void peer_connect(struct peer *c)
{
	int fd[2];

	rig_tcp_pair(fd);
	c->fd = fd[1];
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	owner_start(&c->o, c->p->loop, fd[0], 20000);
	c->ssl = SSL_new(c->ctx);
	SSL_set_app_data(c->ssl, c);
	SSL_set_fd(c->ssl, c->fd);
}

static bool would_block(struct peer *c, int rc)
{
	int why = SSL_get_error(c->ssl, rc);

	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static bool is_up(void *ctx)
{
	struct peer *c = ctx;
	int rc;

	if (!c->up && !c->refused) {
		ERR_clear_error();
		rc = SSL_connect(c->ssl);
		c->up = rc == 1;
		c->refused = rc != 1 && !would_block(c, rc);
	}
	return (c->up && (c->o.told[CONN_SECURE] || c->o.told[CONN_ERROR])) || c->refused;
}

struct reading {
	struct peer *c;
	char *to;
	int len, n;
};

static bool has_read(void *ctx)
{
	struct reading *r = ctx;

	ERR_clear_error();
	r->n = SSL_read(r->c->ssl, r->to, r->len);
	return r->n > 0 || !would_block(r->c, r->n);
}

static int peer_read(struct peer *c, char *to, int len)
{
	struct reading r = { c, to, len, 0 };

	rig_until(c->p->loop, has_read, &r);
	return r.n;
}

static bool has_ticket(void *ctx)
{
	struct peer *c = ctx;
	char none[16];

	SSL_read(c->ssl, none, sizeof(none)); /* a ticket of TLS 1.3 comes in a read */
	return c->ticket && SSL_SESSION_is_resumable(c->ticket);
}

static void shake(struct peer *c, struct tls *t)
{
	if (c->ticket)
		SSL_set_session(c->ssl, c->ticket);
	conn_start_tls(c->o.c, t);
	rig_until(c->p->loop, is_up, c);
}

/* With a ticket for the next time, and the one that was used is gone. */
static void shake_for_ticket(struct peer *c, struct tls *t)
{
	shake(c, t);
	assert_true(c->up);
	if (SSL_version(c->ssl) == TLS1_3_VERSION) {
		SSL_SESSION_free(c->ticket);
		c->ticket = NULL;
	}
	rig_until(c->p->loop, has_ticket, c);
}

static void peer_hang_up(struct peer *c)
{
	/* Else OpenSSL takes the session for broken and its ticket for useless. */
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd >= 0)
		close(c->fd);
	owner_drop(&c->o);
	c->o = (struct owner){ 0 };
	c->up = c->refused = false;
	c->alert = 0;
}

static void peer_close(struct peer *c)
{
	peer_hang_up(c);
	SSL_SESSION_free(c->ticket);
	SSL_CTX_free(c->ctx);
}

static void common_name_of(struct peer *c, char out[100])
{
	X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(c->ssl)),
				  NID_commonName, out, 100);
}

/* ---- configuration ---- */

static void wrong_files_are_named(void **state)
{
	struct place *p = *state;
	char other_key[64], rsa_key[64], junk[64], text[300];
	struct pki_cert other = pki_make(&(struct pki_want){ .cn = "x" }, NULL);
	struct pki_cert rsa = pki_make(&(struct pki_want){ .cn = "x", .rsa = true }, NULL);
	FILE *f = fopen(in_dir(p, "junk", junk), "w");
	struct tls *t = NULL;
	struct err e;

	fputs("no PEM at all\n", f);
	fclose(f);
	pki_write(&other, junk, in_dir(p, "other.key", other_key));
	pki_write(&rsa, junk, in_dir(p, "rsa.key", rsa_key));
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

	add_name(p, "a.example.com", "a.example.com", false);
	snprintf(key, sizeof(key), "%s/a.example.com.key", p->sni);
	unlink(key);
	p->conf.tls_sni_dir = p->sni;
	assert_int_equal(tls_new(&p->conf, NULL, &p->log, &t, &e), EC_BROKEN);
	assert_non_null(strstr(e.text, key));
}

/* ---- handshakes ---- */

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void both_versions_speak_and_end(void **state)
{
	struct place *p = *state;
	struct tls *t = make(p);

	for (int v = 0; v < 2; v++) {
		struct conn_tls_info info;
		struct peer c;
		char got[64];

		peer_open(&c, p, versions[v]);
		peer_connect(&c);
		conn_tls_info(c.o.c, &info);
		assert_false(info.on);
		assert_null(info.version);
		shake(&c, t);
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
	struct tls *t = make(p);

	for (int v = 0; v < 4; v++) {
		struct peer c;

		peer_open(&c, p, versions[v / 2]);
		peer_connect(&c);
		shake(&c, t);
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
	t = make(p);
	peer_open(&c, p, TLS1_2_VERSION);
	peer_connect(&c);
	shake(&c, t);
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
	struct tls *t = make(p);

	for (int how = 0; how < 3; how++) {
		struct peer c;

		peer_open(&c, p, TLS1_3_VERSION);
		peer_connect(&c);
		conn_start_tls(c.o.c, t);
		rig_spin(p->loop);
		if (how == 0) {
			rig_send(c.fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
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

static void resume(struct place *p, int v, struct tls *first, struct tls *then, bool expected)
{
	struct conn_tls_info info, again;
	struct peer c;

	peer_open(&c, p, v);
	peer_connect(&c);
	shake_for_ticket(&c, first);
	assert_true(c.up);
	assert_non_null(c.ticket);
	conn_tls_info(c.o.c, &info);
	assert_false(info.resumed);
	for (int i = 0; i < 3; i++) { /* each one hands out what the next one needs */
		peer_hang_up(&c);
		peer_connect(&c);
		shake_for_ticket(&c, then);
		assert_true(c.up);
		conn_tls_info(c.o.c, &again);
		assert_int_equal(again.resumed, expected || i > 0);
		assert_int_equal(SSL_session_reused(c.ssl), expected || i > 0);
		assert_memory_not_equal(again.binding, info.binding, 12);
	}
	peer_close(&c);
}

static void tickets_resume_and_survive_a_reload(void **state)
{
	struct place *p = *state;
	struct tls *a = make(p), *b, *stranger = make(p);
	struct err e;

	assert_int_equal(tls_new(&p->conf, a, &p->log, &b, &e), EC_OK);
	for (int v = 0; v < 2; v++) {
		resume(p, versions[v], a, a, true);
		resume(p, versions[v], a, b, true);
		resume(p, versions[v], a, stranger, false);
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

		peer_open(&c, p, versions[v]);
		peer_connect(&c);
		shake_for_ticket(&c, t);
		peer_hang_up(&c);
		for (unsigned i = 0; i < turns; i++)
			tls_tickets_turn(t->tickets);
		peer_connect(&c);
		shake(&c, t);
		assert_true(c.up);
		conn_tls_info(c.o.c, &info);
		assert_int_equal(info.resumed, expected);
		peer_close(&c);
	}
}

static void tickets_of_the_last_key_are_good_once_more(void **state)
{
	struct place *p = *state;
	struct tls *t = make(p);

	resume_after(p, t, 0, true);
	resume_after(p, t, 1, true);
	resume_after(p, t, 2, false);
	tls_unref(&t);
}

/* ---- names ---- */

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

	add_name(p, "Pop.Example.org", "pop.example.org", false);
	add_name(p, "_.example.net", "*.example.net", false);
	add_name(p, "exact.example.net", "exact.example.net", true);
	p->conf.tls_sni_dir = p->sni;
	t = make(p);
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct conn_tls_info info;
		struct peer c;
		char cn[100];

		peer_open(&c, p, versions[i % 2]);
		peer_connect(&c);
		if (cases[i / 2].asked)
			SSL_set_tlsext_host_name(c.ssl, cases[i / 2].asked);
		SSL_set_tlsext_status_type(c.ssl, TLSEXT_STATUSTYPE_ocsp);
		shake(&c, t);
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
	struct tls *t = make(p);

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const char *offered = cases[i / 2].offered;
		const unsigned char *chosen;
		unsigned len;
		struct peer c;

		peer_open(&c, p, versions[i % 2]);
		peer_connect(&c);
		if (offered)
			SSL_set_alpn_protos(c.ssl, (const void *)offered, strlen(offered));
		shake(&c, t);
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

/* ---- stapling ---- */

static bool is_stapled(struct place *p, int version)
{
	struct tls *t = make(p);
	const unsigned char *resp;
	struct peer c;
	bool is;

	peer_open(&c, p, version);
	peer_connect(&c);
	SSL_set_tlsext_status_type(c.ssl, TLSEXT_STATUSTYPE_ocsp);
	shake(&c, t);
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
			assert_int_equal(is_stapled(p, versions[v]), !cases[i].why);
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
	assert_non_null(strstr(p->logged, "ocsp_not_stapled"));
}

/* ---- client certificates ---- */

static void name_of_client(struct place *p, const struct pki_want *w, const char *want)
{
	struct pki_cert user = pki_make(w, &p->ca);
	struct tls *t = make(p);

	for (int v = 0; v < 2; v++) {
		struct conn_tls_info info;
		struct peer c;

		peer_open(&c, p, versions[v]);
		SSL_CTX_use_certificate(c.ctx, user.crt);
		SSL_CTX_use_PrivateKey(c.ctx, user.key);
		for (int again = 0; again < 2; again++) {
			peer_connect(&c);
			shake_for_ticket(&c, t);
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

static void a_client_without_certificate_may_come_one_with_a_bad_one_may_not(void **state)
{
	struct place *p = *state;
	struct pki_cert stranger = pki_make(&(struct pki_want){ .cn = "x" }, NULL);
	struct conn_tls_info info;
	struct tls *t;
	struct peer c;

	p->conf.tls_client_ca = p->ca_pem;
	t = make(p);
	for (int v = 0; v < 2; v++) {
		peer_open(&c, p, versions[v]);
		peer_connect(&c);
		shake(&c, t);
		assert_true(c.up);
		conn_tls_info(c.o.c, &info);
		assert_null(info.peer_name);
		peer_close(&c);

		peer_open(&c, p, versions[v]);
		SSL_CTX_use_certificate(c.ctx, stranger.crt);
		SSL_CTX_use_PrivateKey(c.ctx, stranger.key);
		peer_connect(&c);
		shake(&c, t);
		rig_until_told(p->loop, &c.o, CONN_ERROR, 1);
		assert_int_equal(c.o.told[CONN_SECURE], 0);
		peer_close(&c);
	}
	tls_unref(&t);
	pki_drop(&stranger);
}

/* What was verified under one authority must not be resumed under another. */
static void a_new_authority_ends_old_sessions(void **state)
{
	struct place *p = *state;
	struct pki_cert other = pki_make(&(struct pki_want){ .cn = "Other CA" }, NULL);
	struct tls *a, *b;
	struct err e;

	p->conf.tls_client_ca = p->ca_pem;
	a = make(p);
	pki_write(&other, p->ca_pem, NULL);
	assert_int_equal(tls_new(&p->conf, a, &p->log, &b, &e), EC_OK);
	resume(p, TLS1_3_VERSION, a, b, false);
	tls_unref(&a);
	tls_unref(&b);
	pki_drop(&other);
}

/* ---- channel binding ---- */

static void both_ends_have_the_same_binding(void **state)
{
	struct place *p = *state;
	struct tls *t = make(p);

	for (int v = 0; v < 2; v++) {
		struct conn_tls_info info;
		unsigned char mine[64];
		size_t len;
		struct peer c;

		peer_open(&c, p, versions[v]);
		for (int resumed = 0; resumed < 2; resumed++) {
			peer_connect(&c);
			shake_for_ticket(&c, t);
			conn_tls_info(c.o.c, &info);
			assert_int_equal(info.resumed, resumed);
			if (versions[v] == TLS1_3_VERSION) {
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
			assert_int_equal(info.binding_len, len);
			assert_memory_equal(info.binding, mine, len);
			peer_hang_up(&c);
		}
		SSL_SESSION_free(c.ticket);
		SSL_CTX_free(c.ctx);
	}
	tls_unref(&t);
}

/* ---- STLS ---- */

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
	struct tls *t = make(p);
	struct peer c;

	ask_for_tls(&c, p, t, "STLS\r\nDELE 1\r\n");
	read_go_ahead(&c);
	rig_until(p->loop, is_up, &c);
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
	struct tls *t = make(p);
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
	struct tls *t = make(p);
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
	rig_until(p->loop, is_up, &c);
	assert_true(c.up);
	rig_spin(p->loop);
	assert_int_equal(c.o.told[CONN_DATA], 0);
	peer_close(&c);
	tls_unref(&t);
}

/* Several records, and more than the input may hold, in one segment: the socket is empty while the
 * TLS layer is not. */
static void what_openssl_holds_is_delivered(void **state)
{
	struct place *p = *state;
	struct tls *t = make(p);
	char line[2000];
	size_t len;
	struct peer c;

	memset(line, 'x', sizeof(line));
	peer_open(&c, p, TLS1_3_VERSION);
	peer_connect(&c);
	shake(&c, t);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, place_open, place_close)
		T(wrong_files_are_named),
		T(a_broken_pair_among_the_names_fails_the_load),
		T(both_versions_speak_and_end),
		T(an_end_with_or_without_notice_is_an_end),
		T(old_versions_are_refused),
		T(garbage_and_departure_during_the_handshake),
		T(tickets_resume_and_survive_a_reload),
		T(tickets_of_the_last_key_are_good_once_more),
		T(certificates_by_name),
		T(alpn_is_enforced_when_offered),
		T(only_good_answers_are_stapled),
		T(client_certificates_have_a_name),
		T(a_client_without_certificate_may_come_one_with_a_bad_one_may_not),
		T(a_new_authority_ends_old_sessions),
		T(both_ends_have_the_same_binding),
		T(octets_behind_stls_do_not_survive),
		T(octets_after_stls_break_the_handshake),
		T(octets_before_the_go_ahead_left_are_dropped),
		T(what_openssl_holds_is_delivered),
#undef T
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

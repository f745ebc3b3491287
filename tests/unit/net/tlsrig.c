/* tlsrig.c - see tlsrig.h. */
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/net/tlsrig.h"

const int tls_versions[2] = { TLS1_2_VERSION, TLS1_3_VERSION };

char *place_path(const struct place *p, const char *file, char out[64])
{
	snprintf(out, 64, "%s/%s", p->dir, file);
	return out;
}

static void keep_line(void *ctx, const char *line)
{
	struct place *p = ctx;

	snprintf(p->logged, sizeof(p->logged), "%s", line);
}

void place_add_name(struct place *p, const char *file, const char *dns, bool ocsp)
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

int place_open(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/winpop-tls-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->ca = pki_make(&(struct pki_want){ .cn = "Test CA" }, NULL);
	p->server = pki_make(&(struct pki_want){ .cn = "mail.example.com" }, &p->ca);
	p->user = pki_make(&(struct pki_want){ .cn = "Kim", .email = "kim@example.com" }, &p->ca);
	pki_write(&p->server, place_path(p, "s.crt", p->crt), place_path(p, "s.key", p->key));
	pki_write(&p->ca, place_path(p, "ca.pem", p->ca_pem), NULL);
	place_path(p, "s.ocsp", p->ocsp);
	mkdir(place_path(p, "names", p->sni), 0700);
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

int place_close(void **state)
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

struct tls *place_tls(struct place *p)
{
	struct tls *t = NULL;
	struct err e = { 0 };

	if (tls_new(&p->conf, NULL, &p->log, &t, &e) != EC_OK)
		fail_msg("%s", e.text);
	return t;
}

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

void peer_open(struct peer *c, struct place *p, int version)
{
	*c = (struct peer){ .p = p, .in_max = 20000, .ctx = SSL_CTX_new(TLS_client_method()) };
	SSL_CTX_set_min_proto_version(c->ctx, version);
	SSL_CTX_set_max_proto_version(c->ctx, version);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ctx, on_ticket);
	SSL_CTX_set_info_callback(c->ctx, on_info);
}

void peer_connect(struct peer *c)
{
	int fd[2];

	rig_tcp_pair(fd);
	c->fd = fd[1];
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	owner_start(&c->o, c->p->loop, fd[0], c->in_max);
	c->ssl = SSL_new(c->ctx);
	SSL_set_app_data(c->ssl, c);
	SSL_set_fd(c->ssl, c->fd);
}

static bool would_block(struct peer *c, int rc)
{
	int why = SSL_get_error(c->ssl, rc);

	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

bool peer_is_up(void *ctx)
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

int peer_read(struct peer *c, char *to, int len)
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

void peer_shake(struct peer *c, struct tls *t)
{
	if (c->ticket)
		SSL_set_session(c->ssl, c->ticket);
	conn_start_tls(c->o.c, t);
	rig_until(c->p->loop, peer_is_up, c);
}

/* With a ticket for the next time, and the one that was used is gone. */
void peer_shake_for_ticket(struct peer *c, struct tls *t)
{
	peer_shake(c, t);
	assert_true(c->up);
	if (SSL_version(c->ssl) == TLS1_3_VERSION) {
		SSL_SESSION_free(c->ticket);
		c->ticket = NULL;
	}
	rig_until(c->p->loop, has_ticket, c);
}

void peer_hang_up(struct peer *c)
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

void peer_close(struct peer *c)
{
	peer_hang_up(c);
	SSL_SESSION_free(c->ticket);
	SSL_CTX_free(c->ctx);
}

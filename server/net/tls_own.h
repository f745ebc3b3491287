/* tls_own.h - what the files tls*.c share: a context, its tickets, its stapled answer, its names. */
#pragma once
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "server/net/conn.h"
#include "server/net/tls.h"

struct tls_tickets; /* tls_ticket.c: keys, shared by every struct tls since the start */
struct tls_staple;  /* tls_staple.c: one OCSP response */
struct tls_names;   /* tls_names.c: certificates by server name */

/* What callbacks and connections find by a context, as its app data. */
struct tls_shared {
	struct tls_tickets *tickets;
	unsigned char endpoint[EVP_MAX_MD_SIZE]; /* tls-server-end-point (RFC 5929 section 4) */
	unsigned endpoint_len;                   /* 0: none */
};

/* A certificate in use: a context with policy, key and chain, and what is stapled to it. */
struct tls_cert {
	SSL_CTX *ctx;
	struct tls_shared *shared; /* outlives ctx */
	struct tls_staple *staple; /* NULL: none */
};

struct tls {
	atomic_uint refs;
	struct tls_cert cert;    /* the default; connections begin with it */
	struct tls_names *names; /* NULL: no other */
	struct tls_tickets *tickets;
	BIO_METHOD *wire; /* tls_io.c's way to the socket */
	bool kernel;      /* the kernel has TLS: give it the sending */
	int lend_index;   /* tls_new_http: where on an SSL what tls_lend hangs on it is */
};

/* What a certificate is loaded with. Lent for the call. */
struct tls_make {
	const struct conf *conf;
	struct tls_tickets *tickets;
	const struct log *log;
	const char *alpn; /* our protocol, its length in front, as on the wire; a constant */
	const char *client_ca;
};

/* The text of OpenSSL's first error; all are cleared. Returns text. */
#define TLS_WHY_MAX 160
const char *tls_why(char text[TLS_WHY_MAX]);

/* tls_cert.c. ocsp: file of the response to staple, "" = none. */
enum ec tls_cert_load(const struct tls_make *m, const char *crt, const char *key, const char *ocsp,
		      struct tls_cert *out, struct err *e);
void tls_cert_drop(struct tls_cert *c);
bool tls_cert_same(const struct tls_cert *a, const struct tls_cert *b); /* shown to clients */

struct tls_tickets *tls_tickets_new(void);
struct tls_tickets *tls_tickets_ref(struct tls_tickets *k);
void tls_tickets_unref(struct tls_tickets **k);
/* New keys now. Tickets of the last ones are accepted until the next turn; it comes daily by itself. */
void tls_tickets_turn(struct tls_tickets *k);
void tls_tickets_use(struct tls_tickets *k, const struct tls_cert *c); /* k outlives c */

/* A bad, foreign or expired response: a warning, and NULL. The staple outlives ctx. */
struct tls_staple *tls_staple_load(SSL_CTX *ctx, const char *path, const struct log *log);
void tls_staple_free(struct tls_staple **s);

/* Certificates of a directory, EC_BROKEN when one of them is; names outlive the default ctx. */
enum ec tls_names_load(const struct tls_make *m, const char *dir, struct tls_names **out,
		       struct err *e);
void tls_names_free(struct tls_names **n);
void tls_names_use(struct tls_names *n, SSL_CTX *ctx);
/* NULL: no names. */
bool tls_names_same(const struct tls_names *a, const struct tls_names *b);
void tls_names_tickets(struct tls_names *n, struct tls_tickets *k); /* k outlives n */

int tls_lend_index(void);

BIO_METHOD *tls_wire_method(void);
bool tls_kernel_can(void);

/* tls_peer.c: from a verified client certificate; malloc'ed, NULL: no name that can be trusted. */
char *tls_peer_name(const SSL *ssl);
const char *tls_binding_name(SSL *ssl); /* NULL: nothing to bind to */
void tls_binding(SSL *ssl, struct conn_binding *out);
/* tls-server-end-point of a certificate of ours. */
void tls_endpoint(const X509 *mine, struct tls_shared *out);

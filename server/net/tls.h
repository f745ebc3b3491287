/* tls.h - server contexts: one default certificate, more by SNI, reloaded as a whole.
 *
 * TLS 1.2 and newer; ECDHE and AEAD only; tickets under keys that this process makes and turns over daily, shared by all its
 * threads, kept over a reload that changes no certificate; ALPN: a client that offers ALPN without "pop3" is refused (RFC 7301 no_application_protocol,
 * RFC 8314 section 3.3); OCSP response stapled when a file is given; client certificates asked for when a CA is given.
 * A reload makes a new struct tls; connections keep a reference to theirs.
 * Thread: any.
 */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"
#include "server/base/log.h"
#include "server/conf/conf.h"

struct tls;

/* Once, before anything of this process uses OpenSSL: its large buffers stay out of the heap. False: they do not, which costs
 * memory and nothing else (somebody was earlier, or addresses are rationed). */
bool tls_heap_start(void);

/* EC_ABSENT: no certificate configured. EC_BROKEN: names the file and what is wrong with it. before may be NULL; its
 * ticket keys are carried over if all certificates are the same. */
enum ec tls_new(const struct conf *c, const struct tls *before, const struct log *log,
		struct tls **out, struct err *e);
/* For HTTPS: the same policy with one certificate, ALPN "http/1.1", and no client certificates. */
enum ec tls_new_http(const struct conf *c, const char *crt, const char *key, const struct log *log,
		     struct tls **out, struct err *e);
/* Of tls_new_http alone: a server's side of a connection, for whoever has a stream of his own (libevent's, for HTTP). gone(ctx)
 * is called when it is freed; the context lives as long. */
struct ssl_st;
struct ssl_st *tls_lend(struct tls *t, void (*gone)(void *ctx), void *ctx);
struct tls *tls_ref(struct tls *t);
void tls_unref(struct tls **t);

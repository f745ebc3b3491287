/* tls_lend.c - TLS for a stream that is not ours.
 *
 * Whoever owns the stream frees the SSL with it, and may not tell anybody: so what belongs to the connection is hung on the SSL
 * itself, and goes when that goes.
 */
#include <stdlib.h>
#include "server/base/mem.h"
#include "server/net/tls_own.h"

struct lent {
	struct tls *tls;
	void (*gone)(void *ctx);
	void *ctx;
};

static void on_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	struct lent *lent = ptr;

	(void)parent, (void)data, (void)index, (void)argl, (void)argp;
	if (!lent)
		return;
	lent->gone(lent->ctx);
	tls_unref(&lent->tls);
	free(lent);
}

int tls_lend_index(void)
{
	return SSL_get_ex_new_index(0, NULL, NULL, NULL, on_free);
}

struct ssl_st *tls_lend(struct tls *t, void (*gone)(void *ctx), void *ctx)
{
	struct lent *lent = mem_new(sizeof(*lent));
	SSL *ssl = SSL_new(t->cert.ctx);

	*lent = (struct lent){ tls_ref(t), gone, ctx };
	if (!ssl || SSL_set_ex_data(ssl, t->lend_index, lent) != 1)
		die("out of memory");
	/* Its owner waits for the socket: nothing may lie read and unseen in here. */
	SSL_set_read_ahead(ssl, 0);
	return ssl;
}

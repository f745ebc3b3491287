/* tls.c - the whole of what a handshake needs, made at once and replaced at once.
 *
 * A reload builds a new struct tls beside the old one; what is wrong with it shows before anything is
 * replaced. Only the ticket keys go over, or every client's next connection would be a full
 * handshake.
 */
#include <openssl/bio.h>
#include <stdlib.h>
#include "server/base/mem.h"
#include "server/net/tls_own.h"

static bool is_set(const char *text)
{
	return text && *text;
}

static enum ec load(struct tls *t, const struct conf *c, const struct log *log, struct err *e)
{
	const struct tls_make make = { .conf = c, .tickets = t->tickets, .log = log };
	const char *ocsp = is_set(c->tls_ocsp) ? c->tls_ocsp : "";
	enum ec rc = tls_cert_load(&make, c->tls_cert, c->tls_key, ocsp, &t->cert, e);

	if (rc != EC_OK || !is_set(c->tls_sni_dir))
		return rc;
	rc = tls_names_load(&make, c->tls_sni_dir, &t->names, e);
	if (rc == EC_OK)
		tls_names_use(t->names, t->cert.ctx);
	return rc;
}

enum ec tls_new(const struct conf *c, const struct tls *before, const struct log *log,
		struct tls **out, struct err *e)
{
	struct tls *t;
	enum ec rc;

	if (!is_set(c->tls_cert) || !is_set(c->tls_key))
		return err_set(e, EC_ABSENT, "no certificate is configured");
	t = mem_new(sizeof(*t));
	atomic_init(&t->refs, 1);
	t->tickets = before ? tls_tickets_ref(before->tickets) : tls_tickets_new();
	t->wire = tls_wire_method();
	t->kernel = tls_kernel_can();
	rc = load(t, c, log, e);
	if (rc != EC_OK)
		tls_unref(&t);
	*out = t;
	return rc;
}

struct tls *tls_ref(struct tls *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void tls_unref(struct tls **tp)
{
	struct tls *t = *tp;

	*tp = NULL;
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	tls_cert_drop(&t->cert);
	tls_names_free(&t->names);
	tls_tickets_unref(&t->tickets);
	BIO_meth_free(t->wire);
	free(t);
}

/* tls.c - the whole of what a handshake needs, made at once and replaced at once.
 *
 * A reload builds a new struct tls beside the old one; what is wrong with it shows before anything is
 * replaced. Only the ticket keys go over, or every client's next connection would be a full
 * handshake. Not even they do if a certificate is another: a resumed session shows none, its client
 * goes on with the one it has seen, and what it binds a sign-in to (tls-server-end-point, RFC 5929
 * section 4) would not be what we compare it with.
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
	const struct tls_make make = { .conf = c,
				       .tickets = t->tickets,
				       .log = log,
				       .alpn = "\4pop3",
				       .client_ca = c->tls_client_ca };
	const char *ocsp = is_set(c->tls_ocsp) ? c->tls_ocsp : "";
	enum ec rc = tls_cert_load(&make, c->tls_cert, c->tls_key, ocsp, &t->cert, e);

	if (rc != EC_OK || !is_set(c->tls_sni_dir))
		return rc;
	rc = tls_names_load(&make, c->tls_sni_dir, &t->names, e);
	if (rc == EC_OK)
		tls_names_use(t->names, t->cert.ctx);
	return rc;
}

/* Keys of t's own; connections of the old struct tls seal under the old ones to their end. */
static void renew_tickets(struct tls *t)
{
	struct tls_tickets *fresh = tls_tickets_new();

	tls_tickets_use(fresh, &t->cert);
	tls_names_tickets(t->names, fresh);
	tls_tickets_unref(&t->tickets);
	t->tickets = fresh;
}

static struct tls *make_empty(const struct tls *before)
{
	struct tls *t = mem_new(sizeof(*t));

	atomic_init(&t->refs, 1);
	t->tickets = before ? tls_tickets_ref(before->tickets) : tls_tickets_new();
	t->wire = tls_wire_method();
	t->kernel = tls_kernel_can();
	return t;
}

enum ec tls_new(const struct conf *c, const struct tls *before, const struct log *log,
		struct tls **out, struct err *e)
{
	if (!is_set(c->tls_cert) || !is_set(c->tls_key))
		return err_set(e, EC_ABSENT, "no certificate is configured");
	struct tls *t = make_empty(before);
	enum ec rc = load(t, c, log, e);
	if (rc != EC_OK)
		tls_unref(&t);
	else if (before && (!tls_cert_same(&t->cert, &before->cert) ||
			    !tls_names_same(t->names, before->names)))
		renew_tickets(t);
	*out = t;
	return rc;
}

enum ec tls_new_http(const struct conf *c, const char *crt, const char *key, const struct log *log,
		     struct tls **out, struct err *e)
{
	struct tls *t = make_empty(NULL);
	const struct tls_make make = {
		.conf = c, .tickets = t->tickets, .log = log, .alpn = "\10http/1.1"
	};
	enum ec rc = tls_cert_load(&make, crt, key, "", &t->cert, e);

	t->lend_index = tls_lend_index();
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

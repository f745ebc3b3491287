/* tls_names.c - certificates by server name: NAME.crt and NAME.key of one directory.
 *
 * Read as a whole at start and reload; a broken pair fails the whole load, because an administrator
 * looks at a reload and not at a handshake next week. "_.example.com" is the wildcard of one label,
 * "*.example.com": a star in a file name is a trap for every shell.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/arena.h"
#include "server/base/mem.h"
#include "server/net/tls_own.h"

#define NAME_MAX_LEN 253
#define CRT ".crt"

struct entry {
	char *name; /* lower case */
	struct tls_cert cert;
};

struct tls_names {
	struct entry *entries; /* sorted by name */
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static const struct entry *find(const struct tls_names *n, char *name)
{
	const struct entry want = { .name = name };

	return n->n ? bsearch(&want, n->entries, n->n, sizeof(want), by_name) : NULL;
}

/* The exact name, else the wildcard that stands for its first label. */
static const struct entry *match(const struct tls_names *n, const char *server)
{
	char name[NAME_MAX_LEN + 2];
	const struct entry *found;
	size_t len = strlen(server);
	char *dot;

	if (len > NAME_MAX_LEN)
		return NULL;
	for (size_t i = 0; i <= len; i++)
		name[i] = tolower((unsigned char)server[i]);
	found = find(n, name);
	dot = strchr(name, '.');
	if (found || !dot || dot == name)
		return found;
	dot[-1] = '_';
	return find(n, dot - 1);
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const char *server = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct entry *found = server ? match(arg, server) : NULL;

	(void)alert;
	/* A name that we have no certificate for gets the default one: the client will judge. */
	if (found && !SSL_set_SSL_CTX(ssl, found->cert.ctx))
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int is_certificate(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > strlen(CRT) && d->d_name[0] != '.' &&
	       strcasecmp(d->d_name + len - strlen(CRT), CRT) == 0;
}

static enum ec load_one(const struct tls_make *m, const char *dir, const char *file,
			struct entry *out, struct err *e)
{
	struct arena *mem = arena_new("tls name", 1024);
	int stem = strlen(file) - strlen(CRT);
	const char *crt = arena_fmt(mem, "%s/%s", dir, file);
	const char *key = arena_fmt(mem, "%s/%.*s.key", dir, stem, file);
	const char *ocsp = arena_fmt(mem, "%s/%.*s.ocsp", dir, stem, file);
	enum ec rc;

	rc = tls_cert_load(m, crt, key, access(ocsp, F_OK) == 0 ? ocsp : "", &out->cert, e);
	if (rc == EC_OK) {
		out->name = strndup(file, stem);
		for (char *p = out->name; *p; p++)
			*p = tolower((unsigned char)*p);
	}
	arena_drop(&mem);
	return rc;
}

static enum ec load_all(const struct tls_make *m, const char *dir, struct dirent **files, int n,
			struct tls_names *out, struct err *e)
{
	enum ec rc = EC_OK;

	out->entries = mem_new(n * sizeof(out->entries[0]));
	for (int i = 0; rc == EC_OK && i < n; i++) {
		rc = load_one(m, dir, files[i]->d_name, &out->entries[out->n], e);
		out->n += rc == EC_OK;
	}
	qsort(out->entries, out->n, sizeof(out->entries[0]), by_name);
	return rc;
}

enum ec tls_names_load(const struct tls_make *m, const char *dir, struct tls_names **out,
		       struct err *e)
{
	struct tls_names *names;
	struct dirent **files;
	int n = scandir(dir, &files, is_certificate, alphasort);
	enum ec rc;

	if (n < 0) {
		err_sys(e, "cannot read the directory of certificates %s", dir);
		if (e)
			e->class = EC_BROKEN;
		return EC_BROKEN;
	}
	names = mem_new(sizeof(*names));
	rc = load_all(m, dir, files, n, names, e);
	for (int i = 0; i < n; i++)
		free(files[i]);
	free(files);
	if (rc != EC_OK)
		tls_names_free(&names);
	*out = names;
	return rc;
}

void tls_names_free(struct tls_names **np)
{
	struct tls_names *n = *np;

	if (!n)
		return;
	*np = NULL;
	for (size_t i = 0; i < n->n; i++) {
		free(n->entries[i].name);
		tls_cert_drop(&n->entries[i].cert);
	}
	free(n->entries);
	free(n);
}

void tls_names_use(struct tls_names *n, SSL_CTX *ctx)
{
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, n);
}

static size_t count(const struct tls_names *n)
{
	return n ? n->n : 0;
}

bool tls_names_same(const struct tls_names *a, const struct tls_names *b)
{
	if (count(a) != count(b))
		return false;
	for (size_t i = 0; i < count(a); i++) {
		if (strcmp(a->entries[i].name, b->entries[i].name) != 0 ||
		    !tls_cert_same(&a->entries[i].cert, &b->entries[i].cert))
			return false;
	}
	return true;
}

void tls_names_tickets(struct tls_names *n, struct tls_tickets *k)
{
	for (size_t i = 0; i < count(n); i++)
		tls_tickets_use(k, &n->entries[i].cert);
}

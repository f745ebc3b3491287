/* conf.c - winpop.conf to a checked snapshot.
 *
 * All or nothing: defaults first, then the file's lines, then the rules between settings; the first
 * fault ends it with a text that names file, line and setting. A snapshot lives in its own arena
 * together with every string it points at, so the last unref frees it in one go.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "server/base/arena.h"
#include "server/base/file.h"
#include "server/base/kv.h"
#include "server/base/name.h"
#include "server/conf/optcheck.h"
#include "server/conf/options.h"

#define FILE_MAX_BYTES (1 << 20)
#define THREADS_MAX 32

/* A parse in progress. */
struct reading {
	struct conf *c;
	const char *file; /* last part of the path, for texts */
	struct kv kv;
	struct err *e;
};

/* ---- defaults ---- */

static const char *own_hostname(struct arena *a)
{
	char host[256];
	struct name n;

	/* The name may be missing or not be one at all ("(none)"). */
	if (gethostname(host, sizeof(host)) < 0 || !memchr(host, '\0', sizeof(host)) ||
	    name_parse_domain(&n, host, strlen(host), NULL) != EC_OK)
		return "localhost";
	return arena_strz(a, n.domain);
}

static const char *processors(struct arena *a)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return arena_fmt(a, "%ld", n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n);
}

static const char *preset(struct arena *a, const struct option *o)
{
	if (o->preset)
		return o->preset;
	return o->at == offsetof(struct conf, hostname) ? own_hostname(a) : processors(a);
}

static void put_defaults(struct conf *c)
{
	for (size_t i = 0; i < n_options; i++) {
		const char *stored;
		enum ec rc = option_check(c->mem, &options[i], preset(c->mem, &options[i]), c->role,
					  &stored, NULL);
		assert(rc == EC_OK);
		(void)rc;
		option_put(c, &options[i], stored);
	}
}

/* ---- lines ---- */

static enum ec fail_at(struct reading *r, unsigned line, const struct err *why)
{
	if (line == 0)
		return err_set(r->e, why->class, "%s: %s", r->file, why->text);
	return err_set(r->e, why->class, "%s line %u: %s", r->file, line, why->text);
}

static enum ec fail_unknown(struct reading *r, const struct kv_line *l)
{
	const struct option *near = option_nearest(l->key);
	struct err why;

	if (near)
		err_set(&why, EC_USAGE, "%.40s: unknown setting; did you mean %s?", l->key,
			near->name);
	else
		err_set(&why, EC_USAGE, "%.40s: unknown setting; \"winpop get\" lists all", l->key);
	return fail_at(r, l->line, &why);
}

static enum ec put_line(struct reading *r, const struct kv_line *l)
{
	const struct option *o = option_find(l->key);
	const char *stored;
	struct err why;

	if (!o)
		return fail_unknown(r, l);
	if (option_check(r->c->mem, o, l->value, r->c->role, &stored, &why) != EC_OK)
		return fail_at(r, l->line, &why);
	option_put(r->c, o, stored);
	return EC_OK;
}

/* role first: it decides what `authentication` may say, wherever that stands. */
static enum ec put_lines(struct reading *r)
{
	enum ec rc = EC_OK;

	for (size_t i = 0; i < r->kv.n && rc == EC_OK; i++) {
		if (option_find(r->kv.lines[i].key) == option_find("role"))
			rc = put_line(r, &r->kv.lines[i]);
	}
	for (size_t i = 0; i < r->kv.n && rc == EC_OK; i++)
		rc = put_line(r, &r->kv.lines[i]);
	return rc;
}

/* ---- rules between settings ---- */

enum ec socket_rule(unsigned max, unsigned min, unsigned threshold, struct err *e)
{
	if (min == max && threshold == 0)
		return EC_OK;
	if (threshold == 0)
		return err_set(e, EC_USAGE,
			       "socketthreshold: may be 0 only if socketmin = socketmax (they are "
			       "%u and %u)",
			       min, max);
	if (max <= min + threshold)
		return err_set(e, EC_USAGE,
			       "socketmax: must be greater than socketmin + socketthreshold (%u is "
			       "not above %u + %u)",
			       max, min, threshold);
	return EC_OK;
}

static enum ec sockets_fit(const struct conf *c, struct err *e)
{
	return socket_rule(c->socketmax, c->socketmin, c->socketthreshold, e);
}

static enum ec spa_possible(const struct conf *c, struct err *e)
{
	if (!c->sparequired || c->authentication != AUTHN_FILE)
		return EC_OK;
	return err_set(e, EC_USAGE,
		       "sparequired: Secure Password Authentication needs authentication = ad or "
		       "local; with file nobody could sign in");
}

static enum ec spa_is_on(const struct conf *c, struct err *e)
{
	if (!c->sparequired)
		return EC_OK;
	if (c->spa == SPA_OFF)
		return err_set(e, EC_USAGE, "sparequired: with spa = off nobody could sign in");
	if (!names_mechanism(c->mechanisms, "NTLM"))
		return err_set(e, EC_USAGE,
			       "sparequired: add NTLM to mechanisms, or nobody could sign in");
	if (c->channel_binding == BINDING_REQUIRE && !*c->tls_cert)
		return err_set(e, EC_USAGE,
			       "sparequired: channel_binding = require needs TLS; set tls_cert and "
			       "tls_key, or nobody could sign in");
	return EC_OK;
}

static enum ec apop_possible(const struct conf *c, struct err *e)
{
	if (c->apop != TRI_YES || c->authentication == AUTHN_FILE)
		return EC_OK;
	return err_set(
		e, EC_USAGE,
		"apop: only the encrypted password file knows the passwords that APOP needs; "
		"set auto or no");
}

static enum ec directory_named(const struct conf *c, struct err *e)
{
	if (*c->directory_servers || (c->authentication != AUTHN_AD && c->catalog == CATALOG_LOCAL))
		return EC_OK;
	return err_set(e, EC_USAGE,
		       "directory_servers: name the directory's servers; %s needs them",
		       c->catalog == CATALOG_LOCAL ? "authentication = ad" : "catalog = directory");
}

static enum ec directory_identity(const struct conf *c, struct err *e)
{
	if (!*c->directory_servers || c->directory_bind == DIR_BIND_EXTERNAL)
		return EC_OK;
	if (!*c->directory_user)
		return err_set(
			e, EC_USAGE,
			"directory_user: name the account that the service itself has in the "
			"directory");
	if (c->directory_bind == DIR_BIND_SIMPLE && !*c->directory_password_file)
		return err_set(e, EC_USAGE,
			       "directory_password_file: name the file with the password of "
			       "directory_user");
	if (c->directory_bind == DIR_BIND_GSSAPI && !*c->directory_keytab)
		return err_set(e, EC_USAGE,
			       "directory_keytab: name the file with the Kerberos keys of "
			       "directory_user");
	return EC_OK;
}

static enum ec cert_has_key(const struct conf *c, struct err *e)
{
	if (!*c->tls_cert == !*c->tls_key)
		return EC_OK;
	return *c->tls_cert ? err_set(e, EC_USAGE, "tls_cert: set tls_key too")
			    : err_set(e, EC_USAGE, "tls_key: set tls_cert too");
}

static enum ec ports_differ(const struct conf *c, struct err *e)
{
	if (!*c->tls_cert || c->port == 0 || c->port != c->tls_port)
		return EC_OK;
	return err_set(e, EC_USAGE, "tls_port: must not be the same as port (%u)", c->port);
}

#define ABOUT_MAX 4

static const struct {
	enum ec (*holds)(const struct conf *c, struct err *e);
	const char
		*about[ABOUT_MAX]; /* the fault is shown at the last line that sets one of these */
} rules[] = {
	{ sockets_fit, { "socketmax", "socketmin", "socketthreshold" } },
	{ spa_possible, { "sparequired", "authentication" } },
	{ spa_is_on, { "sparequired", "spa", "mechanisms", "channel_binding" } },
	{ apop_possible, { "apop", "authentication" } },
	{ directory_named, { "directory_servers", "authentication", "catalog" } },
	{ directory_identity,
	  { "directory_user", "directory_password_file", "directory_keytab", "directory_bind" } },
	{ cert_has_key, { "tls_cert", "tls_key" } },
	{ ports_differ, { "port", "tls_port" } },
};

static unsigned last_line_of(const struct kv *kv, const char *const about[ABOUT_MAX])
{
	for (size_t i = kv->n; i-- > 0;) {
		const struct option *o = option_find(kv->lines[i].key);
		for (unsigned k = 0; k < ABOUT_MAX && about[k]; k++) {
			if (o == option_find(about[k]))
				return kv->lines[i].line;
		}
	}
	return 0;
}

static enum ec check_rules(struct reading *r)
{
	struct err why;

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (rules[i].holds(r->c, &why) != EC_OK)
			return fail_at(r, last_line_of(&r->kv, rules[i].about), &why);
	}
	return EC_OK;
}

/* ---- the snapshot ---- */

static struct conf *conf_new(const char *path)
{
	struct arena *mem = arena_new("conf", 8192);
	struct conf *c = arena_alloc(mem, sizeof(*c));

	c->mem = mem;
	c->path = arena_strz(mem, path);
	c->refs = 1;
	put_defaults(c);
	return c;
}

static enum ec fill(struct reading *r, const char *text, size_t len)
{
	struct err why;
	enum ec rc = kv_parse(r->c->mem, text, len, &r->kv, &why);

	if (rc != EC_OK)
		return err_set(r->e, rc, "%s %s", r->file, why.text);
	rc = put_lines(r);
	return rc == EC_OK ? check_rules(r) : rc;
}

enum ec conf_parse(const char *path, const char *text, size_t len, struct conf **out, struct err *e)
{
	const char *slash = strrchr(path, '/');
	struct reading r = { .c = conf_new(path), .file = slash ? slash + 1 : path, .e = e };
	enum ec rc = fill(&r, text, len);

	if (rc == EC_OK)
		*out = r.c;
	else
		conf_unref(&r.c);
	return rc;
}

enum ec conf_load(const char *path, struct conf **out, struct err *e)
{
	struct arena *a = arena_new("conf file", 4096);
	char *text;
	size_t len;
	enum ec rc = file_read_at(a, AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, e);

	if (rc == EC_OK)
		rc = conf_parse(path, text, len, out, e);
	arena_drop(&a);
	return rc;
}

struct conf *conf_ref(struct conf *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void conf_unref(struct conf **c)
{
	if (!*c)
		return;
	struct arena *mem = (*c)->mem;

	/* acq_rel: whoever drops the arena must see that all others are done reading. */
	if (atomic_fetch_sub_explicit(&(*c)->refs, 1, memory_order_acq_rel) == 1)
		arena_drop(&mem);
	*c = NULL;
}

/* ---- two snapshots ---- */

static bool same(struct arena *a, const struct option *o, const struct conf *was,
		 const struct conf *now)
{
	return strcmp(option_text(a, o, was), option_text(a, o, now)) == 0;
}

void conf_restart_list(const struct conf *was, const struct conf *now, char *out, size_t out_len)
{
	struct arena *a = arena_new("conf compare", 4096);
	size_t len = 0;

	assert(out_len > 0);
	out[0] = '\0';
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		size_t need = strlen(o->name) + (len > 0);
		if (o->when != OPT_RESTART || need >= out_len - len || same(a, o, was, now))
			continue;
		len += (size_t)snprintf(out + len, out_len - len, "%s%s", len ? " " : "", o->name);
	}
	arena_drop(&a);
}

/* The rules between settings need no second look: none of them speaks of a setting that waits, but for the two ports, which
 * are open by now. */
struct conf *conf_in_force(const struct conf *started, const struct conf *now)
{
	struct conf *c = conf_new(now->path);

	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		const struct conf *from = o->when == OPT_RESTART ? started : now;
		option_put(c, o, option_text(c->mem, o, from));
	}
	return c;
}

bool conf_same_backends(const struct conf *was, const struct conf *now)
{
	struct arena *a = arena_new("conf compare", 4096);
	bool all_same = true;

	for (size_t i = 0; i < n_options && all_same; i++)
		all_same = options[i].when != OPT_REOPEN || same(a, &options[i], was, now);
	arena_drop(&a);
	return all_same;
}

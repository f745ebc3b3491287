/* dir.c - one directory: what the settings say laid over what its kind usually has.
 *
 * The presets are a constant row of the flavour; the merged row lives in the dir, so that nothing further down asks twice where a
 * name comes from. What only the directory itself can tell is asked at the first use (root.c): opening does not connect.
 */
#include <stdlib.h>
#include <string.h>
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/words.h"
#include "server/base/arena.h"
#include "server/base/mem.h"

#define ADDRESS_ATTRS_MAX 8 /* each is a term of the filter of every sign-in */

static const char *either(const char *setting, const char *preset)
{
	return *setting ? setting : preset;
}

static void merge(const struct conf *c, const struct flavour *f, struct dir_names *n)
{
	*n = f->names;
	n->address = either(c->directory_address, n->address);
	n->logon = either(c->directory_logon, n->logon);
	n->filter = either(c->directory_filter, n->filter);
	n->nt_hash = *n->nt_hash ? either(c->directory_nt_hash, n->nt_hash) : "";
}

static enum ec check_attributes(const char *option, const char *list, unsigned most, struct err *e)
{
	struct arena *mem = arena_new("attribute names", 512);
	const char *const *words = words_split(mem, list);
	enum ec rc = EC_OK;

	if (words_count(words) > most)
		rc = err_set(e, EC_USAGE, "%s names more than %u attributes", option, most);
	for (unsigned i = 0; rc == EC_OK && words[i]; i++) {
		if (!attribute_sane(words[i]))
			rc = err_set(e, EC_USAGE, "%s: '%s' is no name of an attribute", option,
				     words[i]);
	}
	arena_drop(&mem);
	return rc;
}

/* It stands inside filters of ours: parentheses that do not match would change what those mean. An escaped one is \28 or \29
 * in a filter (RFC 4515), never a bare one. */
static bool filter_whole(const char *filter)
{
	int depth = 0;

	for (const char *p = filter; *p; p++) {
		depth += (*p == '(') - (*p == ')');
		if (depth <= 0 && p[1])
			return false;
	}
	return *filter == '(' && depth == 0;
}

static enum ec check_names(const struct dir_names *n, struct err *e)
{
	enum ec rc = check_attributes("directory_address", n->address, ADDRESS_ATTRS_MAX, e);

	if (rc == EC_OK)
		rc = check_attributes("directory_logon", n->logon, 1, e);
	if (rc == EC_OK)
		rc = check_attributes("directory_nt_hash", n->nt_hash, 2, e);
	if (rc == EC_OK && !filter_whole(n->filter))
		return err_set(e, EC_USAGE,
			       "directory_filter: give one filter in parentheses, as "
			       "(objectClass=person)");
	return rc;
}

static enum ec check_dns(const struct conf *c, struct err *e)
{
	const struct {
		const char *option, *dn;
	} all[] = {
		{ "directory_base", c->directory_base },
		{ "directory_new_users", c->directory_new_users },
		{ "directory_domains", c->directory_domains },
		{ "directory_group", c->directory_group },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i].dn && !dn_sane(all[i].dn))
			return err_set(e, EC_USAGE, "%s: '%s' is no DN", all[i].option, all[i].dn);
	}
	return EC_OK;
}

static void link_up(struct dir *d, const struct dir_identity *as)
{
	const struct conf *c = d->conf;

	d->link = (struct link_setup){ .starttls = c->directory_starttls,
				       .ca = c->directory_ca,
				       .timeout_ms = c->directory_timeout_ms,
				       .bind = c->directory_bind,
				       .user = c->directory_user,
				       .password_file = c->directory_password_file,
				       .keytab = c->directory_keytab };
	if (!as)
		return;
	secret_set(&d->password, as->password->bytes, as->password->len);
	d->link.bind = DIR_BIND_SIMPLE;
	d->link.user = arena_strz(d->mem, as->user);
	d->link.password = &d->password;
}

enum ec dir_open(const struct conf *c, const struct dir_identity *as, const struct log *log,
		 struct dir **out, struct err *e)
{
	const struct flavour *f = c->directory == DIR_AD ? &flavour_ad : &flavour_openldap;
	struct arena *mem = arena_new("directory", 1024);
	struct dir *d = arena_alloc(mem, sizeof(*d));
	struct dir_names *names = arena_alloc(mem, sizeof(*names));

	merge(c, f, names);
	d->conf = c;
	d->log = log;
	d->mem = mem;
	d->flavour = f;
	d->names = names;
	link_up(d, as);
	enum ec rc = check_names(names, e);
	if (rc == EC_OK)
		rc = check_dns(c, e);
	if (rc == EC_OK && !*c->directory_servers)
		rc = err_set(
			e, EC_USAGE,
			"directory_servers is empty: name a server, as ldaps://dc1.example.com");
	if (rc == EC_OK)
		rc = pool_new(c->directory_servers, &d->link, c->directory_connections, log,
			      &d->pool, e);
	if (rc == EC_OK)
		*out = d;
	else
		dir_close(&d);
	return rc;
}

void dir_close(struct dir **dp)
{
	struct dir *d = *dp;

	if (!d)
		return;
	pool_free(&d->pool);
	dir_root_free(d);
	free(atomic_load(&d->own));
	secret_drop(&d->password);
	struct arena *mem = d->mem; /* holds *d */
	arena_drop(&mem);
	*dp = NULL;
}

unsigned dir_now(struct dir *d, struct dir_server_now *out, unsigned max)
{
	return pool_now(d->pool, out, max);
}

struct root_errand {
	struct dir *d;
	const struct dir_root *root;
};

static enum ec ask_root(struct dir_conn *c, void *ctx, struct err *e)
{
	struct root_errand *r = ctx;

	return dir_root_get(r->d, c, &r->root, e);
}

enum ec dir_context(struct dir *d, struct arena *mem, const char **out, struct err *e)
{
	struct root_errand r = { .d = d };
	enum ec rc = pool_run(d->pool, POOL_READ, ask_root, &r, e);

	if (rc == EC_OK)
		*out = arena_strz(mem, r.root->context);
	return rc;
}

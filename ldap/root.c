/* root.c - what has to be known of a directory before it can be searched, asked once.
 *
 * Whoever comes first asks; if two come at the same time both ask and the first answer stays. So there is no lock to hold
 * while a server thinks, and a failed attempt leaves nothing behind: the next one tries again.
 */
#include <stdatomic.h>
#include <string.h>
#include "ldap/escape.h"
#include "ldap/flavour.h"
#include "ldap/limit.h"
#include "ldap/words.h"
#include "server/base/arena.h"

#define PASSWORD_MODIFY_OID "1.3.6.1.4.1.4203.1.11.1" /* RFC 3062 */
#define POLICY_OID "1.3.6.1.4.1.42.2.27.8.5.1" /* draft-behera-ldap-password-policy-10 section 6 */

struct asked {
	struct dir *d;
	struct dir_root *root;
	const char *first; /* the context to take if the settings name no base */
	unsigned n_contexts;
};

/* Spelled the one way that strings can be compared in; NULL if it is no DN. */
static char *normal(struct arena *mem, const char *dn)
{
	char *out = NULL, *kept;

	if (ldap_dn_normalize(dn, LDAP_DN_FORMAT_LDAP, &out, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
		return NULL;
	kept = arena_strz(mem, out);
	ldap_memfree(out);
	return kept;
}

/* The longest context that the base lies in: AD's configuration is a context inside another one. */
static void consider(struct asked *a, const char *value, size_t len)
{
	char *dn = normal(a->root->mem, arena_str(a->root->mem, value, len));

	if (!dn || *dn == '\0') /* all there is: nothing that people could be below */
		return;
	if (!a->first)
		a->first = dn;
	if (a->root->base && dn_lies_in(a->root->base, dn) &&
	    (!a->root->context || strlen(dn) > strlen(a->root->context)))
		a->root->context = dn;
}

static bool take_contexts(void *ctx, struct dir_entry *en)
{
	static const char *const attrs[] = { "defaultNamingContext", "namingContexts" };
	struct asked *a = ctx;
	const char *value;
	size_t len;

	a->root->sets_passwords = dir_entry_has(en, "supportedExtension", PASSWORD_MODIFY_OID);
	a->root->judges_passwords = dir_entry_has(en, "supportedControl", POLICY_OID);
	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; (value = dir_entry_value(en, attrs[k], i, &len)); i++)
			consider(a, value, len);
	}
	return false;
}

static enum ec take_base(struct asked *a, struct err *e)
{
	const char *setting = a->d->conf->directory_base;

	if (!*setting)
		return EC_OK;
	a->root->base = normal(a->root->mem, setting);
	return a->root->base ? EC_OK
			     : err_set(e, EC_BROKEN, "directory_base = %s is no DN", setting);
}

static enum ec find_base(struct asked *a, struct dir_conn *c, struct err *e)
{
	static const char *const attrs[] = { "defaultNamingContext", "namingContexts",
					     "supportedExtension", "supportedControl", NULL };
	const struct dir_query q = {
		.base = "", .scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)", .attrs = attrs
	};
	enum ec rc = take_base(a, e);

	if (rc == EC_OK)
		rc = dir_conn_search(c, &q, take_contexts, a, e);
	if (rc != EC_OK)
		return rc;
	if (!a->root->base)
		a->root->base = a->root->context = a->first;
	if (!a->root->context)
		a->root->context = a->root->base;
	if (!a->root->base)
		return err_set(e, EC_BROKEN,
			       "%s does not say where its entries begin: set directory_base",
			       c->uri);
	return EC_OK;
}

/* A setting is a whole DN (dir_open has seen to that), a preset lies below the base. */
static const char *place(struct dir_root *root, const char *setting, const char *preset)
{
	return *setting ? normal(root->mem, setting)
			: arena_fmt(root->mem, "%s,%s", preset, root->base);
}

static const char *const *person_attrs(const struct dir *d, const struct dir_root *root,
				       bool marked)
{
	const char *const *state = d->flavour->state_attrs;
	unsigned most = words_count(root->address) + words_count(root->stamp) + words_count(state);
	const char **list = arena_alloc(root->mem, sizeof(*list) * (most + 7));
	unsigned n = 0;

	list[n++] = MAILBOX_ATTR;
	if (d->conf->catalog == CATALOG_DIRECTORY)
		words_append(list, &n, limit_attrs);
	list[n++] = d->names->logon;
	words_append(list, &n, root->address);
	words_append(list, &n, root->stamp);
	words_append(list, &n, state);
	if (marked) {
		list[n++] = d->flavour->mark;
		list[n++] = d->flavour->changed;
	}
	return list;
}

static enum ec learn(struct dir *d, struct dir_conn *c, struct dir_root *root, struct err *e)
{
	struct asked a = { .d = d, .root = root };
	enum ec rc = find_base(&a, c, e);

	if (rc != EC_OK)
		return rc;
	root->new_users = place(root, d->conf->directory_new_users, d->names->new_users);
	root->domains = place(root, d->conf->directory_domains, d->names->domains);
	root->address = words_split(root->mem, d->names->address);
	root->stamp = words_split(root->mem, d->names->stamp);
	root->attrs = person_attrs(d, root, false);
	root->marked = person_attrs(d, root, true);
	return d->flavour->learn(d, c, root, e);
}

enum ec dir_root_get(struct dir *d, struct dir_conn *c, const struct dir_root **out, struct err *e)
{
	const struct dir_root *known = atomic_load(&d->root);

	if (!known) {
		struct arena *mem = arena_new("directory root", 2048);
		struct dir_root *root = arena_alloc(mem, sizeof(*root));
		root->mem = mem;
		root->dns = root->netbios = "";
		enum ec rc = learn(d, c, root, e);
		if (rc != EC_OK || !atomic_compare_exchange_strong(&d->root, &known, root))
			arena_drop(&mem);
		if (rc != EC_OK)
			return rc;
		if (!known)
			known = root;
	}
	*out = known;
	return EC_OK;
}

void dir_root_free(struct dir *d)
{
	const struct dir_root *root = atomic_exchange(&d->root, NULL);
	struct arena *mem = root ? root->mem : NULL; /* holds *root */

	arena_drop(&mem);
}

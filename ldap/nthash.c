/* nthash.c - keeping and reading NT hashes.
 *
 * Three owners are possible. sambaSamAccount's sambaNTPassword is Samba's: smbk5pwd writes it, and we only mend it if it is visibly
 * old - a stale one would let the previous password sign in. winpopAccount's winpopNTHash is ours, and so is an attribute that the
 * settings name: they are written with every password that winpop sets, if SPA is served from hashes, or if there is one already.
 */
#include <string.h>
#include <strings.h>
#include "ldap/flavour.h"
#include "ldap/nthash.h"
#include "ldap/schema.h"
#include "ldap/words.h"
#include "server/base/arena.h"
#include "server/base/crypto.h"
#include "server/base/utf16.h"

#define OUR_CLASS "winpopAccount"
#define OUR_ATTR "winpopNTHash"
#define SAMBA_ATTR "sambaNTPassword" /* only with Samba's class, which is not ours to give */

/* ---- the text ---- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool nt_hash_parse(unsigned char out[NT_HASH], const char *p, size_t len)
{
	if (len != NT_HASH_TEXT)
		return false;
	for (unsigned i = 0; i < NT_HASH; i++) {
		int high = digit(p[2 * i]), low = digit(p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* MS-NLMP section 3.3.1, NTOWFv1. Capitals, as Samba writes it. */
bool nt_hash_form(char out[NT_HASH_TEXT], const struct secret *pass)
{
	static const char hex[] = "0123456789ABCDEF";
	struct arena *mem = arena_new("password", 1024); /* wipes itself */
	unsigned char *wide = arena_alloc(mem, 2 * pass->len + 1), hash[NT_HASH];
	size_t len;
	bool ok = utf16_from_utf8(wide, &len, (const char *)pass->bytes, pass->len);

	if (ok)
		md4(hash, wide, len);
	for (unsigned i = 0; ok && i < NT_HASH; i++) {
		out[2 * i] = hex[hash[i] >> 4];
		out[2 * i + 1] = hex[hash[i] & 15];
	}
	wipe(hash, sizeof(hash));
	arena_drop(&mem);
	return ok;
}

/* ---- what an entry has ---- */

struct held {
	struct dir *d;
	const struct dir_root *root;
	const char *const *attrs; /* of hashes, preferred first */
	bool samba, ours;         /* its classes */
	bool found, must_change;
	const char *attr; /* the first that is there; NULL = none */
	struct secret text;
	struct account state;
};

static bool take_held(void *ctx, struct dir_entry *en)
{
	struct held *h = ctx;
	const char *value;
	size_t len;

	h->found = true;
	h->samba = dir_entry_has(en, "objectClass", "sambaSamAccount");
	h->ours = dir_entry_has(en, "objectClass", OUR_CLASS);
	h->must_change = dir_entry_bool(en, "pwdReset");
	h->d->flavour->read_state(h->root, en, &h->state);
	for (unsigned i = 0; !h->attr && h->attrs[i]; i++) {
		value = dir_entry_value(en, h->attrs[i], 0, &len);
		if (!value)
			continue;
		h->attr = h->attrs[i];
		secret_set(&h->text, value, len);
	}
	return false;
}

/* h->text is to be dropped, whatever comes back. */
static enum ec read_held(struct dir *d, struct dir_conn *c, const char *dn, struct arena *mem,
			 struct held *h, struct err *e)
{
	const char *const *state = d->flavour->state_attrs;
	unsigned n = 0;
	enum ec rc = dir_root_get(d, c, &h->root, e);

	if (rc != EC_OK)
		return rc;
	h->d = d;
	h->attrs = words_split(mem, d->names->nt_hash);
	const char **ask =
		arena_alloc(mem, sizeof(*ask) * (words_count(h->attrs) + words_count(state) + 3));
	ask[n++] = "objectClass";
	ask[n++] = "pwdReset";
	words_append(ask, &n, h->attrs);
	words_append(ask, &n, state);
	const struct dir_query q = {
		.base = dn, .scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)", .attrs = ask
	};
	rc = dir_conn_search(c, &q, take_held, h, e);
	if (rc == EC_OK && !h->found)
		return err_set(e, EC_ABSENT, "there is no entry %s", dn);
	return rc;
}

/* ---- keeping it ---- */

/* A schema is large, and gains more often than it loses: once is enough. */
static enum ec our_class_known(struct dir *d, struct dir_conn *c, bool *out, struct err *e)
{
	struct schema_term ours = { .name = OUR_CLASS };

	*out = atomic_load(&d->has_hash_class);
	if (*out)
		return EC_OK;
	enum ec rc = schema_look(c, &ours, 1, e);
	*out = ours.known;
	if (ours.known)
		atomic_store(&d->has_hash_class, true);
	return rc;
}

static bool wanted(const struct dir *d)
{
	return d->conf->spa == SPA_HASH;
}

/* Which attribute gets the hash of an entry that has none; NULL: none does. *add_class: it must be given our class with it. */
static enum ec pick_new(struct dir_conn *c, const struct held *h, const char **out, bool *add_class,
			struct err *e)
{
	const char *const *attr = h->attrs;
	bool known = false;

	*out = NULL;
	*add_class = false;
	while (*attr && strcasecmp(*attr, SAMBA_ATTR) == 0)
		attr++;
	if (!*attr || strcasecmp(*attr, OUR_ATTR) != 0 || h->ours) {
		*out = *attr;
		return EC_OK;
	}
	enum ec rc = our_class_known(h->d, c, &known, e);
	if (known)
		*out = *attr;
	*add_class = known;
	return rc;
}

static enum ec pick_attr(struct dir_conn *c, const struct held *h, const char **out,
			 bool *add_class, struct err *e)
{
	*out = h->attr;
	*add_class = false;
	if (h->attr || !wanted(h->d) || h->samba)
		return EC_OK;
	return pick_new(c, h, out, add_class, e);
}

static enum ec write_hash(struct dir_conn *c, const char *dn, const char *attr, bool add_class,
			  const char *hash, struct err *e)
{
	struct dir_change *ch = change_new(dn);
	struct err why;

	if (add_class)
		change_putz(ch, CHANGE_ADD, "objectClass", OUR_CLASS);
	change_put(ch, CHANGE_REPLACE, attr, hash, NT_HASH_TEXT);
	enum ec rc = dir_conn_modify(c, ch, &why);
	change_free(&ch);
	if (rc == EC_OK)
		return rc;
	return err_set(e, rc, "the password was set, but not its NT hash for SPA: %s", why.text);
}

static bool in_step(const struct held *h, const char hash[NT_HASH_TEXT])
{
	unsigned char have[NT_HASH], want[NT_HASH];

	return h->attr && nt_hash_parse(have, (const char *)h->text.bytes, h->text.len) &&
	       nt_hash_parse(want, hash, NT_HASH_TEXT) && same_bytes(have, want, NT_HASH);
}

enum ec nt_hash_keep(struct dir *d, struct dir_conn *c, const char *dn, const struct secret *pass,
		     struct err *e)
{
	struct arena *mem = arena_new("NT hash", 1024);
	struct held h = { 0 };
	char hash[NT_HASH_TEXT];
	const char *attr = NULL;
	bool add_class;
	enum ec rc = read_held(d, c, dn, mem, &h, e);

	if (rc == EC_OK)
		rc = pick_attr(c, &h, &attr, &add_class, e);
	if (rc == EC_OK && attr && !nt_hash_form(hash, pass))
		rc = err_set(e, EC_USAGE, "the password is not UTF-8");
	if (rc == EC_OK && attr && !in_step(&h, hash))
		rc = write_hash(c, dn, attr, add_class, hash, e);
	wipe(hash, sizeof(hash));
	secret_drop(&h.text);
	arena_drop(&mem);
	return rc;
}

static enum ec put_hash(struct dir_change *ch, const char *attr, bool add_class,
			const struct secret *pass, struct err *e)
{
	char hash[NT_HASH_TEXT];

	if (!nt_hash_form(hash, pass))
		return err_set(e, EC_USAGE, "the password is not UTF-8");
	if (add_class)
		change_putz(ch, CHANGE_ADD, "objectClass", OUR_CLASS);
	change_put(ch, CHANGE_ADD, attr, hash, NT_HASH_TEXT);
	wipe(hash, sizeof(hash));
	return EC_OK;
}

enum ec nt_hash_put(struct dir *d, struct dir_conn *c, struct dir_change *ch,
		    const struct secret *pass, struct err *e)
{
	struct arena *mem = arena_new("NT hash", 1024);
	struct held h = { .d = d, .attrs = words_split(mem, d->names->nt_hash) };
	const char *attr = NULL;
	bool add_class;
	enum ec rc = EC_OK;

	if (wanted(d))
		rc = pick_new(c, &h, &attr, &add_class, e);
	if (rc == EC_OK && attr)
		rc = put_hash(ch, attr, add_class, pass, e);
	arena_drop(&mem);
	return rc;
}

/* ---- reading it ---- */

static enum ec judge(const struct held *h, const char *dn, struct secret *out, struct err *e)
{
	unsigned char hash[NT_HASH];

	if (!h->state.enabled)
		return proof_err(PROOF_DISABLED, e);
	if (h->must_change)
		return proof_err(PROOF_MUST_CHANGE, e);
	if (!h->attr)
		return err_set(e, EC_REFUSED,
			       "%s has no NT hash, which SPA needs: give it a password by winpop "
			       "changepwd",
			       dn);
	if (!nt_hash_parse(hash, (const char *)h->text.bytes, h->text.len))
		return err_set(e, EC_BROKEN, "%s of %s is not 32 hexadecimal digits", h->attr, dn);
	secret_set(out, hash, sizeof(hash));
	wipe(hash, sizeof(hash));
	return EC_OK;
}

enum ec nt_hash_read(struct dir *d, struct dir_conn *c, const char *dn, struct secret *out,
		     struct err *e)
{
	struct arena *mem = arena_new("NT hash", 1024);
	struct held h = { 0 };
	enum ec rc = read_held(d, c, dn, mem, &h, e);

	if (rc == EC_OK)
		rc = judge(&h, dn, out, e);
	secret_drop(&h.text);
	arena_drop(&mem);
	return rc;
}

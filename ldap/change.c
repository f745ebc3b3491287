/* change.c - the parts of an operation, in the order they came; made into libldap's arrays when it is sent.
 *
 * An arena holds everything, so that a password among the values is wiped with the rest. Parts of one attribute that follow each
 * other become one modification: "add these two values" is then done or refused as a whole by servers that check in between.
 */
#include <assert.h>
#include <string.h>
#include <strings.h>
#include "ldap/change_own.h"
#include "server/base/arena.h"

struct part {
	enum change_op op;
	char *attr;
	bool whole; /* change_drop: no value */
	struct berval value;
	struct part *next;
};

struct dir_change {
	struct arena *mem;
	char *dn;
	struct part *first, **end;
	size_t n_parts;
};

static const int mod_op[] = { [CHANGE_ADD] = LDAP_MOD_ADD,
			      [CHANGE_DELETE] = LDAP_MOD_DELETE,
			      [CHANGE_REPLACE] = LDAP_MOD_REPLACE };

struct dir_change *change_new(const char *dn)
{
	struct arena *mem = arena_new("change", 512);
	struct dir_change *ch = arena_alloc(mem, sizeof(*ch));

	ch->mem = mem;
	ch->dn = arena_strz(mem, dn);
	ch->end = &ch->first;
	return ch;
}

static struct part *add_part(struct dir_change *ch, enum change_op op, const char *attr)
{
	struct part *part = arena_alloc(ch->mem, sizeof(*part));

	part->op = op;
	part->attr = arena_strz(ch->mem, attr);
	*ch->end = part;
	ch->end = &part->next;
	ch->n_parts++;
	return part;
}

void change_put(struct dir_change *ch, enum change_op op, const char *attr, const void *p,
		size_t len)
{
	struct part *part = add_part(ch, op, attr);

	part->value.bv_val = arena_str(ch->mem, p, len);
	part->value.bv_len = len;
}

void change_putz(struct dir_change *ch, enum change_op op, const char *attr, const char *z)
{
	change_put(ch, op, attr, z, strlen(z));
}

void change_drop(struct dir_change *ch, enum change_op op, const char *attr)
{
	assert(op != CHANGE_ADD);
	add_part(ch, op, attr)->whole = true;
}

void change_free(struct dir_change **ch)
{
	if (!*ch)
		return;
	struct arena *mem = (*ch)->mem; /* *ch lies in it */

	*ch = NULL;
	arena_drop(&mem);
}

const char *change_dn(const struct dir_change *ch)
{
	return ch->dn;
}

bool change_has_password(const struct dir_change *ch)
{
	for (const struct part *part = ch->first; part; part = part->next)
		if (strcasecmp(part->attr, "userPassword") == 0 ||
		    strcasecmp(part->attr, "unicodePwd") == 0)
			return true;
	return false;
}

/* The modification that the part joins, or NULL. */
static LDAPMod *partner(LDAPMod **mods, size_t n, const struct part *part, bool adding)
{
	for (size_t i = n; i > 0; i--) {
		LDAPMod *m = mods[i - 1];

		if (strcasecmp(m->mod_type, part->attr) == 0 &&
		    (adding || (m->mod_op == (mod_op[part->op] | LDAP_MOD_BVALUES) &&
				m->mod_bvalues && !part->whole)))
			return m;
		if (!adding)
			break;
	}
	return NULL;
}

/* Every list of values has room for all parts: changes are small. */
static LDAPMod *new_mod(const struct dir_change *ch, const struct part *part, bool adding)
{
	LDAPMod *m = arena_alloc(ch->mem, sizeof(*m));

	m->mod_op = (adding ? 0 : mod_op[part->op]) | LDAP_MOD_BVALUES;
	m->mod_type = part->attr;
	if (!part->whole)
		m->mod_bvalues =
			arena_alloc(ch->mem, (ch->n_parts + 1) * sizeof(m->mod_bvalues[0]));
	return m;
}

LDAPMod **change_mods(const struct dir_change *ch, bool adding)
{
	LDAPMod **mods = arena_alloc(ch->mem, (ch->n_parts + 1) * sizeof(LDAPMod *));
	size_t n = 0;

	for (struct part *part = ch->first; part; part = part->next) {
		LDAPMod *m = partner(mods, n, part, adding);
		size_t i = 0;

		assert(!adding || !part->whole);
		if (!m)
			m = mods[n++] = new_mod(ch, part, adding);
		if (part->whole)
			continue;
		while (m->mod_bvalues[i])
			i++;
		m->mod_bvalues[i] = &part->value;
	}
	return mods;
}

/* entry.c - an entry, parsed once into a table of attributes.
 *
 * Values stay where they are, in libldap's message: an entry of a thousand members costs no copies. The table is made in one go
 * because libldap's decoder writes into the message as it reads and must not pass twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ldap/entry_own.h"
#include "server/base/arena.h"

struct attribute {
	char *name;
	struct berval *values; /* libldap's array, ends with a NULL value; NULL: types only */
	unsigned n_values;
	struct attribute *next;
};

struct dir_entry {
	struct arena *mem;
	BerElement *ber;
	char *dn;
	struct attribute *first;
};

static void take_attribute(struct dir_entry *en, const struct berval *name, struct berval *values)
{
	struct attribute *a = arena_alloc(en->mem, sizeof(*a));

	a->name = arena_str(en->mem, name->bv_val, name->bv_len);
	a->values = values;
	while (values && values[a->n_values].bv_val)
		a->n_values++;
	a->next = en->first;
	en->first = a;
}

static bool read_attributes(struct dir_entry *en, LDAP *ld, LDAPMessage *msg)
{
	struct berval name, *values = NULL;
	int rc;

	while ((rc = ldap_get_attribute_ber(ld, msg, en->ber, &name, &values)) == LDAP_SUCCESS &&
	       name.bv_val)
		take_attribute(en, &name, values);
	return rc == LDAP_SUCCESS;
}

struct dir_entry *dir_entry_read(LDAP *ld, LDAPMessage *msg)
{
	struct arena *mem = arena_new("entry", 1024);
	struct dir_entry *en = arena_alloc(mem, sizeof(*en));
	struct berval dn;

	en->mem = mem;
	if (ldap_get_dn_ber(ld, msg, &en->ber, &dn) == LDAP_SUCCESS &&
	    !memchr(dn.bv_val, '\0', dn.bv_len)) {
		en->dn = arena_str(mem, dn.bv_val, dn.bv_len);
		if (read_attributes(en, ld, msg))
			return en;
	}
	dir_entry_drop(&en);
	return NULL;
}

void dir_entry_drop(struct dir_entry **enp)
{
	struct dir_entry *en = *enp;

	if (!en)
		return;
	*enp = NULL;
	for (struct attribute *a = en->first; a; a = a->next)
		ldap_memfree(a->values);
	ber_free(en->ber, 0); /* the octets are the message's */
	struct arena *mem = en->mem;
	arena_drop(&mem);
}

static const struct attribute *find(const struct dir_entry *en, const char *name)
{
	for (const struct attribute *a = en->first; a; a = a->next)
		if (strcasecmp(a->name, name) == 0)
			return a;
	return NULL;
}

const char *dir_entry_dn(struct dir_entry *en)
{
	return en->dn;
}

const char *dir_entry_value(struct dir_entry *en, const char *attr, unsigned i, size_t *len)
{
	const struct attribute *a = find(en, attr);

	if (!a || i >= a->n_values)
		return NULL;
	*len = a->values[i].bv_len;
	return a->values[i].bv_val;
}

bool dir_entry_text(struct dir_entry *en, const char *attr, char *out, size_t max)
{
	size_t len;
	const char *p = dir_entry_value(en, attr, 0, &len);

	out[0] = '\0';
	if (!p || len >= max || memchr(p, '\0', len))
		return false;
	memcpy(out, p, len);
	out[len] = '\0';
	return true;
}

bool dir_entry_has(struct dir_entry *en, const char *attr, const char *value)
{
	size_t want = strlen(value), len;
	const char *p;

	for (unsigned i = 0; (p = dir_entry_value(en, attr, i, &len)); i++)
		if (len == want && strncasecmp(p, value, len) == 0)
			return true;
	return false;
}

bool dir_entry_bool(struct dir_entry *en, const char *attr)
{
	size_t len;
	const char *p = dir_entry_value(en, attr, 0, &len);

	return p && len == 4 && strncasecmp(p, "TRUE", 4) == 0;
}

bool dir_entry_i64(struct dir_entry *en, const char *attr, int64_t *out)
{
	char text[24], *end;
	long long v;

	if (!dir_entry_text(en, attr, text, sizeof(text)))
		return false;
	if (text[strspn(text, "-0123456789")] != '\0') /* strtoll would take blanks and '+' */
		return false;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0)
		return false;
	*out = v;
	return true;
}

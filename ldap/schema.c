/* schema.c - a directory's schema, read for the few names that we need.
 *
 * Servers refuse what their schema does not know with codes of their own - undefinedAttributeType, objectClassViolation, Active
 * Directory says noSuchAttribute - which all mean other things too. The schema itself is the one answer that is the same everywhere.
 *
 * A definition reads ( OID NAME 'winpopMailbox' ... MAY ( winpopAlias $ winpopLocked ) ), or NAME ( 'a' 'b' ): a name in quotes is
 * what is defined, a bare one is allowed (RFC 4512 section 4.1).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "ldap/flavour.h"
#include "ldap/schema.h"

#define SUBSCHEMA "cn=Subschema" /* where nearly all have it, should they not say */
#define DN_MAX 512
#define QUOTED_MAX 64

struct reading {
	struct schema_term *terms;
	size_t n;
};

static bool defines(const char *p, size_t len, const char *name)
{
	char quoted[QUOTED_MAX];
	int n = snprintf(quoted, sizeof(quoted), "'%s'", name);

	return memmem(p, len, quoted, (size_t)n) != NULL;
}

static bool is_key(char c)
{
	return isalnum((unsigned char)c) || c == '-';
}

/* As a word of its own: winpopQuota is no mention of winpopQuotaBytes. Blanks around '$' may be missing. */
static bool allows(const char *p, size_t len, const char *name)
{
	const char *end = p + len, *at = p;
	size_t n = strlen(name);

	while ((at = memmem(at, (size_t)(end - at), name, n))) {
		const char *behind = at + n;
		if ((at == p || !is_key(at[-1])) && (behind == end || !is_key(*behind)))
			return true;
		at = behind;
	}
	return false;
}

static void take_definition(struct reading *r, const char *p, size_t len)
{
	for (size_t i = 0; i < r->n; i++) {
		struct schema_term *t = &r->terms[i];
		if (t->in ? defines(p, len, t->in) && allows(p, len, t->name)
			  : defines(p, len, t->name))
			t->known = true;
	}
}

static bool take_definitions(void *ctx, struct dir_entry *en)
{
	static const char *const attrs[] = { "attributeTypes", "objectClasses" };
	const char *p;
	size_t len;

	for (unsigned k = 0; k < 2; k++) {
		for (unsigned i = 0; (p = dir_entry_value(en, attrs[k], i, &len)); i++)
			take_definition(ctx, p, len);
	}
	return false;
}

static bool take_place(void *ctx, struct dir_entry *en)
{
	char *place = ctx;

	if (!dir_entry_text(en, "subschemaSubentry", place, DN_MAX))
		strcpy(place, SUBSCHEMA);
	return false;
}

static enum ec find_place(struct dir_conn *c, char place[DN_MAX], struct err *e)
{
	static const char *const attrs[] = { "subschemaSubentry", NULL };
	const struct dir_query q = {
		.base = "", .scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)", .attrs = attrs
	};

	strcpy(place, SUBSCHEMA);
	return dir_conn_search(c, &q, take_place, place, e);
}

enum ec schema_look(struct dir_conn *c, struct schema_term *terms, size_t n, struct err *e)
{
	static const char *const attrs[] = { "attributeTypes", "objectClasses", NULL };
	struct reading r = { .terms = terms, .n = n };
	char place[DN_MAX];
	enum ec rc = find_place(c, place, e);

	for (size_t i = 0; i < n; i++)
		terms[i].known = false;
	if (rc != EC_OK)
		return rc;
	const struct dir_query q = {
		.base = place, .scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)", .attrs = attrs
	};
	rc = dir_conn_search(c, &q, take_definitions, &r, e);
	return rc == EC_ABSENT ? EC_OK : rc; /* not to be seen by us: nothing is known */
}

const char *schema_update(const struct dir *d)
{
	return d->flavour == &flavour_ad ? "load " SCHEMA_DIR
					   "/ad/update.ldif as README.md in " SCHEMA_DIR " says"
					 : "load " SCHEMA_DIR "/openldap/update.ldif as it says";
}

enum ec schema_blame(struct dir *d, struct dir_conn *c, struct schema_term *need, enum ec rc,
		     struct err *e)
{
	if (schema_look(c, need, 1, NULL) != EC_OK)
		need->known = true; /* as far as we know */
	if (need->known)
		return rc;
	return err_set(e, rc, "the directory's schema is from before there was %s: %s", need->name,
		       schema_update(d));
}

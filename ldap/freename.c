/* freename.c - looking first and making then is a race that servers decide: Active Directory and OpenLDAP's unique overlay refuse the
 * second of two. Then it is looked again: if the name is taken now, somebody was faster and the next number is tried; if it is
 * still free, something else about the account exists and trying more names would not help.
 */
#include <string.h>
#include "ldap/escape.h"
#include "ldap/freename.h"

#define CHOICES_MOST 10000

static bool seen(void *ctx, struct dir_entry *en)
{
	(void)en;
	*(bool *)ctx = true;
	return false;
}

enum ec value_taken(struct dir_conn *c, const char *base, int scope, const char *attr,
		    const char *value, bool *out, struct err *e)
{
	static const char *const none[] = { LDAP_NO_ATTRS, NULL };
	struct buf filter = { 0 };

	filter_equals(&filter, attr, value, strlen(value));
	buf_add(&filter, "", 1);
	const struct dir_query q = {
		.base = base, .scope = scope, .filter = buf_at(&filter), .attrs = none, .most = 1
	};
	*out = false;
	enum ec rc = dir_conn_search(c, &q, seen, out, e);
	buf_drop(&filter);
	return rc == EC_ABSENT ? EC_OK : rc;
}

static enum ec is_taken(struct dir_conn *c, const struct free_name *f, const char *logon, bool *out,
			struct err *e)
{
	return value_taken(c, f->base, LDAP_SCOPE_SUBTREE, f->attr, logon, out, e);
}

/* *next: this one is somebody's, before or by now. */
static enum ec try_one(struct dir_conn *c, const struct free_name *f, const char *logon, bool *next,
		       struct err *e)
{
	struct err again;
	enum ec rc = is_taken(c, f, logon, next, e);

	if (rc != EC_OK || *next)
		return rc;
	rc = f->make(f->ctx, logon, e);
	if (rc == EC_EXISTS && is_taken(c, f, logon, next, &again) != EC_OK)
		*next = false;
	return rc;
}

enum ec free_name_make(struct dir_conn *c, const struct free_name *f, struct err *e)
{
	char logon[LOGON_NAME_MAX + 1];
	bool next;

	for (unsigned n = 0; n < CHOICES_MOST; n++) {
		if (!logon_candidate(f->rule, f->local, n, logon))
			continue;
		enum ec rc = try_one(c, f, logon, &next, e);
		if (!next)
			return rc;
	}
	return err_set(e, EC_EXISTS, "%u logon names like %s are taken", CHOICES_MOST, f->local);
}

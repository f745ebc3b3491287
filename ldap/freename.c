/* freename.c - looking first and making then is a race that servers decide: Active Directory and OpenLDAP's unique overlay refuse the
 * second of two. Then it is looked again: if the name is taken now, somebody was faster and the next number is tried; if it is
 * still free, something else about the account exists and trying more names would not help. If whoever was faster is an earlier try
 * for this very account, whose answer got lost, it is not made twice.
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

static enum ec any_entry(struct dir_conn *c, const char *base, int scope, struct buf *filter,
			 bool *out, struct err *e)
{
	static const char *const none[] = { LDAP_NO_ATTRS, NULL };

	buf_add(filter, "", 1);
	const struct dir_query q = {
		.base = base, .scope = scope, .filter = buf_at(filter), .attrs = none, .most = 1
	};
	*out = false;
	enum ec rc = dir_conn_search(c, &q, seen, out, e);
	buf_drop(filter);
	if (rc != EC_OK)
		*out = false;
	return rc;
}

enum ec value_taken(struct dir_conn *c, const char *base, int scope, const char *attr,
		    const char *value, bool *out, struct err *e)
{
	struct buf filter = { 0 };

	filter_equals(&filter, attr, value, strlen(value));
	return any_entry(c, base, scope, &filter, out, e);
}

/* ---- what to try ---- */

/* The n-th choice: the one that is wished for, then those made of the mailbox name. False: there is no such one. */
static bool choose(const struct free_name *f, unsigned n, char out[LOGON_NAME_MAX + 1])
{
	const struct account_wish *w = f->wish;

	if (n == 0)
		return w->logon && logon_fits(f->rule, w->logon) && strcpy(out, w->logon);
	return logon_candidate(f->rule, w->name.local, n - 1, out) &&
	       !(w->avoid && w->avoid(w->ctx, out));
}

/* *next: this one is somebody's, before or by now. */
typedef enum ec try_fn(struct dir_conn *c, const struct free_name *f, const char *logon, bool *next,
		       struct err *e);

static enum ec is_taken(struct dir_conn *c, const struct free_name *f, const char *logon, bool *out,
			struct err *e)
{
	enum ec rc = value_taken(c, f->base, LDAP_SCOPE_SUBTREE, f->attr, logon, out, e);

	return rc == EC_ABSENT ? EC_OK : rc;
}

/* Who has it may be our own account: one that was asked for before and came late. EC_EXISTS: so it is. */
static enum ec check_stranger(struct dir_conn *c, const struct free_name *f, const char *logon,
			      struct err *e)
{
	const char *mark = f->wish->mark;
	char address[NAME_TEXT_MAX + 1];
	struct buf filter = { 0 };
	bool ours;

	if (!mark)
		return EC_OK;
	name_text(&f->wish->name, address);
	buf_addz(&filter, "(&");
	filter_equals(&filter, f->attr, logon, strlen(logon));
	filter_equals(&filter, "mail", address, strlen(address));
	filter_equals(&filter, f->mark_attr, mark, strlen(mark));
	buf_addz(&filter, ")");
	enum ec rc = any_entry(c, f->base, LDAP_SCOPE_SUBTREE, &filter, &ours, e);
	if (rc == EC_OK && ours)
		rc = err_set(e, EC_EXISTS,
			     "the account %s was made already, and not all servers of the "
			     "directory show it: try again when they do",
			     logon);
	return rc;
}

static enum ec try_making(struct dir_conn *c, const struct free_name *f, const char *logon,
			  bool *next, struct err *e)
{
	struct err again;
	enum ec rc = is_taken(c, f, logon, next, e);

	if (rc != EC_OK)
		return rc;
	if (!*next) {
		rc = f->make(f->ctx, logon, e);
		if (rc != EC_EXISTS || is_taken(c, f, logon, next, &again) != EC_OK || !*next)
			return rc;
	}
	rc = check_stranger(c, f, logon, e);
	*next = rc == EC_OK;
	return rc;
}

static enum ec try_all(struct dir_conn *c, const struct free_name *f, try_fn *try,
		       char logon[LOGON_NAME_MAX + 1], struct err *e)
{
	bool next;

	for (unsigned n = 0; n <= CHOICES_MOST; n++) {
		if (!choose(f, n, logon))
			continue;
		enum ec rc = try(c, f, logon, &next, e);
		if (!next)
			return rc;
	}
	return err_set(e, EC_EXISTS, "%u logon names like %s are taken", CHOICES_MOST,
		       f->wish->name.local);
}

enum ec free_name_find(struct dir_conn *c, const struct free_name *f, char out[LOGON_NAME_MAX + 1],
		       struct err *e)
{
	return try_all(c, f, is_taken, out, e);
}

enum ec free_name_make(struct dir_conn *c, const struct free_name *f, struct err *e)
{
	char logon[LOGON_NAME_MAX + 1];

	return try_all(c, f, try_making, logon, e);
}

/* search.c - entries, shown one by one as they arrive.
 *
 * A search for everything goes by pages (RFC 2696): Active Directory gives no more than a thousand entries otherwise, OpenLDAP
 * five hundred. The page is acknowledged only when the callback has seen it, so memory holds one entry of ours and what the
 * kernel buffers. References to other servers are passed over.
 */
#include <stdio.h>
#include <string.h>
#include "ldap/conn_own.h"
#include "ldap/entry_own.h"

#define PAGE 500

struct search {
	struct dir_conn *conn;
	const struct dir_query *q;
	dir_entry_fn *fn;
	void *ctx;
	char doing[160];
	bool stopped; /* fn had enough */
	struct berval cookie;
};

static enum ec show(struct search *s, LDAPMessage *msg, struct err *e)
{
	struct dir_entry *en = dir_entry_read(s->conn->ld, msg);

	if (!en)
		return dir_conn_lose(s->conn, LDAP_DECODING_ERROR, e);
	if (!s->fn(s->ctx, en))
		s->stopped = true;
	dir_entry_drop(&en);
	return EC_OK;
}

static enum ec keep_cookie(struct search *s, LDAPControl **controls, struct err *e)
{
	LDAPControl *page = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
	ber_int_t estimate;

	ber_memfree(s->cookie.bv_val);
	s->cookie = (struct berval){ 0 };
	/* an empty value ends the process in libldap */
	if (page && (page->ldctl_value.bv_len == 0 ||
		     ldap_parse_pageresponse_control(s->conn->ld, page, &estimate, &s->cookie) !=
			     LDAP_SUCCESS))
		return dir_conn_lose(s->conn, LDAP_DECODING_ERROR, e);
	return EC_OK;
}

/* The message that ends a search, or a page of it. */
static enum ec finish(struct search *s, LDAPMessage *msg, struct err *e)
{
	struct dir_answer a;
	enum ec rc = dir_conn_take(s->conn, msg, &a, e);

	if (rc != EC_OK)
		return rc;
	if (a.code == LDAP_SUCCESS)
		rc = keep_cookie(s, a.controls, e);
	else if (a.code != LDAP_SIZELIMIT_EXCEEDED || s->q->most == 0)
		rc = dir_conn_judge(s->conn, &a, s->doing, e);
	else if (s->q->cut)
		*s->q->cut = true;
	dir_answer_drop(&a);
	return rc;
}

/* Until the end of this page, or until fn has had enough. */
static enum ec read_page(struct search *s, int sent, int id, struct err *e)
{
	LDAPMessage *msg;
	enum ec rc;

	for (;;) {
		rc = dir_conn_wait(s->conn, sent, id, s->doing, &msg, e);
		if (rc != EC_OK)
			return rc;
		if (ldap_msgtype(msg) == LDAP_RES_SEARCH_RESULT)
			return finish(s, msg, e);
		if (ldap_msgtype(msg) == LDAP_RES_SEARCH_ENTRY)
			rc = show(s, msg, e);
		ldap_msgfree(msg);
		if (rc != EC_OK)
			return rc;
		if (s->stopped) {
			ldap_abandon_ext(s->conn->ld, id, NULL, NULL);
			return EC_OK;
		}
	}
}

static enum ec ask_page(struct search *s, struct err *e)
{
	LDAPControl *page = NULL;
	int id = 0;
	enum ec rc = dir_conn_begin(s->conn, e);

	if (rc != EC_OK)
		return rc;
	if (s->q->most == 0 &&
	    ldap_create_page_control(s->conn->ld, PAGE, &s->cookie, 0, &page) != LDAP_SUCCESS)
		die("out of memory");
	int sent = ldap_search_ext(s->conn->ld, s->q->base, s->q->scope, s->q->filter,
				   (char **)s->q->attrs, 0, (LDAPControl *[]){ page, NULL }, NULL,
				   NULL, (int)s->q->most, &id);
	ldap_control_free(page);
	return read_page(s, sent, id, e);
}

enum ec dir_conn_search(struct dir_conn *c, const struct dir_query *q, dir_entry_fn *fn, void *ctx,
			struct err *e)
{
	struct search s = { .conn = c, .q = q, .fn = fn, .ctx = ctx };
	enum ec rc;

	snprintf(s.doing, sizeof(s.doing), "searching \"%s\"", q->base);
	do
		rc = ask_page(&s, e);
	while (rc == EC_OK && !s.stopped && s.cookie.bv_len > 0);
	ber_memfree(s.cookie.bv_val);
	return rc;
}

struct lookout {
	const char *oid;
	bool found;
};

static bool look(void *ctx, struct dir_entry *en)
{
	struct lookout *l = ctx;

	l->found = dir_entry_has(en, "supportedExtension", l->oid) ||
		   dir_entry_has(en, "supportedControl", l->oid) ||
		   dir_entry_has(en, "supportedFeatures", l->oid);
	return true;
}

enum ec dir_conn_supports(struct dir_conn *c, const char *oid, bool *out, struct err *e)
{
	static const char *const attrs[] = { "supportedExtension", "supportedControl",
					     "supportedFeatures", NULL };
	const struct dir_query q = { .base = "",
				     .scope = LDAP_SCOPE_BASE,
				     .filter = "(objectClass=*)",
				     .attrs = attrs,
				     .most = 1 };
	struct lookout l = { .oid = oid };
	enum ec rc = dir_conn_search(c, &q, look, &l, e);

	*out = l.found;
	return rc;
}

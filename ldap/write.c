/* write.c - operations that change the directory. Each is sent once; what became of it is known or EC_TEMP. */
#include <stdio.h>
#include <string.h>
#include "ldap/change_own.h"
#include "ldap/conn_own.h"

#define DOING 200

static enum ec begin(struct dir_conn *c, bool password, struct err *e)
{
	enum ec rc = dir_conn_begin(c, e);

	if (rc == EC_OK && password && c->clear)
		rc = err_set(e, EC_BROKEN,
			     "a password must not cross the network to %s in the clear", c->uri);
	return rc;
}

enum ec dir_conn_add(struct dir_conn *c, const struct dir_change *ch, struct err *e)
{
	enum ec rc = begin(c, change_has_password(ch), e);
	char doing[DOING];
	int id = 0;

	if (rc != EC_OK)
		return rc;
	snprintf(doing, sizeof(doing), "adding %s", change_dn(ch));
	int sent = ldap_add_ext(c->ld, change_dn(ch), change_mods(ch, true), NULL, NULL, &id);
	return dir_conn_answer(c, sent, id, doing, e);
}

enum ec dir_conn_modify(struct dir_conn *c, const struct dir_change *ch, struct err *e)
{
	enum ec rc = begin(c, change_has_password(ch), e);
	char doing[DOING];
	int id = 0;

	if (rc != EC_OK)
		return rc;
	snprintf(doing, sizeof(doing), "changing %s", change_dn(ch));
	int sent = ldap_modify_ext(c->ld, change_dn(ch), change_mods(ch, false), NULL, NULL, &id);
	return dir_conn_answer(c, sent, id, doing, e);
}

enum ec dir_conn_delete(struct dir_conn *c, const char *dn, struct err *e)
{
	enum ec rc = begin(c, false, e);
	char doing[DOING];
	int id = 0;

	if (rc != EC_OK)
		return rc;
	snprintf(doing, sizeof(doing), "removing %s", dn);
	int sent = ldap_delete_ext(c->ld, dn, NULL, NULL, &id);
	return dir_conn_answer(c, sent, id, doing, e);
}

enum ec dir_conn_set_password(struct dir_conn *c, const char *dn, const struct secret *pass,
			      struct err *e)
{
	struct berval who = { strlen(dn), (char *)dn };
	struct berval new = { pass->len, (char *)pass->bytes };
	enum ec rc = begin(c, true, e);
	char doing[DOING];
	int id = 0;

	if (rc != EC_OK)
		return rc;
	/* Without a new password the server would invent one. */
	if (pass->len == 0)
		return err_set(e, EC_USAGE, "a password must not be empty");
	snprintf(doing, sizeof(doing), "changing the password of %s", dn);
	int sent = ldap_passwd(c->ld, &who, NULL, &new, NULL, NULL, &id);
	return dir_conn_answer(c, sent, id, doing, e);
}

/* prove.c - is this somebody's password? A simple bind, and what servers say beside its result.
 *
 * The password policy control is asked for always; servers without it ignore it (it is not critical). Three passwords are never
 * sent: an empty one, which a server takes for an anonymous bind and accepts (RFC 4513 section 5.1.2); one with a NUL, which
 * some cut there; and one so long that a server would hang up, which would look as if that were in trouble.
 */
#include <string.h>
#include "ldap/conn_own.h"

#define LONGEST 4096

static bool worth_asking(const char *who, const struct secret *pass)
{
	return who[0] != '\0' && pass->len > 0 && pass->len <= LONGEST &&
	       !memchr(pass->bytes, '\0', pass->len);
}

/* -1: no control in the answer, or no error in it. */
static int policy_error(LDAP *ld, LDAPControl **controls)
{
	LDAPPasswordPolicyError error = PP_noError;
	ber_int_t expire, grace;
	LDAPControl *found = ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, NULL);

	if (!found || found->ldctl_value.bv_len == 0 || /* libldap reads it unseen */
	    ldap_parse_passwordpolicy_control(ld, found, &expire, &grace, &error) != LDAP_SUCCESS)
		return -1;
	return error == PP_noError ? -1 : (int)error;
}

/* Windows, when its own domain controllers do not answer it: 51f ERROR_NO_LOGON_SERVERS, 54b ERROR_NO_SUCH_DOMAIN. */
static bool server_in_trouble(const char *words)
{
	unsigned code = ad_subcode(words);

	return code == 0x51f || code == 0x54b;
}

/* Results that speak of the person. All others speak of the server or of our settings. */
static bool is_verdict(const struct dir_answer *a)
{
	switch (a->code) {
	case LDAP_SUCCESS:
	case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INVALID_DN_SYNTAX:
	case LDAP_CONSTRAINT_VIOLATION: return true;
	case LDAP_INVALID_CREDENTIALS: return !server_in_trouble(a->words);
	default: return false;
	}
}

static enum ec judge(struct dir_conn *c, const struct dir_answer *a, enum proof *out, struct err *e)
{
	if (is_verdict(a)) {
		*out = proof_judge(a->code, a->words, policy_error(c->ld, a->controls));
		return EC_OK;
	}
	if (a->code == LDAP_INVALID_CREDENTIALS)
		return err_set(e, EC_TEMP, "directory server %s cannot check passwords just now",
			       c->uri);
	return dir_conn_judge(c, a, "proving a password", e);
}

enum ec dir_conn_prove(struct dir_conn *c, const char *who, const struct secret *pass,
		       enum proof *out, struct err *e)
{
	LDAPControl policy = { .ldctl_oid = LDAP_CONTROL_PASSWORDPOLICYREQUEST };
	LDAPControl *controls[] = { &policy, NULL };
	struct berval password = { pass->len, (char *)pass->bytes };
	struct dir_answer a;
	LDAPMessage *msg;
	int id = 0;

	*out = PROOF_WRONG;
	if (!worth_asking(who, pass))
		return EC_OK;
	enum ec rc = dir_conn_begin(c, e);
	if (rc == EC_OK && c->clear)
		rc = err_set(e, EC_BROKEN,
			     "a password must not cross the network to %s in the clear", c->uri);
	if (rc != EC_OK)
		return rc;
	int sent = ldap_sasl_bind(c->ld, who, LDAP_SASL_SIMPLE, &password, controls, NULL, &id);
	rc = dir_conn_wait(c, sent, id, "proving a password", &msg, e);
	if (rc == EC_OK)
		rc = dir_conn_take(c, msg, &a, e);
	if (rc != EC_OK)
		return rc;
	rc = judge(c, &a, out, e);
	dir_answer_drop(&a);
	return rc;
}

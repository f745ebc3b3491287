/* kerberos.c - SASL GSSAPI with a keytab of our own.
 *
 * The keys of the service are in a file, so there is no kinit and no cron job: GSSAPI gets tickets by them when it needs some and
 * keeps them in memory. Which file and which memory is told to it call by call: the environment variables for the same
 * purpose (KRB5_CLIENT_KTNAME, KRB5CCNAME) belong to the whole process, which accepts Kerberos from mail clients too.
 *
 * Getting a ticket talks to the KDC, with the Kerberos library's timeouts instead of ours: half a minute when it is silent. It
 * happens once in the life of a ticket, and a KDC is as a rule the very server that is connected to. So that is asked for something
 * first: a frozen one is found out within the timeout.
 */
#include <errno.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "ldap/conn_own.h"

#define CCACHE_MAX 600

/* Tickets are somebody's: while the settings change there may be two whom the service is. */
static const char *ccache_of(const struct dir_conn *c, char room[CCACHE_MAX])
{
	snprintf(room, CCACHE_MAX, "MEMORY:winpop-directory %s", c->setup->user);
	return room;
}

/* The library's words for a failure, shortened by err_set if need be. */
static enum ec gss_failed(struct dir_conn *c, OM_uint32 major, OM_uint32 minor, struct err *e)
{
	OM_uint32 ignored, more = 0;
	gss_buffer_desc words = GSS_C_EMPTY_BUFFER;
	bool by_mech = minor != 0;

	if (minor == (OM_uint32)KRB5_KDC_UNREACH)
		return err_set(e, EC_TEMP, "no Kerberos server (KDC) of the realm of %s answers",
			       c->setup->user);
	c->refused = true;
	gss_display_status(&ignored, by_mech ? minor : major,
			   by_mech ? GSS_C_MECH_CODE : GSS_C_GSS_CODE, GSS_C_NO_OID, &more, &words);
	enum ec rc = err_set(e, EC_BROKEN,
			     "no Kerberos ticket for %s by the keys in %s (directory_keytab): %.*s",
			     c->setup->user[0] ? c->setup->user : "anybody", c->setup->keytab,
			     (int)words.length, words.value ? (const char *)words.value : "");
	gss_release_buffer(&ignored, &words);
	return rc;
}

static OM_uint32 import_name(const char *who, gss_name_t *out, OM_uint32 *minor)
{
	gss_buffer_desc text = { strlen(who), (void *)who };

	return gss_import_name(minor, &text, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, out);
}

/* Tickets in the cache: there already, or fetched now. */
static enum ec have_tickets(struct dir_conn *c, struct err *e)
{
	char room[CCACHE_MAX];
	gss_key_value_element_desc where[] = { { "client_keytab", c->setup->keytab },
					       { "ccache", ccache_of(c, room) } };
	const gss_key_value_set_desc store = { 2, where };
	gss_OID_set_desc krb5 = { 1, (gss_OID)gss_mech_krb5 };
	gss_name_t name = GSS_C_NO_NAME;
	gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	OM_uint32 minor = 0, ignored, major = GSS_S_COMPLETE;

	if (access(c->setup->keytab, R_OK) < 0)
		return err_set(e, EC_BROKEN, "cannot read %s (directory_keytab): %s",
			       c->setup->keytab, strerrordesc_np(errno));
	if (c->setup->user[0] != '\0')
		major = import_name(c->setup->user, &name, &minor);
	if (major == GSS_S_COMPLETE)
		major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &krb5, GSS_C_INITIATE,
					      &store, &cred, NULL, NULL);
	/* With a keytab tickets are fetched lazily: asking for their life fetches them. */
	if (major == GSS_S_COMPLETE)
		major = gss_inquire_cred(&minor, cred, NULL, &(OM_uint32){ 0 }, NULL, NULL);
	enum ec rc = major == GSS_S_COMPLETE ? EC_OK : gss_failed(c, major, minor, e);
	gss_release_cred(&ignored, &cred);
	gss_release_name(&ignored, &name);
	return rc;
}

/* The plugin asks whom to act for: itself. */
static int answer_nothing(LDAP *ld, unsigned flags, void *defaults, void *in)
{
	(void)ld;
	(void)flags;
	(void)defaults;
	for (sasl_interact_t *i = in; i->id != SASL_CB_LIST_END; i++) {
		i->result = "";
		i->len = 0;
	}
	return LDAP_SUCCESS;
}

static enum ec step_failed(struct dir_conn *c, int code, struct err *e)
{
	char *words = NULL, doing[160];

	if (code == LDAP_SERVER_DOWN)
		return dir_conn_lose(c, code, e);
	if (code == LDAP_STRONG_AUTH_REQUIRED && c->secured) /* Samba */
		return err_set(e, EC_BROKEN,
			       "%s does not take Kerberos inside TLS: use ldap:// in "
			       "directory_servers, Kerberos encrypts by itself",
			       c->uri);
	snprintf(doing, sizeof(doing), "signing in to %s by Kerberos", c->uri);
	ldap_get_option(c->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words);
	enum ec rc = status_err(e, code, words, doing);
	ldap_memfree(words);
	if (rc == EC_TEMP)
		return rc;
	c->refused = true;
	if (e)
		e->class = EC_BROKEN;
	return EC_BROKEN;
}

/* Windows takes no second encryption inside TLS; without TLS there must be one, of a strength that DES has not. */
static void set_strength(struct dir_conn *c)
{
	ldap_set_option(c->ld, LDAP_OPT_X_SASL_SECPROPS,
			c->secured ? "none,maxssf=0" : "noanonymous,noplain,minssf=112");
}

static enum ec steps(struct dir_conn *c, struct err *e)
{
	const char *mechanism = NULL;
	LDAPMessage *msg = NULL;
	int id = 0;

	for (;;) {
		int code = ldap_sasl_interactive_bind(c->ld, NULL, "GSSAPI", NULL, NULL,
						      LDAP_SASL_QUIET, answer_nothing, NULL, msg,
						      &mechanism, &id);

		ldap_msgfree(msg);
		msg = NULL;
		if (code == LDAP_SUCCESS)
			return EC_OK;
		if (code != LDAP_SASL_BIND_IN_PROGRESS)
			return step_failed(c, code, e);
		enum ec rc = dir_conn_wait(c, LDAP_SUCCESS, id, "signing in by Kerberos", &msg, e);
		if (rc != EC_OK)
			return rc;
	}
}

enum ec dir_conn_bind_kerberos(struct dir_conn *c, struct err *e)
{
	const char *before = NULL;
	char room[CCACHE_MAX];
	OM_uint32 minor;
	bool ignored;
	enum ec rc = dir_conn_supports(c, LDAP_EXOP_START_TLS, &ignored, e);

	if (rc == EC_OK)
		rc = have_tickets(c, e);
	if (rc != EC_OK)
		return rc;
	set_strength(c);
	gss_krb5_ccache_name(&minor, ccache_of(c, room), &before); /* this thread's */
	rc = steps(c, e);
	gss_krb5_ccache_name(&minor, before, NULL);
	if (rc == EC_OK)
		c->clear = false;
	return rc;
}

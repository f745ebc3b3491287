/* conn.c - a connection from the outside: opened, asked, lost, closed.
 *
 * libldap is used for its encoding and decoding, asynchronously and with a timeout of zero: it never waits. Who waits is
 * wait_a_slice, by poll, so that every deadline is ours and a shutdown of the descriptor by another thread ends the wait at once. The
 * descriptor stays non-blocking for the same reason: a server that falls silent in the middle of a message must not hold a read.
 *
 * libldap would open a new connection on its own under a handle whose connection broke, unbound and without TLS. A lost
 * connection is never used again, so it never gets the chance.
 *
 * ldap.conf, .ldaprc and LDAP* variables of the machine are read by libldap whatever we do. All that they can set is set again
 * for each handle.
 */
#include <assert.h>
#include <fcntl.h>
#include <openldap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ldap/conn_own.h"
#include "ldap/secure.h"
#include "ldap/sock.h"
#include "server/base/clock.h"
#include "server/base/mem.h"

#define PDU_MAX (16u << 20) /* a message that claims to be longer is garbage */
#define SLICE_MS 100        /* a request that did not leave in one piece is pushed on this often */

static const struct timeval no_wait;

/* ---- waiting ---- */

enum ec dir_conn_begin(struct dir_conn *c, struct err *e)
{
	if (c->lost || atomic_load(&c->sock.stop))
		return dir_conn_lose(c, LDAP_SERVER_DOWN, e);
	c->deadline_ms = clock_mono_ms() + c->setup->timeout_ms;
	return EC_OK;
}

enum ec dir_conn_lose(struct dir_conn *c, int code, struct err *e)
{
	c->lost = true;
	if (atomic_load(&c->sock.stop))
		return err_set(e, EC_TEMP, "directory server %s has stopped answering", c->uri);
	if (code == LDAP_TIMEOUT) {
		c->silent = true;
		return err_set(e, EC_TEMP, "directory server %s did not answer within %u ms",
			       c->uri, c->setup->timeout_ms);
	}
	if (code == LDAP_DECODING_ERROR)
		return err_set(e, EC_TEMP, "directory server %s does not speak LDAP", c->uri);
	return err_set(e, EC_TEMP, "directory server %s closed the connection", c->uri);
}

static int last_code(struct dir_conn *c)
{
	int code = LDAP_SERVER_DOWN;

	ldap_get_option(c->ld, LDAP_OPT_RESULT_CODE, &code);
	return code;
}

/* False: the deadline has passed. */
static bool wait_a_slice(struct dir_conn *c)
{
	uint64_t now = clock_mono_ms(), until = now + SLICE_MS;

	if (now >= c->deadline_ms)
		return false;
	dir_sock_wait(atomic_load(&c->sock.fd), POLLIN,
		      until < c->deadline_ms ? until : c->deadline_ms);
	return true;
}

/* A function that could not send: the connection, or what it was given (a filter that does not parse). */
static enum ec not_sent(struct dir_conn *c, int code, const char *doing, struct err *e)
{
	switch (code) {
	case LDAP_SERVER_DOWN:
	case LDAP_CONNECT_ERROR:
	case LDAP_TIMEOUT: return dir_conn_lose(c, code, e);
	default: return status_err(e, code, NULL, doing);
	}
}

/* Takes any message: there is one operation at a time, and libldap's own way with a notice of disconnection (RFC 4511 section
 * 4.4.1) while it looks for one in particular leaks it, or ends the process if it is odd. Returns as ldap_result does. */
static int next_message(struct dir_conn *c, int id, LDAPMessage **out)
{
	struct timeval zero = no_wait;
	int rc = ldap_result(c->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &zero, out);

	if (!*out || (rc > 0 && ldap_msgid(*out) == id))
		return rc;
	/* What it returns is the message's tag: 0 and below are none that LDAP has. */
	rc = rc <= 0 || ldap_msgid(*out) == LDAP_RES_UNSOLICITED ? -1 : 0;
	ldap_msgfree(*out);
	*out = NULL;
	return rc;
}

enum ec dir_conn_wait(struct dir_conn *c, int sent, int id, const char *doing, LDAPMessage **out,
		      struct err *e)
{
	*out = NULL;
	if (sent != LDAP_SUCCESS)
		return not_sent(c, sent, doing, e);
	for (;;) {
		int rc = next_message(c, id, out);

		if (rc > 0 && clock_mono_ms() < c->deadline_ms)
			return EC_OK;
		if (rc > 0) { /* a search whose entries do not end */
			ldap_msgfree(*out);
			*out = NULL;
			return dir_conn_lose(c, LDAP_TIMEOUT, e);
		}
		if (rc < 0)
			return dir_conn_lose(c, last_code(c), e);
		if (atomic_load(&c->sock.stop) || !wait_a_slice(c))
			return dir_conn_lose(c, LDAP_TIMEOUT, e);
	}
}

/* Not the kind that comes before a result, which libldap would neither parse nor free. */
static bool is_result(LDAPMessage *msg)
{
	int type = ldap_msgtype(msg);

	return type != LDAP_RES_SEARCH_ENTRY && type != LDAP_RES_SEARCH_REFERENCE &&
	       type != LDAP_RES_INTERMEDIATE;
}

enum ec dir_conn_take(struct dir_conn *c, LDAPMessage *msg, struct dir_answer *out, struct err *e)
{
	*out = (struct dir_answer){ 0 };
	if (!is_result(msg)) {
		ldap_msgfree(msg);
		return dir_conn_lose(c, LDAP_DECODING_ERROR, e);
	}
	int rc = ldap_parse_result(c->ld, msg, &out->code, NULL, &out->words, NULL, &out->controls,
				   1);

	if (rc == LDAP_SUCCESS)
		return EC_OK;
	dir_answer_drop(out);
	return dir_conn_lose(c, LDAP_DECODING_ERROR, e);
}

void dir_answer_drop(struct dir_answer *a)
{
	ldap_memfree(a->words);
	ldap_controls_free(a->controls);
	*a = (struct dir_answer){ 0 };
}

enum ec dir_conn_judge(struct dir_conn *c, const struct dir_answer *a, const char *doing,
		       struct err *e)
{
	if (a->code == LDAP_UNAVAILABLE)
		c->lost = true;
	return status_err(e, a->code, a->words, doing);
}

enum ec dir_conn_answer(struct dir_conn *c, int sent, int id, const char *doing, struct err *e)
{
	struct dir_answer a;
	LDAPMessage *msg;
	enum ec rc = dir_conn_wait(c, sent, id, doing, &msg, e);

	if (rc == EC_OK)
		rc = dir_conn_take(c, msg, &a, e);
	if (rc != EC_OK)
		return rc;
	if (a.code != LDAP_SUCCESS)
		rc = dir_conn_judge(c, &a, doing, e);
	dir_answer_drop(&a);
	return rc;
}

/* ---- opening ---- */

static void set(struct dir_conn *c, int option, const void *value)
{
	int rc = ldap_set_option(c->ld, option, value);

	assert(rc == LDAP_OPT_SUCCESS);
	(void)rc;
}

/* Everything that a file or a variable may have set otherwise. */
static void set_options(struct dir_conn *c)
{
	static const int three = LDAP_VERSION3, zero = 0, never = LDAP_DEREF_NEVER;
	const struct timeval patience = { .tv_sec = c->setup->timeout_ms / 1000 + 1 };
	ber_len_t most = PDU_MAX;
	Sockbuf *sb;

	set(c, LDAP_OPT_PROTOCOL_VERSION, &three);
	set(c, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	set(c, LDAP_OPT_RESTART, LDAP_OPT_OFF);
	set(c, LDAP_OPT_DEREF, &never);
	set(c, LDAP_OPT_SIZELIMIT, &zero);
	set(c, LDAP_OPT_TIMELIMIT, &zero);
	set(c, LDAP_OPT_NETWORK_TIMEOUT, &patience);
	set(c, LDAP_OPT_TIMEOUT, &patience);
	set(c, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON);
	set(c, LDAP_OPT_X_SASL_NOCANON, LDAP_OPT_ON);
	ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sb);
	ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most);
}

/* libldap gets a descriptor of its own to the same connection: it closes that when it likes. */
static enum ec hand_over(struct dir_conn *c, bool local, struct err *e)
{
	int fd = fcntl(atomic_load(&c->sock.fd), F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, "cannot use the connection to %s", c->uri);
	int rc = ldap_init_fd(fd, local ? LDAP_PROTO_IPC : LDAP_PROTO_TCP, c->uri, &c->ld);
	if (rc != LDAP_SUCCESS) {
		close(fd);
		return err_set(e, EC_BROKEN, "%s: %s", c->uri, ldap_err2string(rc));
	}
	set_options(c);
	return EC_OK;
}

static enum ec secure(struct dir_conn *c, const LDAPURLDesc *u, struct err *e)
{
	Sockbuf *sb;

	ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sb);
	enum ec rc =
		dir_secure(sb, atomic_load(&c->sock.fd), u->lud_host ? u->lud_host : "localhost",
			   c->setup->ca, c->setup->trust, c->deadline_ms, e);
	c->secured = rc == EC_OK;
	c->clear = c->clear && !c->secured;
	return rc;
}

static enum ec start_tls(struct dir_conn *c, const LDAPURLDesc *u, struct err *e)
{
	int id = 0;
	int sent = ldap_extended_operation(c->ld, LDAP_EXOP_START_TLS, NULL, NULL, NULL, &id);
	enum ec rc = dir_conn_answer(c, sent, id, "StartTLS", e);

	if (rc != EC_OK)
		return rc == EC_TEMP ? rc : err_set(e, EC_BROKEN, "%s refuses StartTLS", c->uri);
	return secure(c, u, e);
}

/* A Kerberos bind encrypts by itself; Windows and Samba refuse it, the one or the other way, inside TLS. */
static bool wants_tls(const struct dir_conn *c, bool as_service)
{
	return c->setup->starttls && !(as_service && c->setup->bind == DIR_BIND_GSSAPI);
}

static enum ec protect(struct dir_conn *c, const LDAPURLDesc *u, bool as_service, struct err *e)
{
	bool sends_password = !as_service || c->setup->bind == DIR_BIND_SIMPLE;

	c->clear = !dir_sock_loopback(atomic_load(&c->sock.fd));
	if (strcmp(u->lud_scheme, "ldaps") == 0)
		return secure(c, u, e);
	if (strcmp(u->lud_scheme, "ldap") == 0 && wants_tls(c, as_service))
		return start_tls(c, u, e);
	if (c->clear && sends_password)
		return err_set(
			e, EC_BROKEN,
			"passwords would cross the network in the clear to %s: use ldaps:// or "
			"directory_starttls = yes",
			c->uri);
	return EC_OK;
}

static enum ec connect_to(struct dir_conn *c, const LDAPURLDesc *u, bool as_service, struct err *e)
{
	enum ec rc = dir_conn_begin(c, e);

	if (rc == EC_OK)
		rc = dir_sock_open(u, c->setup->timeout_ms, &c->sock, e);
	if (rc == EC_OK)
		rc = hand_over(c, strcmp(u->lud_scheme, "ldapi") == 0, e);
	if (rc == EC_OK)
		rc = protect(c, u, as_service, e);
	if (rc == EC_OK && as_service)
		rc = dir_conn_bind(c, e);
	if (rc == EC_TEMP && clock_mono_ms() >= c->deadline_ms)
		c->silent = true;
	return rc;
}

struct dir_conn *dir_conn_new(const char *uri, const struct link_setup *setup)
{
	struct dir_conn *c = mem_new(sizeof(*c));

	c->uri = uri;
	c->setup = setup;
	dir_sock_init(&c->sock);
	return c;
}

enum ec dir_conn_start(struct dir_conn *c, bool as_service, struct err *e)
{
	LDAPURLDesc *u;
	enum ec rc;

	if (ldap_url_parse(c->uri, &u) != LDAP_URL_SUCCESS)
		return err_set(e, EC_BROKEN, "\"%s\" is no address of a directory server", c->uri);
	rc = connect_to(c, u, as_service, e);
	ldap_free_urldesc(u);
	c->lost = c->lost || rc != EC_OK;
	return rc;
}

enum ec dir_conn_attach(struct dir_conn *c, int fd, struct err *e)
{
	atomic_store(&c->sock.fd, fd);
	return hand_over(c, true, e);
}

enum ec dir_conn_open(const char *uri, const struct link_setup *setup, bool as_service,
		      struct dir_conn **out, struct err *e)
{
	struct dir_conn *c = dir_conn_new(uri, setup);
	enum ec rc = dir_conn_start(c, as_service, e);

	if (rc != EC_OK)
		dir_conn_close(&c);
	*out = c;
	return rc;
}

void dir_conn_close(struct dir_conn **c)
{
	if (!*c)
		return;
	if ((*c)->ld)
		ldap_unbind_ext((*c)->ld, NULL, NULL);
	dir_sock_close(&(*c)->sock);
	free(*c);
	*c = NULL;
}

void dir_conn_cancel(struct dir_conn *c)
{
	dir_sock_stop(&c->sock);
}

/* Nothing has been asked, so whatever libldap finds is news: the end, or a notice of disconnection (RFC 4511 section 4.4.1). What
 * TLS sends on its own account (session tickets) is eaten on the way. */
bool dir_conn_alive(struct dir_conn *c)
{
	struct pollfd p = { .fd = atomic_load(&c->sock.fd), .events = POLLIN };
	struct timeval zero = no_wait;
	LDAPMessage *msg = NULL;

	if (c->lost || atomic_load(&c->sock.stop))
		return false;
	if (poll(&p, 1, 0) == 0)
		return true;
	if (!(p.revents & (POLLHUP | POLLERR)) &&
	    ldap_result(c->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &zero, &msg) == 0 && !msg)
		return true;
	ldap_msgfree(msg);
	c->lost = true;
	return false;
}

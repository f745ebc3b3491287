/* conn_own.h - what the files that make up a connection share. Private to ldap/.
 *
 * A call:	rc = dir_conn_begin(c, e);
 *		... libldap's asynchronous function, which sends and gives an id ...
 *		rc = dir_conn_answer(c, sent, id, "adding x", e);
 */
#pragma once
#include "ldap/conn.h"

/* Instead of dir_conn_start: a socket to this computer's own server, connected already and non-blocking, that is c's from now on. For
 * tests, which are the server. */
enum ec dir_conn_attach(struct dir_conn *c, int fd, struct err *e);
/* Starts the clock of a call. EC_TEMP: the connection is lost. */
enum ec dir_conn_begin(struct dir_conn *c, struct err *e);
/* Declares it lost; code: libldap's reason. Always EC_TEMP. */
enum ec dir_conn_lose(struct dir_conn *c, int code, struct err *e);
/* The next message that belongs to id, before the deadline. sent: the result of the function that gave the id. */
enum ec dir_conn_wait(struct dir_conn *c, int sent, int id, const char *doing, LDAPMessage **out,
		      struct err *e);

/* A result, taken out of its message. */
struct dir_answer {
	int code;
	char *words;            /* diagnostic message or NULL */
	LDAPControl **controls; /* or NULL */
};
/* Frees msg. EC_OK: the result was readable, whatever it says. */
enum ec dir_conn_take(struct dir_conn *c, LDAPMessage *msg, struct dir_answer *out, struct err *e);
void dir_answer_drop(struct dir_answer *a);
/* A result that is no success: its meaning, by status_err. A server that says goodbye is lost. */
enum ec dir_conn_judge(struct dir_conn *c, const struct dir_answer *a, const char *doing,
		       struct err *e);
/* Waits for the one answer of a simple operation and judges it. */
enum ec dir_conn_answer(struct dir_conn *c, int sent, int id, const char *doing, struct err *e);

/* connbind.c: the service proves who it is. */
enum ec dir_conn_bind(struct dir_conn *c, struct err *e);
/* kerberos.c: the same by SASL GSSAPI with directory_keytab. */
enum ec dir_conn_bind_kerberos(struct dir_conn *c, struct err *e);

/* client.h - the other end: a SASL client by libsasl's own client side, joined to a login. */
#pragma once
#include <assert.h>
#include <sasl/sasl.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/auth.h"
#include "server/auth/mech.h"

struct client {
	const char *user, *pass;
	const char *authzid;             /* NULL: none */
	sasl_channel_binding_t *binding; /* NULL: none */
	const char *believes; /* mechanism list it thinks it saw; NULL: the one it asks for */
	int cancel_at;        /* cancels instead of its n-th step, from 1; 0: never */
	/* Rewrites a message before it is sent, or NULL; room for MECH_MESSAGE_MAX octets. */
	size_t (*tamper)(char *p, size_t len);
	bool cancelled, distrusts; /* out: it gave up; the server's proof was wrong */
};

static inline int client_name(void *context, int id, const char **result, unsigned *len)
{
	const struct client *c = context;

	*result = id == SASL_CB_AUTHNAME ? c->user : c->authzid ? c->authzid : "";
	if (len)
		*len = (unsigned)strlen(*result);
	return SASL_OK;
}

static inline int client_secret(sasl_conn_t *conn, void *context, int id, sasl_secret_t **out)
{
	const struct client *c = context;
	static __thread unsigned char room[16384];
	sasl_secret_t *s = (void *)room;

	(void)conn;
	(void)id;
	s->len = strlen(c->pass);
	assert(s->len < sizeof(room) - sizeof(*s));
	memcpy(s->data, c->pass, s->len + 1);
	*out = s;
	return SASL_OK;
}

#define CLIENT_PROC(f) ((int (*)(void))(void (*)(void))(f))

static inline void client_send(struct login *l, const struct client *c, const char *p, size_t len,
			       struct auth_answer *out)
{
	char *room = malloc(MECH_MESSAGE_MAX);

	memcpy(room, p, len);
	if (c->tamper)
		len = c->tamper(room, len);
	login_step(l, room, len, out);
	free(room);
}

static inline void client_talk(struct login *l, const char *mech, struct client *c,
			       struct auth_answer *out)
{
	const sasl_callback_t calls[] = {
		{ SASL_CB_USER, CLIENT_PROC(client_name), c },
		{ SASL_CB_AUTHNAME, CLIENT_PROC(client_name), c },
		{ SASL_CB_PASS, CLIENT_PROC(client_secret), c },
		{ SASL_CB_LIST_END, NULL, NULL },
	};
	sasl_security_properties_t props = { .max_ssf = 0 };
	sasl_conn_t *conn = NULL;
	const char *p = NULL, *picked = NULL;
	unsigned n = 0;
	int rc = sasl_client_new("pop", "mail.example.com", NULL, NULL, calls, 0, &conn);

	assert(rc == SASL_OK);
	sasl_setprop(conn, SASL_SEC_PROPS, &props);
	if (c->binding)
		sasl_setprop(conn, SASL_CHANNEL_BINDING, c->binding);
	rc = sasl_client_start(conn, c->believes ? c->believes : mech, NULL, &p, &n, &picked);
	assert(rc == SASL_OK || rc == SASL_CONTINUE);
	login_begin(l, mech, p, n, out);
	for (int step = 1; out->state == AUTH_MORE; step++) {
		if (step == c->cancel_at) {
			login_cancel(l);
			c->cancelled = true;
			break;
		}
		rc = sasl_client_step(conn, out->challenge, (unsigned)out->challenge_len, NULL, &p,
				      &n);
		if (rc != SASL_OK && rc != SASL_CONTINUE) {
			login_cancel(l);
			c->distrusts = true;
			break;
		}
		client_send(l, c, p ? p : "", p ? n : 0, out);
	}
	sasl_dispose(&conn);
}

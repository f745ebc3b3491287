/* auxprop.c - accounts -> SASL properties.
 *
 * CRAM-MD5, SCRAM and APOP compute with the clear password; libsasl asks for it by the property
 * *userPassword, and this plug-in, the only one ever asked, answers from accounts->reveal.
 *
 * An account that does not exist has a secret all the same, a random one. The exchange then runs the
 * same steps at the same cost and fails at the end like a wrong password; the salt that SCRAM shows
 * is the plug-in's own function of the name, so it stays the same from one try to the next. The same
 * stands in for accounts that may not be revealed.
 * Only when the accounts cannot be asked does the exchange end at once.
 */
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <string.h>
#include "server/auth/attempt.h"
#include "server/base/b64.h"
#include "server/base/crypto.h"

#define PASSWORD_PROPERTY                                                                          \
	"*userPassword" /* the asterisk: of who signs in, not of whom it acts for */

/* A plug-in knows its connection only; ours finds the attempt as the context of a callback that
 * every connection of ours has. */
static struct attempt *attempt_of(sasl_server_params_t *params)
{
	sasl_callback_ft proc = NULL;
	void *context = NULL;
	int rc = params->utils->getcallback(params->utils->conn, SASL_CB_SERVER_USERDB_CHECKPASS,
					    &proc, &context);

	return rc == SASL_OK ? context : NULL;
}

static bool password_wanted(sasl_server_params_t *params)
{
	const struct propval *want = params->utils->prop_get(params->propctx);

	for (; want && want->name; want++) {
		if (strcmp(want->name, PASSWORD_PROPERTY) == 0)
			return want->values == NULL;
	}
	return false;
}

static void stand_in(struct secret *out)
{
	unsigned char noise[16];
	char text[2 * sizeof(noise)];

	random_bytes(noise, sizeof(noise));
	hex_encode(text, noise, sizeof(noise));
	secret_set(out, text, sizeof(text));
	wipe(text, sizeof(text));
}

/* libsasl will read the secret as a C string: one with a NUL inside would shrink to its front. */
static bool usable(const struct secret *s)
{
	return s->len > 0 && !memchr(s->bytes, 0, s->len);
}

static enum ec reveal(struct attempt *at, struct secret *out)
{
	struct accounts *acc = at->setup->accounts;
	struct err e = { 0 };
	enum ec ec;

	/* Asked even for what is no name, so that it takes as long. */
	ec = acc->ops->reveal(acc, &at->who, SECRET_CLEAR, out, &e);
	if (ec == EC_OK && (!at->named || !usable(out)))
		ec = err_set(&e, EC_REFUSED, "the password cannot be used with this mechanism");
	/* Disabled, or never revealed: nothing is proved yet, so nobody is told. */
	attempt_blame(at, ec == EC_REFUSED ? EC_DENIED : ec, &e);
	return ec;
}

static int look_up(void *glob, sasl_server_params_t *params, unsigned flags, const char *user,
		   unsigned ulen)
{
	struct attempt *at = attempt_of(params);
	struct secret s = { 0 };
	int rc;

	(void)glob;
	(void)user;
	(void)ulen;
	if ((flags & SASL_AUXPROP_AUTHZID) || !at || !password_wanted(params))
		return SASL_OK; /* PLAIN and EXTERNAL come by here and want nothing */
	if (reveal(at, &s) != EC_OK)
		stand_in(&s);
	if (at->class >= EC_BUSY)
		rc = SASL_UNAVAIL;
	else
		rc = params->utils->prop_set(params->propctx, PASSWORD_PROPERTY,
					     (const char *)s.bytes, (int)s.len);
	secret_drop(&s);
	return rc;
}

static int plug_in(const sasl_utils_t *utils, int max_version, int *out_version,
		   sasl_auxprop_plug_t **plug, const char *name)
{
	/* Never written; libsasl's interface knows no const. */
	static sasl_auxprop_plug_t ours = { .auxprop_lookup = look_up, .name = AUXPROP_NAME };

	(void)utils;
	(void)name;
	if (max_version < SASL_AUXPROP_PLUG_VERSION)
		return SASL_BADVERS;
	*out_version = SASL_AUXPROP_PLUG_VERSION;
	*plug = &ours;
	return SASL_OK;
}

int auxprop_register(void)
{
	return sasl_auxprop_add_plugin(AUXPROP_NAME, plug_in);
}

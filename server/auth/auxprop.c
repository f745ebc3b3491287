/* auxprop.c - accounts -> SASL properties.
 *
 * CRAM-MD5 and APOP compute with the clear password; libsasl asks for it by the property
 * *userPassword, and this plug-in, the only one ever asked, answers from accounts->reveal. SCRAM
 * would take that too, and derive its keys from it at every try, four times slower than we can; but
 * it also asks for *authPassword, keys that are ready, and uses them if it gets nothing else.
 *
 * An account that does not exist has a secret all the same, one that nobody can know. The exchange
 * then runs the same steps at the same cost and fails at the end like a wrong password; salt and
 * secret stay the same from one try to the next. The same stands in for accounts that may not be
 * revealed. Only when the accounts cannot be asked does the exchange end at once.
 */
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <string.h>
#include "server/auth/attempt.h"
#include "server/auth/scram.h"

static bool wanted(sasl_server_params_t *params, const char *property)
{
	const struct propval *want = params->utils->prop_get(params->propctx);

	for (; want && want->name; want++) {
		if (strcmp(want->name, property) == 0)
			return want->values == NULL;
	}
	return false;
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

	if (at->class >= EC_BUSY) /* asked a moment ago, in vain */
		return at->class;
	/* Asked even for what is no name, so that it takes as long. */
	ec = acc->ops->reveal(acc, &at->account, SECRET_CLEAR, out, &e);
	if (ec == EC_OK && (!at->named || !usable(out)))
		ec = err_set(&e, EC_REFUSED, "the password cannot be used with this mechanism");
	/* Disabled, or never revealed: nothing is proved yet, so nobody is told. */
	attempt_blame(at, ec == EC_REFUSED ? EC_DENIED : ec, &e);
	return ec;
}

/* The stand-in is made even where it is not needed, so that all cost the same. */
static void reveal_or_stand_in(struct attempt *at, const char *account, struct secret *out)
{
	struct secret real = { 0 };

	scram_stand_in(at->scram, account, out);
	if (reveal(at, &real) == EC_OK)
		secret_move(out, &real);
	secret_drop(&real);
}

static int give_keys(struct attempt *at, const char *account, const struct secret *pass,
		     sasl_server_params_t *params)
{
	const struct scram_query q = { .mech = at->mech->name,
				       .account = account,
				       .peer = at->facts->peer };
	char value[SCRAM_VALUE_MAX];
	int rc;

	scram_value(at->scram, &q, pass, value);
	rc = params->utils->prop_set(params->propctx, PROP_SCRAM_KEYS, value, -1);
	wipe(value, sizeof(value));
	return rc;
}

static int look_up(void *glob, sasl_server_params_t *params, unsigned flags, const char *user,
		   unsigned ulen)
{
	struct attempt *at = attempt_of(params);
	char text[NAME_TEXT_MAX + 1];
	struct secret s = { 0 };
	const char *account;
	int rc;

	(void)glob;
	(void)user;
	(void)ulen;
	if ((flags & SASL_AUXPROP_AUTHZID) || !at || !wanted(params, PROP_PASSWORD))
		return SASL_OK; /* PLAIN and EXTERNAL come by here and want nothing */
	account = attempt_account(at, text);
	reveal_or_stand_in(at, account, &s);
	if (at->class >= EC_BUSY)
		rc = SASL_UNAVAIL;
	else if (wanted(params, PROP_SCRAM_KEYS)) /* by libscram and nobody else */
		rc = give_keys(at, account, &s, params);
	else
		rc = params->utils->prop_set(params->propctx, PROP_PASSWORD, (const char *)s.bytes,
					     (int)s.len);
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

/* ntlm.c - NTLM as a mechanism of libsasl: NEGOTIATE, CHALLENGE, AUTHENTICATE.
 *
 * The plug-in that comes with libsasl sends no target information, without which no client of today
 * answers with NTLMv2, and wants clear passwords. A separate process (Samba's ntlm_auth) serves one
 * exchange at a time and cannot see the TLS channel. So the mechanism is ours, and libsasl's part is
 * to run it and to ask us who is meant.
 *
 * Order matters in the answer. What the client says of itself is checked first (form of the response,
 * names), then the proof, and only with the session key that the proof yields the rest: the integrity
 * code over all three messages, and the channel the client believes to be in. With hashes, an
 * account that does not exist is proved against a hash nobody knows, so that it costs the same.
 */
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/attempt.h"
#include "server/auth/ntlm.h"
#include "server/auth/ntlm_proof.h"
#include "server/auth/ntlm_who.h"
#include "server/auth/winbind.h"
#include "server/base/clock.h"
#include "server/base/mem.h"

/* One exchange; libsasl keeps it between the steps. */
struct exchange {
	unsigned turn;
	uint32_t flags; /* agreed */
	unsigned char nonce[NTLM_NONCE];
	struct spa_names names;
	struct buf negotiate, challenge;
};

/* One AUTHENTICATE on its way through the checks. */
struct trial {
	struct attempt *at;
	sasl_server_params_t *params;
	sasl_out_params_t *out;
	const struct exchange *x;
	struct ntlm_bytes message;
	struct ntlm_answer answer;
	enum ntlm_form form;
	struct ntlm_pairs pairs; /* of NTLM_FORM_V2; else empty */
	struct ntlm_who who;
	unsigned char key[NTLM_KEY]; /* of the session, once proved */
};

static int fail(struct attempt *at, enum ec class, const char *why)
{
	struct err e = { 0 };

	err_set(&e, class, "%s", why);
	attempt_blame(at, class, &e);
	return class >= EC_BUSY ? SASL_UNAVAIL : SASL_BADAUTH;
}

static int fail_with(struct attempt *at, const struct err *e)
{
	attempt_blame(at, e->class, e);
	return e->class >= EC_BUSY ? SASL_UNAVAIL : SASL_BADAUTH;
}

/* ---- NEGOTIATE, CHALLENGE ---- */

static int challenge(struct exchange *x, struct attempt *at, const char *in, unsigned len)
{
	struct ntlm_challenge c = { .names = &x->names };
	struct err e = { 0 };
	uint32_t flags;

	if (!ntlm_read_negotiate(in, len, &flags))
		return fail(at, EC_DENIED, "not an NTLM NEGOTIATE message");
	if (spa_names(at->spa, &x->names, &e) != EC_OK)
		return fail_with(at, &e);
	x->flags = ntlm_agree(flags);
	random_bytes(x->nonce, sizeof(x->nonce));
	c.flags = x->flags;
	memcpy(c.nonce, x->nonce, sizeof(c.nonce));
	c.time = ntlm_time(clock_wall_us());
	buf_add(&x->negotiate, in, len);
	ntlm_write_challenge(&x->challenge, &c);
	return SASL_CONTINUE;
}

/* ---- what the client says of itself ---- */

static const char *too_weak(const struct trial *t)
{
	enum ntlm_level level = spa_level(t->at->spa);

	switch (t->form) {
	case NTLM_FORM_V2: return NULL;
	case NTLM_FORM_SESSION:
	case NTLM_FORM_V1:
		return level == NTLM_V2 ? "an NTLMv1 response, which ntlm = v2 refuses" : NULL;
	case NTLM_FORM_LM: /* hashes can tell LMv2, which is as good as v2, from LM */
		if (level == NTLM_LM || spa_kind(t->at->spa) == SPA_HASH)
			return NULL;
		return "an LM response, which the setting ntlm refuses";
	case NTLM_FORM_NONE: break;
	}
	return "no response at all: an anonymous client";
}

static const char *malformed(struct trial *t)
{
	if (!ntlm_read_answer(t->message.p, t->message.len, &t->answer))
		return "a malformed NTLM AUTHENTICATE message";
	t->form = ntlm_form(&t->answer, t->x->flags);
	if (t->form == NTLM_FORM_V2 && !ntlm_read_pairs(&t->answer.nt, &t->pairs))
		return "a malformed NTLMv2 response";
	if ((t->pairs.flags & NTLM_SAYS_MIC) && t->message.len < NTLM_MIC_AT + NTLM_MIC)
		return "an integrity code is promised and missing";
	if (t->answer.user.len == 0 || (t->answer.flags & NTLM_ANONYMOUS))
		return "an anonymous client";
	if (!ntlm_who_read(&t->answer, t->x->flags, &t->who))
		return "a name that is none";
	return NULL;
}

/* ---- the channel ---- */

static bool bound_to(const struct trial *t, const char *type, const void *data, size_t len)
{
	unsigned char want[NTLM_MIC];

	if (len == 0)
		return false;
	ntlm_binding(type, data, len, want);
	return same_bytes(want, t->pairs.binding.p, sizeof(want));
}

static bool claims_channel(const struct trial *t)
{
	static const unsigned char none[NTLM_MIC];

	return t->pairs.binding.len > 0 &&
	       !same_bytes(t->pairs.binding.p, none, sizeof(none)); /* zeros: it knows of none */
}

/* A client that names a channel we are not in has somebody between us, who opened the one it means.
 * Where one is demanded, auth.c does not offer us without TLS. */
static const char *wrong_channel(const struct trial *t)
{
	const struct auth_facts *f = t->at->facts;
	enum binding_rule rule = spa_binding(t->at->spa);

	if (rule == BINDING_OFF)
		return NULL;
	if (!claims_channel(t))
		return rule == BINDING_REQUIRE
			       ? "no channel binding, which channel_binding = require demands"
			       : NULL;
	if (f->endpoint_len > 0 &&
	    bound_to(t, "tls-server-end-point", f->endpoint, f->endpoint_len))
		return NULL;
	if (f->binding_name && bound_to(t, f->binding_name, f->binding, f->binding_len))
		return NULL;
	return "bound to another TLS channel: somebody is in between (behind a proxy that ends "
	       "TLS, "
	       "set channel_binding = off)";
}

static const char *tampered(const struct trial *t)
{
	const struct exchange *x = t->x;
	const struct ntlm_exchange all = {
		.negotiate = { (const unsigned char *)buf_at(&x->negotiate), x->negotiate.len },
		.challenge = { (const unsigned char *)buf_at(&x->challenge), x->challenge.len },
		.answer = t->message,
	};

	if (!(t->pairs.flags & NTLM_SAYS_MIC) || ntlm_mic_right(&all, t->key))
		return NULL;
	return "the integrity code is wrong: messages were altered on their way";
}

/* ---- proof by hash ---- */

/* libsasl asks us in turn (make_canonical), and at->account is who is meant. */
static int identify(struct trial *t, const char *name)
{
	return t->params->canon_user(t->params->utils->conn, name, (unsigned)strlen(name),
				     SASL_CU_AUTHID | SASL_CU_AUTHZID, t->out);
}

/* The name alone, or whole if it is an address: the domain beside it is mostly the one that the client's
 * computer is in. But clients that cut an address in two (libntlm: fetchmail, mpop) put its end there.
 * EC_OK: such an address, and somebody is meant by it. */
static enum ec find_address(struct trial *t, struct account *found, char *address, size_t size,
			    struct err *e)
{
	struct accounts *acc = t->at->setup->accounts;
	const struct ntlm_who *w = &t->who;

	if (strchr(w->user, '@'))
		snprintf(address, size, "%s", w->user);
	else if (strchr(w->domain, '.'))
		snprintf(address, size, "%s@%s", w->user, w->domain);
	else
		return EC_ABSENT;
	return acc->ops->resolve(acc, address, strlen(address), found, e);
}

static int find_account(struct trial *t)
{
	char address[2 * NTLM_TEXT_MAX + 2];
	struct account found;
	struct err e = { 0 };
	enum ec ec = EC_ABSENT;

	if (!strchr(t->who.user, '@'))
		ec = find_address(t, &found, address, sizeof(address), &e);
	if (ec >= EC_BUSY)
		return fail_with(t->at, &e);
	return identify(t, ec == EC_OK ? address : t->who.user);
}

/* Of the account, or one that nobody can know. */
static void hash_of(struct attempt *at, unsigned char out[NTLM_KEY])
{
	struct accounts *acc = at->setup->accounts;
	struct secret s = { 0 };
	struct err e = { 0 };
	enum ec ec = acc->ops->reveal(acc, &at->account, SECRET_NT_HASH, &s, &e);

	random_bytes(out, NTLM_KEY);
	if (ec == EC_OK && (!at->named || s.len != NTLM_KEY))
		ec = err_set(&e, EC_REFUSED, "the account has no NT hash");
	if (ec == EC_OK)
		memcpy(out, s.bytes, NTLM_KEY);
	/* Disabled, or without a hash: nothing is proved yet, so nobody is told. */
	attempt_blame(at, ec == EC_REFUSED ? EC_DENIED : ec, &e);
	secret_drop(&s);
}

static bool prove_as(struct trial *t, const struct ntlm_spelling *as,
		     const unsigned char hash[NTLM_KEY])
{
	const struct ntlm_claim claim = {
		.form = t->form,
		.answer = &t->answer,
		.nonce = t->x->nonce,
		.user = { as->user, as->user_len },
		.domain = { as->domain, as->domain_len },
	};

	return ntlm_prove(&claim, hash, t->key);
}

static int by_hash(struct trial *t)
{
	unsigned char hash[NTLM_KEY];
	bool right = false;
	int rc = find_account(t);

	if (rc != SASL_OK)
		return rc;
	if (t->at->class >= EC_BUSY) /* whom we could not ask a moment ago we need not ask again */
		return SASL_UNAVAIL;
	hash_of(t->at, hash);
	for (size_t i = 0; i < t->who.n_spellings; i++)
		right |= prove_as(t, &t->who.spelling[i], hash);
	wipe(hash, sizeof(hash));
	if (!right)
		return fail(t->at, EC_DENIED, "wrong password");
	return t->at->class == EC_OK ? SASL_OK : SASL_BADAUTH;
}

/* ---- proof by winbind ---- */

/* The domain whose people the accounts are. */
static const char *home_domain(const struct trial *t)
{
	const char *set = spa_domain(t->at->spa);

	return *set ? set : t->x->names.nb_domain;
}

/* winbind also vouches for local users of this host and for people of trusted domains. As accounts of
 * the system the former are who they say; in a directory all of them are nobody, even if somebody
 * there has the same name. */
static int identify_person(struct trial *t, const struct winbind_person *p)
{
	char name[2 * WINBIND_NAME_MAX + 2];

	if (t->at->setup->accounts->ops->rule == NAME_SYSTEM &&
	    strcasecmp(p->domain, t->x->names.nb_computer) == 0)
		return identify(t, p->user);
	if (strcasecmp(p->domain, home_domain(t)) != 0)
		return fail(t->at, EC_DENIED, "an account of another domain, or of this host");
	snprintf(name, sizeof(name), "%s\\%s", p->domain, p->user);
	return identify(t, name);
}

/* A domain knows logon names, and not the addresses that its people have for mail. Responses of old do
 * not depend on the name, so the one may stand for the other; those of version 2 do. */
static enum ec take_logon_name(struct trial *t, struct winbind_question *q, struct account *found,
			       struct err *e)
{
	char address[2 * NTLM_TEXT_MAX + 2];
	enum ec ec;

	if (t->form != NTLM_FORM_V1 && t->form != NTLM_FORM_SESSION)
		return EC_OK;
	ec = find_address(t, found, address, sizeof(address), e);
	if (ec == EC_OK && found->logon[0]) {
		q->user = found->logon;
		q->domain = home_domain(t);
	}
	return ec >= EC_BUSY ? ec : EC_OK;
}

static int by_winbind(struct trial *t)
{
	struct winbind_question q = {
		.user = t->who.user,
		.domain = t->who.domain,
		.workstation = t->who.workstation,
		.home = t->x->names.nb_domain,
		.nt = t->answer.nt,
		.lm = t->answer.lm,
	};
	struct winbind_person person;
	struct account found;
	struct err e = { 0 };
	int rc;

	if (take_logon_name(t, &q, &found, &e) != EC_OK)
		return fail_with(t->at, &e);
	ntlm_nonce(t->form, t->x->nonce, &t->answer, q.nonce);
	if (winbind_prove(spa_winbind(t->at->spa), &q, &person, &e) != EC_OK)
		return fail_with(t->at, &e);
	memcpy(t->key, person.key, sizeof(t->key));
	wipe(person.key, sizeof(person.key));
	rc = identify_person(t, &person);
	return rc == SASL_OK && t->at->class != EC_OK ? SASL_BADAUTH : rc;
}

/* ---- AUTHENTICATE ---- */

static int judge(struct trial *t)
{
	const char *why = malformed(t);
	int rc;

	if (why)
		return fail(t->at, EC_DENIED, why);
	ntlm_who_typed(&t->who, t->at->typed, sizeof(t->at->typed));
	why = too_weak(t);
	if (why)
		return fail(t->at, EC_DENIED, why);
	rc = spa_kind(t->at->spa) == SPA_HASH ? by_hash(t) : by_winbind(t);
	if (rc != SASL_OK)
		return rc;
	why = tampered(t);
	if (!why)
		why = wrong_channel(t);
	return why ? fail(t->at, EC_DENIED, why) : SASL_OK;
}

static int authenticate(const struct exchange *x, struct attempt *at, sasl_server_params_t *params,
			const char *in, unsigned len, sasl_out_params_t *out)
{
	struct trial t = {
		.at = at,
		.params = params,
		.out = out,
		.x = x,
		.message = { (const unsigned char *)in, len },
	};
	int rc = judge(&t);

	wipe(t.key, sizeof(t.key));
	if (rc != SASL_OK)
		return rc;
	out->doneflag = 1;
	out->mech_ssf = 0;
	out->maxoutbuf = 0;
	out->encode_context = NULL;
	out->encode = NULL;
	out->decode_context = NULL;
	out->decode = NULL;
	out->param_version = 0;
	return SASL_OK;
}

/* ---- the plug-in ---- */

static int mech_new(void *glob, sasl_server_params_t *params, const char *challenge_in,
		    unsigned challenge_len, void **context)
{
	(void)glob;
	(void)params;
	(void)challenge_in;
	(void)challenge_len;
	*context = mem_new(sizeof(struct exchange));
	return SASL_OK;
}

static void mech_dispose(void *context, const sasl_utils_t *utils)
{
	struct exchange *x = context;

	(void)utils;
	if (!x)
		return;
	buf_drop(&x->negotiate);
	buf_drop(&x->challenge);
	free(x);
}

static int mech_step(void *context, sasl_server_params_t *params, const char *in, unsigned len,
		     const char **out, unsigned *out_len, sasl_out_params_t *result)
{
	struct exchange *x = context;
	struct attempt *at = attempt_of(params);
	int rc;

	*out = NULL;
	*out_len = 0;
	if (!at || spa_kind(at->spa) == SPA_OFF || !in)
		return SASL_BADPROT;
	if (x->turn++ > 0)
		return x->turn > 2 ? SASL_BADPROT : authenticate(x, at, params, in, len, result);
	rc = challenge(x, at, in, len);
	*out = buf_at(&x->challenge);
	*out_len = (unsigned)x->challenge.len;
	return rc;
}

static int plug_in(const sasl_utils_t *utils, int max_version, int *out_version,
		   sasl_server_plug_t **plugs, int *n_plugs)
{
	/* Never written; libsasl's interface knows no const. */
	static sasl_server_plug_t ours = {
		.mech_name = "NTLM",
		.security_flags = SASL_SEC_NOPLAINTEXT | SASL_SEC_NOANONYMOUS,
		.features = SASL_FEAT_WANT_CLIENT_FIRST,
		.mech_new = mech_new,
		.mech_step = mech_step,
		.mech_dispose = mech_dispose,
	};

	(void)utils;
	if (max_version < SASL_SERVER_PLUG_VERSION)
		return SASL_BADVERS;
	*out_version = SASL_SERVER_PLUG_VERSION;
	*plugs = &ours;
	*n_plugs = 1;
	return SASL_OK;
}

int ntlm_register(void)
{
	return sasl_server_add_plugin("winpop-ntlm", plug_in);
}

/* winbind.c - the one user of libwbclient.
 *
 * The library is loaded when a configuration wants it: most hosts have no winbindd and need not have
 * its client. Its header is a build dependency, so that the compiler checks our calls. What crosses
 * to the threads that ask (errand.h) are copies: whoever asked may be gone when the answer comes.
 *
 * The answer "wrong" and the answer "could not ask anybody" come as the same error of the library;
 * the NT status tells them apart. What we do not know is trouble, never a wrong password.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wbclient.h>
#include "server/accounts/accounts.h"
#include "server/auth/errand.h"
#include "server/auth/winbind.h"
#include "server/base/mem.h"
#include "server/base/secret.h"

#define LIBRARY "libwbclient.so.0"
/* winbindd answers for one domain one question after the other: more threads would wait there. */
static const struct errands_limits limits = { .max_threads = 4,
					      .max_overdue = 2,
					      .retry_ms = 2000 };

struct library {
	__typeof__(wbcCtxCreate) *create;
	__typeof__(wbcCtxFree) *drop;
	__typeof__(wbcCtxAuthenticateUserEx) *authenticate;
	__typeof__(wbcCtxInterfaceDetails) *details;
	__typeof__(wbcFreeMemory) *free_memory;
	__typeof__(wbcErrorString) *error_string;
};

struct winbind {
	atomic_uint refs;
	unsigned timeout_ms;
	struct library lib;
	struct errands *errands;
	pthread_mutex_t lock; /* of the names: they are asked for in every exchange */
	bool named;
	struct spa_names names;
};

/* ---- opening ---- */

static bool find_symbol(void *handle, const char *name, void *to)
{
	void *found = dlsym(handle, name);

	memcpy(to, &found, sizeof(found)); /* ISO C knows no way from void * to a function */
	return found;
}

static bool load(struct library *l)
{
	void *h = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	return h && find_symbol(h, "wbcCtxCreate", &l->create) &&
	       find_symbol(h, "wbcCtxFree", &l->drop) &&
	       find_symbol(h, "wbcCtxAuthenticateUserEx", &l->authenticate) &&
	       find_symbol(h, "wbcCtxInterfaceDetails", &l->details) &&
	       find_symbol(h, "wbcFreeMemory", &l->free_memory) &&
	       find_symbol(h, "wbcErrorString", &l->error_string);
}

enum ec winbind_open(unsigned timeout_ms, struct winbind **out, struct err *e)
{
	struct library lib = { 0 };

	*out = NULL;
	if (!load(&lib))
		return err_set(e, EC_ABSENT, LIBRARY " cannot be loaded: install libwbclient0");
	*out = mem_new(sizeof(**out));
	atomic_init(&(*out)->refs, 1);
	(*out)->timeout_ms = timeout_ms;
	(*out)->lib = lib;
	(*out)->errands = errands_new("winbind", &limits);
	pthread_mutex_init(&(*out)->lock, NULL);
	return EC_OK;
}

struct winbind *winbind_ref(struct winbind *w)
{
	atomic_fetch_add(&w->refs, 1);
	return w;
}

void winbind_unref(struct winbind **pp)
{
	struct winbind *w = *pp;

	*pp = NULL;
	if (!w || atomic_fetch_sub(&w->refs, 1) > 1)
		return;
	errands_free(&w->errands);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* ---- what came back ---- */

#define NO_SUCH_USER 0xC0000064

static const struct {
	uint32_t status;
	enum ec class;
	enum refusal detail;
	const char *text;
} statuses[] = {
	{ 0xC000006A, EC_DENIED, REFUSAL_NONE, "wrong password" },
	{ 0xC000006D, EC_DENIED, REFUSAL_NONE, "wrong name or password" },
	{ NO_SUCH_USER, EC_DENIED, REFUSAL_NONE, "no such account in the domain" },
	/* what Samba says of a wrong password for a UPN of another domain name than its own */
	{ 0xC0000225, EC_DENIED, REFUSAL_NONE, "wrong name or password" },
	{ 0xC0000234, EC_DENIED, REFUSAL_LOCKED_OUT, "the account is locked out" },
	{ 0xC0000071, EC_REFUSED, REFUSAL_EXPIRED, "the password has expired" },
	{ 0xC0000224, EC_REFUSED, REFUSAL_MUST_CHANGE, "the password must be changed first" },
	{ 0xC0000072, EC_REFUSED, REFUSAL_DISABLED, "the account is disabled" },
	{ 0xC0000193, EC_REFUSED, REFUSAL_DISABLED, "the account has expired" },
	{ 0xC000006F, EC_REFUSED, REFUSAL_NOT_NOW, "outside the hours of the account" },
	{ 0xC0000070, EC_REFUSED, REFUSAL_NOT_NOW, "the account may not use this workstation" },
	{ 0xC000006E, EC_REFUSED, REFUSAL_NOT_NOW, "a restriction of the account forbids it" },
	{ 0xC000015B, EC_REFUSED, REFUSAL_NOT_NOW, "this kind of logon is not granted" },
};

static enum ec judge(const struct library *l, wbcErr rc, const struct wbcAuthErrorInfo *info,
		     struct err *e)
{
	if (rc == WBC_ERR_WINBIND_NOT_AVAILABLE)
		return err_set(e, EC_TEMP,
			       "winbindd does not answer: is it running, and this service in group "
			       "winbindd_priv?");
	for (size_t i = 0; info && i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (info->nt_status != statuses[i].status)
			continue;
		err_set(e, statuses[i].class, "winbind: %s", statuses[i].text);
		e->detail = statuses[i].detail;
		return statuses[i].class;
	}
	return err_set(e, EC_TEMP, "winbind: %s",
		       info && info->nt_string ? info->nt_string : l->error_string(rc));
}

static bool fits(const char *name)
{
	return strlen(name) <= WINBIND_NAME_MAX;
}

static enum ec take_names(const struct wbcInterfaceDetails *d, struct spa_names *out, struct err *e)
{
	*out = (struct spa_names){ 0 };
	if (!d->netbios_domain || strlen(d->netbios_domain) > SPA_NETBIOS_MAX || !d->netbios_name ||
	    strlen(d->netbios_name) > SPA_NETBIOS_MAX)
		return err_set(e, EC_TEMP, "winbind does not know the names of this host");
	strcpy(out->nb_domain, d->netbios_domain);
	strcpy(out->nb_computer, d->netbios_name);
	if (d->dns_domain && strlen(d->dns_domain) <= NAME_DOMAIN_MAX)
		strcpy(out->dns_domain, d->dns_domain);
	return EC_OK;
}

static enum ec take_person(const struct wbcAuthUserInfo *i, struct winbind_person *out,
			   struct err *e)
{
	*out = (struct winbind_person){ 0 };
	if (i->user_flags & WBC_AUTH_USER_INFO_GUEST)
		return err_set(e, EC_DENIED, "winbind: an unknown name would sign in as guest");
	if (!i->account_name || !i->account_name[0] || !fits(i->account_name) || !i->domain_name ||
	    !fits(i->domain_name))
		return err_set(e, EC_TEMP, "winbind does not say who signed in");
	strcpy(out->user, i->account_name);
	strcpy(out->domain, i->domain_name);
	memcpy(out->key, i->user_session_key, sizeof(out->key));
	return EC_OK;
}

/* ---- errands ---- */

struct question {
	struct errand errand;
	struct library lib; /* a copy: winbind may be gone */
	enum ec class;
	struct err why;
	/* one of the two */
	struct spa_names names;
	struct winbind_person person;

	char user[WINBIND_NAME_MAX + 1], domain[WINBIND_NAME_MAX + 1],
		workstation[WINBIND_NAME_MAX + 1], home[SPA_NETBIOS_MAX + 1];
	unsigned char nonce[NTLM_NONCE];
	size_t nt_len, lm_len;
	unsigned char responses[]; /* NT, then LM */
};

static void drop_question(struct errand *errand)
{
	struct question *q = (struct question *)errand;

	wipe(q, sizeof(*q) + q->nt_len + q->lm_len);
	free(q);
}

static void ask_names(struct errand *errand)
{
	struct question *q = (struct question *)errand;
	const struct library *l = &q->lib;
	struct wbcInterfaceDetails *details = NULL;
	struct wbcContext *ctx = l->create();
	wbcErr rc = ctx ? l->details(ctx, &details) : WBC_ERR_NO_MEMORY;

	if (rc == WBC_ERR_SUCCESS && details)
		q->class = take_names(details, &q->names, &q->why);
	else
		q->class = judge(l, rc, NULL, &q->why);
	l->free_memory(details);
	l->drop(ctx);
}

static wbcErr authenticate(struct question *q, struct wbcContext *ctx, const char *domain,
			   struct wbcAuthUserInfo **info, struct wbcAuthErrorInfo **trouble)
{
	struct wbcAuthUserParams params = {
		.account_name = q->user,
		.domain_name = domain,
		.workstation_name = q->workstation,
		.level = WBC_AUTH_USER_LEVEL_RESPONSE,
		/* a place without a length is an error to the library */
		.password.response = { .nt_length = (uint32_t)q->nt_len,
				       .nt_data = q->nt_len ? q->responses : NULL,
				       .lm_length = (uint32_t)q->lm_len,
				       .lm_data = q->lm_len ? q->responses + q->nt_len : NULL },
	};

	memcpy(params.password.response.challenge, q->nonce, NTLM_NONCE);
	return q->lib.authenticate(ctx, &params, info, trouble);
}

/* winbindd takes what is behind the @ for a domain. A name that ends in some other suffix of the
 * forest it refuses by itself; asked in the name of its own domain, the controller finds it. */
static bool was_not_asked(const struct question *q, const struct wbcAuthErrorInfo *trouble)
{
	return trouble && trouble->nt_status == NO_SUCH_USER && !trouble->authoritative &&
	       !q->domain[0] && strchr(q->user, '@');
}

static void ask_person(struct errand *errand)
{
	struct question *q = (struct question *)errand;
	const struct library *l = &q->lib;
	struct wbcAuthUserInfo *info = NULL;
	struct wbcAuthErrorInfo *trouble = NULL;
	struct wbcContext *ctx = l->create();
	wbcErr rc = WBC_ERR_NO_MEMORY;

	if (ctx)
		rc = authenticate(q, ctx, q->domain, &info, &trouble);
	if (rc != WBC_ERR_SUCCESS && was_not_asked(q, trouble)) {
		l->free_memory(trouble);
		trouble = NULL;
		rc = authenticate(q, ctx, q->home, &info, &trouble);
	}
	if (rc == WBC_ERR_SUCCESS && info)
		q->class = take_person(info, &q->person, &q->why);
	else
		q->class = judge(l, rc, trouble, &q->why);
	if (info) {
		wipe(info->user_session_key, sizeof(info->user_session_key));
		wipe(info->lm_session_key, sizeof(info->lm_session_key));
	}
	l->free_memory(info);
	l->free_memory(trouble);
	l->drop(ctx);
}

static struct question *question_new(const struct winbind *w, void (*run)(struct errand *),
				     size_t responses_len)
{
	struct question *q = mem_new(sizeof(*q) + responses_len);

	q->errand.run = run;
	q->errand.drop = drop_question;
	q->lib = w->lib;
	return q;
}

/* Forgets the names when winbindd is away: it may come back as somebody else. */
static enum ec gone(struct winbind *w, enum ec ec)
{
	if (ec != EC_TEMP)
		return ec;
	pthread_mutex_lock(&w->lock);
	w->named = false;
	pthread_mutex_unlock(&w->lock);
	return ec;
}

/* EC_OK: q has an answer and is ours. */
static enum ec ask(struct winbind *w, struct question *q, struct err *e)
{
	enum ec ec = errands_send(w->errands, &q->errand, w->timeout_ms);

	if (ec == EC_BUSY)
		err_set(e, EC_TEMP, "winbindd hangs: earlier questions are still unanswered");
	else if (ec != EC_OK)
		err_set(e, EC_TEMP, "winbindd has not answered in %u ms", w->timeout_ms);
	return ec == EC_OK ? EC_OK : EC_TEMP;
}

enum ec winbind_names(struct winbind *w, struct spa_names *out, struct err *e)
{
	struct question *q;
	bool known;
	enum ec ec;

	pthread_mutex_lock(&w->lock);
	known = w->named;
	*out = w->names;
	pthread_mutex_unlock(&w->lock);
	if (known)
		return EC_OK;
	q = question_new(w, ask_names, 0);
	ec = ask(w, q, e);
	if (ec != EC_OK)
		return ec;
	ec = q->class;
	*e = q->why;
	*out = q->names;
	drop_question(&q->errand);
	if (ec != EC_OK)
		return ec;
	pthread_mutex_lock(&w->lock);
	w->named = true;
	w->names = *out;
	pthread_mutex_unlock(&w->lock);
	return EC_OK;
}

static struct question *about_person(const struct winbind *w, const struct winbind_question *a)
{
	struct question *q = question_new(w, ask_person, a->nt.len + a->lm.len);

	strcpy(q->user, a->user);
	strcpy(q->domain, a->domain);
	strcpy(q->workstation, a->workstation);
	snprintf(q->home, sizeof(q->home), "%s", a->home);
	memcpy(q->nonce, a->nonce, sizeof(q->nonce));
	q->nt_len = a->nt.len;
	q->lm_len = a->lm.len;
	if (a->nt.len > 0)
		memcpy(q->responses, a->nt.p, a->nt.len);
	if (a->lm.len > 0)
		memcpy(q->responses + a->nt.len, a->lm.p, a->lm.len);
	return q;
}

enum ec winbind_prove(struct winbind *w, const struct winbind_question *a,
		      struct winbind_person *out, struct err *e)
{
	struct question *q;
	enum ec ec;

	if (!fits(a->user) || !fits(a->domain) || !fits(a->workstation))
		return err_set(e, EC_DENIED, "a name longer than any domain has");
	q = about_person(w, a);
	ec = ask(w, q, e);
	if (ec != EC_OK)
		return gone(w, ec);
	ec = q->class;
	*e = q->why;
	*out = q->person;
	drop_question(&q->errand);
	return gone(w, ec);
}

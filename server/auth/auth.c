/* auth.c - sign-in as one configuration sets it up: the allow-list, and what outlives a reload.
 *
 * What may be offered depends on four facts about a connection only, so all possible lists
 * are written once, at the opening; CAPA then costs a look-up and no connection object of libsasl.
 * Penalties pass from one snapshot to the next: a reload does not pardon a guesser. So do SCRAM
 * keys: a salt that changed at a reload would be news to clients that remember it. And so does what is
 * remembered about passwords: the shield would be down for a while otherwise. It is one memory even when the accounts become
 * others, so that forgetting reaches those who still sign in by the ones before; but what one kind said is the other's
 * never, and a method that comes back begins anew.
 */
#include <stdlib.h>
#include <string.h>
#include "server/auth/inside.h"
#include "server/base/buf.h"
#include "server/base/mem.h"

static bool on_list(const struct auth *a, const struct mech *m, bool plus)
{
	for (size_t i = 0; i < a->n_offers; i++) {
		if (a->offers[i].mech == m && a->offers[i].plus == plus)
			return true;
	}
	return false;
}

/* Where the channel must be bound to, there must be one: whoever relays to us somebody else's sign-in would choose the
 * connection without TLS. */
static unsigned needs_of(const struct auth *a, const struct mech *m, bool plus)
{
	bool bound = (m->wants & MECH_SPA) && spa_binding(a->spa) == BINDING_REQUIRE;

	return m->needs | (plus ? MECH_BINDING : 0) | (bound ? MECH_TLS : 0);
}

static void offer(struct auth *a, const struct mech *m, bool plus)
{
	if (on_list(a, m, plus) || a->n_offers == OFFERS_MAX)
		return;
	a->offers[a->n_offers++] = (struct offer){
		.mech = m,
		.name = plus ? m->plus : m->name,
		.plus = plus,
		.needs = needs_of(a, m, plus),
	};
}

/* What this service has, in enum mech_want bits. */
static unsigned provided(const struct auth *a)
{
	unsigned has = 0;

	if (a->setup.accounts->reveals & 1u << SECRET_CLEAR)
		has |= MECH_SECRET;
	if (spa_kind(a->spa) != SPA_OFF)
		has |= MECH_SPA;
	if (a->setup.keytab[0])
		has |= MECH_KEYTAB;
	return has;
}

/* One word of the settings. A name stands for its -PLUS variant too, preferred: a client that can
 * bind to the channel should, and one that finds it missing would suspect an attack. */
static void allow(struct auth *a, const char *word, size_t len)
{
	bool plus;
	const struct mech *m = mech_find(word, len, &plus);

	if (m && (m->wants & ~provided(a)))
		return; /* the list of the settings is what may be, not what must */
	if (!m || !attempt_can(m)) {
		log_event(&a->log, LV_WARN, "mechanism-missing", KV_B("mech", word, len),
			  KV("why", m ? "its SASL plug-in is not installed" : "not supported"));
		return;
	}
	if (m->plus)
		offer(a, m, true);
	if (!plus)
		offer(a, m, false);
}

static void allow_all(struct auth *a, const char *words)
{
	while (*words) {
		size_t blank = strspn(words, " \t"), len;

		words += blank;
		len = strcspn(words, " \t");
		if (len > 0)
			allow(a, words, len);
		words += len;
	}
}

static const char *list_for(struct auth *a, unsigned has)
{
	struct buf b = { 0 };
	const char *text;

	for (size_t i = 0; i < a->n_offers; i++) {
		if (a->offers[i].needs & ~has)
			continue;
		if (b.len > 0)
			buf_add(&b, " ", 1);
		buf_addz(&b, a->offers[i].name);
	}
	text = arena_str(a->mem, buf_at(&b), b.len);
	buf_drop(&b);
	return text;
}

static struct auth *auth_new(const struct auth_setup *s, const struct auth *before)
{
	struct auth *a = mem_new(sizeof(*a));

	atomic_init(&a->refs, 1);
	a->mem = arena_new("auth", 1024);
	a->setup = *s;
	a->setup.service = arena_strz(a->mem, s->service);
	a->setup.hostname = arena_strz(a->mem, s->hostname);
	a->setup.mechanisms = arena_strz(a->mem, s->mechanisms);
	a->setup.keytab = arena_strz(a->mem, s->keytab ? s->keytab : "");
	a->setup.spa.domain = arena_strz(a->mem, s->spa.domain ? s->spa.domain : "");
	a->setup.apop = s->apop && (provided(a) & MECH_SECRET);
	if (s->log)
		a->log.sink = s->log->sink;
	a->setup.log = &a->log;
	a->penalty = before ? penalty_ref(before->penalty) : penalty_new();
	a->scram = before ? scram_ref(before->scram) : scram_new();
	a->cache = before ? cache_ref(before->cache) : cache_new();
	a->whose = before ? before->whose + (before->setup.accounts != s->accounts) : 0;
	a->setup.share = share_ref(s->share);
	return a;
}

/* With sparequired everything in the clear is shut: without SPA the door would be locked and the key thrown away. */
static enum ec somebody_gets_in(const struct auth *a, struct err *e)
{
	bool plus;

	if (!a->setup.spa_required || on_list(a, mech_find("NTLM", 4, &plus), false))
		return EC_OK;
	if (spa_kind(a->spa) == SPA_OFF)
		return err_set(
			e, EC_BROKEN,
			"sparequired: nothing here can prove Secure Password Authentication: "
			"run winbind, or set spa = hash where the directory has NT hashes, or "
			"turn sparequired off");
	return err_set(e, EC_BROKEN,
		       "sparequired: add NTLM to mechanisms, or nobody could sign in");
}

enum ec auth_open(const struct auth_setup *setup, const struct auth *before, struct auth **out,
		  struct err *e)
{
	enum ec ec = attempt_library(setup->keytab ? setup->keytab : "", e);
	struct auth *a;

	*out = NULL;
	if (ec != EC_OK)
		return ec;
	a = auth_new(setup, before);
	ec = spa_open(&a->setup, before ? before->spa : NULL, &a->spa, e);
	if (ec == EC_OK) {
		allow_all(a, a->setup.mechanisms);
		ec = somebody_gets_in(a, e);
	}
	if (ec != EC_OK) {
		auth_unref(&a);
		return ec;
	}
	for (unsigned has = 0; has < MECH_NEEDS; has++)
		a->listed[has] = list_for(a, has);
	*out = a;
	return EC_OK;
}

struct auth *auth_ref(struct auth *a)
{
	atomic_fetch_add(&a->refs, 1);
	return a;
}

void auth_unref(struct auth **pp)
{
	struct auth *a = *pp;

	*pp = NULL;
	if (!a || atomic_fetch_sub(&a->refs, 1) > 1)
		return;
	penalty_unref(&a->penalty);
	scram_unref(&a->scram);
	cache_unref(&a->cache);
	spa_unref(&a->spa);
	share_unref(&a->setup.share);
	arena_drop(&a->mem);
	free(a);
}

void auth_forget(struct auth *a, const struct name *who)
{
	cache_forget(a->cache, who);
}

unsigned auth_has(const struct auth *a, const struct auth_facts *f)
{
	unsigned has = 0;

	if ((f->secure || f->clear_ok) && !a->setup.spa_required)
		has |= MECH_CLEAR;
	if (f->cert_name)
		has |= MECH_CERT;
	if (f->binding_name)
		has |= MECH_BINDING;
	if (f->secure)
		has |= MECH_TLS;
	return has;
}

const struct offer *auth_offer(const struct auth *a, const char *name)
{
	bool plus;
	const struct mech *m = mech_find(name, strlen(name), &plus);

	for (size_t i = 0; m && i < a->n_offers; i++) {
		if (a->offers[i].mech == m && a->offers[i].plus == plus)
			return &a->offers[i];
	}
	return NULL;
}

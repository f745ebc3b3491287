/* spa.c - who proves NTLM responses, and under which names.
 *
 * Hashes are used only when the settings ask for them: whose hash is missing or old would be kept from
 * the mechanisms that he can use. winbind is only asked about accounts that are the same people: those
 * of the password file are nobody in any domain, and those of OpenLDAP are what an administrator says
 * they are - a host that happens to be in a domain must not let kim of that domain in as our kim.
 */
#include <assert.h>
#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/spa.h"
#include "server/auth/winbind.h"
#include "server/base/mem.h"

struct spa {
	atomic_uint refs;
	enum spa_kind kind;
	enum ntlm_level level;
	enum binding_rule binding;
	char domain[SPA_NETBIOS_MAX + 1]; /* as set */
	struct spa_names names;           /* SPA_WINBIND: what winbind does not say */
	struct winbind *winbind;
	unsigned timeout_ms; /* its */
};

/* ---- names ---- */

/* In capitals, cut to fit: NetBIOS knows no longer ones. */
static void netbios(char to[SPA_NETBIOS_MAX + 1], const char *from)
{
	size_t n = 0;

	for (; n < SPA_NETBIOS_MAX && from[n] && from[n] != '.'; n++)
		to[n] = (char)toupper((unsigned char)from[n]);
	to[n] = 0;
}

/* "mail.example.com": computer MAIL of domain EXAMPLE. */
static void name_after_host(struct spa_names *n, const char *host, const char *domain)
{
	const char *dot = strchr(host, '.');
	const char *rest = dot ? dot + 1 : "";

	netbios(n->nb_computer, host);
	netbios(n->nb_domain, *domain ? domain : *rest ? rest : host);
	snprintf(n->dns_computer, sizeof(n->dns_computer), "%s", host);
	snprintf(n->dns_domain, sizeof(n->dns_domain), "%s", rest);
}

enum ec spa_names(struct spa *s, struct spa_names *out, struct err *e)
{
	enum ec ec;

	*out = s->names;
	if (s->kind != SPA_WINBIND)
		return EC_OK;
	ec = winbind_names(s->winbind, out, e);
	memcpy(out->dns_computer, s->names.dns_computer, sizeof(out->dns_computer));
	return ec;
}

/* ---- which kind ---- */

static enum ec take_winbind(struct spa *s, const struct auth_setup *setup, const struct spa *before,
			    struct err *e)
{
	enum ec ec = EC_OK;

	if (before && before->winbind && before->timeout_ms == setup->spa.timeout_ms)
		s->winbind = winbind_ref(before->winbind);
	else
		ec = winbind_open(setup->spa.timeout_ms, &s->winbind, e);
	if (ec == EC_OK)
		s->kind = SPA_WINBIND;
	return ec;
}

static bool hashes(const struct auth_setup *setup)
{
	return setup->accounts->reveals & 1u << SECRET_NT_HASH;
}

/* Whatever is there; nothing is no error. What was there at the last reload is there: winbindd may just be starting again,
 * and then it is "later" for whoever signs in, not the end of SPA. */
static void find_out(struct spa *s, const struct auth_setup *setup, const struct spa *before,
		     struct err *e)
{
	struct spa_names names;

	if (setup->accounts->ops->rule == NAME_DIRECTORY && !setup->of_domain) {
		err_set(e, EC_ABSENT,
			"this directory's people are not known to be those of a domain: set spa = "
			"hash or winbind");
		return;
	}
	if (take_winbind(s, setup, before, e) == EC_OK &&
	    (spa_kind(before) == SPA_WINBIND || spa_names(s, &names, e) == EC_OK))
		return;
	s->kind = SPA_OFF;
	winbind_unref(&s->winbind);
}

static enum ec settle(struct spa *s, const struct auth_setup *setup, const struct spa *before,
		      struct err *e)
{
	/* Its accounts are in no domain and keep no hashes. What is set is for the directory that they are on their way to. */
	if (setup->accounts->ops->rule == NAME_FILE)
		return EC_OK;
	switch (setup->spa.kind) {
	case SPA_AUTO: find_out(s, setup, before, e); return EC_OK;
	case SPA_HASH:
		if (!hashes(setup))
			return err_set(e, EC_USAGE,
				       "spa = hash: these accounts keep no NT hashes; set spa = "
				       "winbind or off");
		s->kind = SPA_HASH;
		return EC_OK;
	case SPA_WINBIND: return take_winbind(s, setup, before, e);
	case SPA_OFF: break;
	}
	return EC_OK;
}

static void tell(const struct spa *s, const struct auth_setup *setup, const struct err *e)
{
	static const char *const words[] = {
		[SPA_OFF] = "off",
		[SPA_HASH] = "hash",
		[SPA_WINBIND] = "winbind",
	};

	bool possible = setup->accounts->ops->rule != NAME_FILE; /* else nobody asked for it */

	if (setup->log && setup->spa.kind == SPA_AUTO && possible)
		log_event(setup->log, LV_INFO, "spa", KV("kind", words[s->kind]),
			  KV("why", s->kind == SPA_OFF ? e->text : NULL));
}

enum ec spa_open(const struct auth_setup *setup, const struct spa *before, struct spa **out,
		 struct err *e)
{
	struct spa *s = mem_new(sizeof(*s));
	struct err why = { 0 };
	enum ec ec;

	atomic_init(&s->refs, 1);
	s->kind = SPA_OFF;
	s->level = setup->spa.level;
	s->binding = setup->spa.binding;
	s->timeout_ms = setup->spa.timeout_ms;
	netbios(s->domain, setup->spa.domain ? setup->spa.domain : "");
	name_after_host(&s->names, setup->hostname, s->domain);
	ec = settle(s, setup, before, &why);
	tell(s, setup, &why);
	if (ec != EC_OK) {
		ec = err_set(e, EC_USAGE, "%s", why.text);
		spa_unref(&s);
	}
	*out = s;
	return ec;
}

struct spa *spa_ref(struct spa *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void spa_unref(struct spa **pp)
{
	struct spa *s = *pp;

	*pp = NULL;
	if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	winbind_unref(&s->winbind);
	free(s);
}

enum spa_kind spa_kind(const struct spa *s)
{
	return s ? s->kind : SPA_OFF;
}

enum ntlm_level spa_level(const struct spa *s)
{
	return s->level;
}

enum binding_rule spa_binding(const struct spa *s)
{
	return s->binding;
}

const char *spa_domain(const struct spa *s)
{
	return s->domain;
}

struct winbind *spa_winbind(const struct spa *s)
{
	return s->winbind;
}

/* spa.h - who proves an NTLM response in this process: the NT hashes of the accounts, or winbind.
 *
 * Settled once, when a configuration is opened: the kind ("auto" is winbind or off) and, for hashes, the
 * names that our challenges carry. A client signs those names; a domain controller that is asked by
 * winbind wants to find in them the very host and domain whose secure channel the question came
 * through, so with winbind they are winbind's own and nobody's choice.
 * Thread: spa_open: main, may wait for winbind up to its deadline; spa_ref, spa_unref and the rest:
 * any; spa_names may block. Owner: setup is lent for the call only.
 */
#pragma once
#include "server/auth/auth.h"
#include "server/base/err.h"

struct spa;
struct winbind;

#define SPA_NETBIOS_MAX 15
struct spa_names {
	char nb_domain[SPA_NETBIOS_MAX + 1], nb_computer[SPA_NETBIOS_MAX + 1];
	char dns_domain[NAME_DOMAIN_MAX + 1], dns_computer[NAME_DOMAIN_MAX + 1];
};

/* Reads setup->spa, ->hostname, ->accounts, ->of_domain and ->log. before: the one of the configuration
 * that goes, whose winbind is shared if its deadline is the same, or NULL. Never fails for SPA_AUTO: if nobody can prove
 * anything, spa_kind is SPA_OFF. EC_USAGE: spa = hash or winbind, and that cannot be. */
enum ec spa_open(const struct auth_setup *setup, const struct spa *before, struct spa **out,
		 struct err *e);
struct spa *spa_ref(struct spa *s);
void spa_unref(struct spa **s);

enum spa_kind spa_kind(const struct spa *s); /* SPA_OFF, SPA_HASH or SPA_WINBIND; of NULL: off */
enum ntlm_level spa_level(const struct spa *s);
enum binding_rule spa_binding(const struct spa *s);
struct winbind *spa_winbind(const struct spa *s); /* lent; NULL unless SPA_WINBIND */
/* NetBIOS name of the domain whose people the accounts are, if the settings say so; "" = winbind's own. */
const char *spa_domain(const struct spa *s);
/* EC_TEMP: winbind is away, and with it the names. */
enum ec spa_names(struct spa *s, struct spa_names *out, struct err *e);

/* inside.h - struct auth as auth.c makes it and login.c reads it. Private to this folder.
 *
 * Nothing in it changes after auth_open, so logins on many threads read it without a lock.
 */
#pragma once
#include <stdatomic.h>
#include "server/auth/attempt.h"
#include "server/auth/auth.h"
#include "server/auth/cache.h"
#include "server/auth/penalty.h"
#include "server/auth/scram.h"
#include "server/auth/spa.h"
#include "server/base/arena.h"

#define OFFERS_MAX 16

struct offer {
	const struct mech *mech;
	const char *name;
	bool plus;
	unsigned needs; /* enum mech_need bits */
};

struct auth {
	atomic_uint refs;
	struct arena *mem;
	struct auth_setup setup; /* strings in mem */
	struct log log;
	struct penalty *penalty;
	struct scram *scram;
	struct cache *cache;
	uint64_t whose; /* counts the accounts of this process: another number, other accounts */
	struct spa *spa;
	struct offer offers[OFFERS_MAX]; /* in the order of the settings */
	size_t n_offers;
	const char *listed[MECH_NEEDS]; /* their names, by what a connection has */
};

/* What a connection has, in enum mech_need bits. */
unsigned auth_has(const struct auth *a, const struct auth_facts *f);
const struct offer *auth_offer(const struct auth *a, const char *name); /* NULL: not on the list */

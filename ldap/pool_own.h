/* pool_own.h - what the pool's two halves share: pool.c lends connections, poolkeep.c watches servers. Private to ldap/.
 *
 * Functions named _locked are called with the mutex held.
 */
#pragma once
#include <pthread.h>
#include "ldap/places.h"
#include "ldap/pool.h"
#include "ldap/servers.h"

struct lease {
	struct dir_conn *c;
	bool service;
	bool busy; /* lent, or being opened */
	struct lease *next;
};

struct pool {
	struct link_setup setup;
	const struct log *log;
	unsigned most;

	/* Guards what follows up to `places`; never held while something waits for the network. It is not net/work's because what
	 * is waited for here is a connection, by threads that may be workers or a program's only one. */
	pthread_mutex_t lock;
	pthread_cond_t changed[2];  /* [service]: a connection came back, or a server changed */
	pthread_cond_t keeper_cond; /* the keeper has something to do */
	struct servers *servers;
	struct lease *first;
	unsigned n_open[2]; /* [service]; busy ones and idle ones */
	bool closing;
	bool keeper_runs;
	pthread_t keeper;
	struct dir_conn *probe; /* that the keeper is opening */
	bool found;             /* places were looked up once */
	bool dns_failed;
	uint64_t refresh_ms; /* when to look them up again; SERVERS_NONE: never */
	char why[240];       /* no server is known, because */

	/* Guards places: a look-up at a time. Taken before `lock`. */
	pthread_mutex_t places_lock;
	struct places *places;
};

/* ---- poolkeep.c ---- */

/* It does not work: aside with it, and what runs there ends if it fell silent. */
void pool_server_failed(struct pool *p, const struct dir_conn *c, const struct err *why);
/* Looks for servers if nobody has yet; others wait for whoever does. */
void pool_find_servers(struct pool *p);
/* What places has is the list now; rc: of the look-up. */
void pool_note_places_locked(struct pool *p, enum ec rc, const struct err *why);
/* False: no thread to be had just now. */
bool pool_start_keeper_locked(struct pool *p);
void pool_stop_keeper(struct pool *p);

/* ---- pool.c ---- */

void pool_wake_all_locked(struct pool *p);
/* A connection that the keeper has opened, for use. False: there are enough. */
bool pool_adopt_locked(struct pool *p, struct dir_conn *c);

/* caretaker.c - the thread on which upkeep happens, and what it finds out for those who have not signed in.
 *
 * A thread of its own and no job: a pass takes as long as there are mailboxes, and one of the workers that sessions wait for
 * would be missing for all that time. It runs as soon as the service starts and whenever the settings were read again, and in
 * between rests for as long as upkeep.h says.
 *
 * It works with the backends that the keeper has handed to it, and holds a reference to them. Handing over new ones breaks the
 * pass off: a pass over backends that were retired would keep them open, and what it finds out is about yesterday. This is the
 * one place in the program itself with a mutex: it guards the hand-over, nothing else, and no one ever waits in it.
 *
 * The rules for expiry that CAPA tells strangers are read from a mail root at once, on the keeper - a look at a directory, and the
 * service is not ready without knowing. Where the domains are in an LDAP directory, which may be away, the keeper does not wait:
 * nothing is said until this thread has asked.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/catalog/expire.h"
#include "server/main/winpopd.h"
#include "server/upkeep/upkeep.h"

/* What it looks after. */
struct ground {
	struct backends *backends;
	struct share *share; /* what keeps them open; NULL: nothing was handed over */
	struct conf *conf;
	unsigned number; /* counts hand-overs */
};

struct caretaker {
	struct winpopd *w;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t bell;
	struct ground given; /* under the lock, until it is taken over */
	bool ending;         /* under the lock */
	atomic_bool stop;    /* the present pass is to give up */
	unsigned n_given;    /* the keeper's */
};

static void put_away(struct ground *g)
{
	share_unref(&g->share);
	conf_unref(&g->conf);
	*g = (struct ground){ 0 };
}

/* ---- on its thread ---- */

static struct timespec from_now(uint64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* Rests until it is time, or something new was handed over. false: the end. */
static bool rest(struct caretaker *c, struct ground *g, uint64_t ms)
{
	struct timespec until = from_now(ms);
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	while (!c->ending && !c->given.share && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&c->bell, &c->lock, &until);
	struct ground before = *g;
	bool is_new = c->given.share != NULL;
	if (is_new) {
		*g = c->given;
		c->given = (struct ground){ 0 };
		atomic_store(&c->stop, c->ending);
	}
	bool go = !c->ending;
	pthread_mutex_unlock(&c->lock);
	if (is_new)
		put_away(&before);
	return go;
}

struct news { /* brings rules to the keeper */
	struct job job;
	struct winpopd *w;
	unsigned number;
	struct expire_rules rules;
};

static void take_news(struct job *j);

static void tell_rules(struct caretaker *c, const struct ground *g)
{
	struct news *n = mem_new(sizeof(*n));
	struct expire_rules r;
	struct err why;

	upkeep_rules(g->backends->catalog, g->conf, &r, &why); /* the pass tells of its trouble */
	*n = (struct news){ .job = { .home = c->w->keeper, .done = take_news },
			    .w = c->w,
			    .number = g->number,
			    .rules = r };
	loop_post(c->w->keeper, &n->job);
}

/* A day that found nobody, in a mail root that is not mounted perhaps, was none. */
static void end_day(const struct upkeep *u, const struct upkeep_result *r)
{
	struct err why;

	if (atomic_load(u->stop) || r->mailboxes == 0)
		return;
	if (upkeep_done(u, &why) != EC_OK)
		log_event(u->log, LV_WARN, "upkeep-trouble", KV("class", ec_name(why.class)),
			  KV("text", why.text));
}

/* Returns how long to rest. */
static uint64_t look_after(struct caretaker *c, const struct ground *g)
{
	const struct upkeep u = { .catalog = g->backends->catalog,
				  .store = g->backends->store,
				  .root = g->backends->root,
				  .conf = g->conf,
				  .log = &c->w->log,
				  .stop = &c->stop };
	uint64_t began_ms = clock_mono_ms();
	struct upkeep_result r;

	tell_rules(c, g);
	bool due = upkeep_due(&u);
	upkeep_pass(&u, due, &r);
	if (due)
		end_day(&u, &r);
	return upkeep_pause_ms(g->conf, clock_mono_ms() - began_ms);
}

static void *run(void *ctx)
{
	struct caretaker *c = ctx;
	struct ground g = { 0 };
	uint64_t ms = 0;

	while (rest(c, &g, ms))
		ms = look_after(c, &g);
	put_away(&g);
	return NULL;
}

/* ---- on the keeper ---- */

static void take_rules(struct winpopd *w, const struct expire_rules *r)
{
	w->expire_days = r->least;
	w->expire_differs = r->differ;
}

static void tell_strangers(struct winpopd *w)
{
	struct setups s;

	session_setups(w, &s);
	pop3_setup(w->pop3, &s.pop3);
}

static void take_news(struct job *j)
{
	struct news *n = (struct news *)j;
	struct winpopd *w = n->w;
	bool is_late = !w->caretaker || n->number != w->caretaker->n_given;

	if (!is_late &&
	    (w->expire_days != n->rules.least || w->expire_differs != n->rules.differ)) {
		take_rules(w, &n->rules);
		tell_strangers(w);
	}
	free(n);
}

void caretaker_rules(struct winpopd *w)
{
	struct expire_rules r = { .least = EXPIRE_UNSET };
	struct err why;

	if (w->conf->catalog == CATALOG_LOCAL)
		upkeep_rules(w->backing->backends.catalog, w->conf, &r, &why);
	take_rules(w, &r);
}

void caretaker_look(struct winpopd *w)
{
	struct caretaker *c = w->caretaker;
	struct ground now = { .backends = &w->backing->backends,
			      .share = share_ref(&w->backing->share),
			      .conf = conf_ref(w->conf),
			      .number = ++c->n_given };

	pthread_mutex_lock(&c->lock);
	struct ground unused = c->given;
	c->given = now;
	atomic_store(&c->stop, true);
	pthread_cond_signal(&c->bell);
	pthread_mutex_unlock(&c->lock);
	put_away(&unused);
}

void caretaker_look_again(struct winpopd *w)
{
	caretaker_rules(w);
	tell_strangers(w);
	caretaker_look(w);
}

static enum ec start_thread(struct caretaker *c, struct err *e)
{
	sigset_t all, before;

	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	errno = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (errno != 0)
		return err_sys(e, "cannot start the upkeep thread");
	pthread_setname_np(c->thread, "upkeep");
	return EC_OK;
}

static void drop(struct caretaker *c)
{
	put_away(&c->given);
	pthread_cond_destroy(&c->bell);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

enum ec caretaker_start(struct winpopd *w, struct err *e)
{
	struct caretaker *c = mem_new(sizeof(*c));
	pthread_condattr_t attr;

	c->w = w;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->bell, &attr);
	pthread_condattr_destroy(&attr);
	w->caretaker = c;
	caretaker_look(w);
	enum ec rc = start_thread(c, e);
	if (rc == EC_OK)
		return EC_OK;
	c->w->caretaker = NULL;
	drop(c);
	return rc;
}

void caretaker_stop(struct winpopd *w)
{
	struct caretaker *c = w->caretaker;

	pthread_mutex_lock(&c->lock);
	c->ending = true;
	atomic_store(&c->stop, true);
	pthread_cond_signal(&c->bell);
	pthread_mutex_unlock(&c->lock);
}

void caretaker_end(struct winpopd *w)
{
	struct caretaker *c = w->caretaker;

	if (!c)
		return;
	caretaker_stop(w);
	pthread_join(c->thread, NULL);
	w->caretaker = NULL;
	drop(c);
}

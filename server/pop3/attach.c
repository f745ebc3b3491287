/* attach.c - the POP3 service: who may come in, with which settings, and how it ends.
 *
 * A connection is served by the loop that accepted it, or dealt to the loops in turn. Everything about it happens on its loop:
 * reload, drain and kick are posted there as jobs, so there is no lock and no half-changed setting. What is one for all loops -
 * slots, addresses, login delays - guards itself; plain counts are atomic.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/pop3/link.h"

#define DELAY_PLACES (1u << 16)

/* ---- settings ---- */

struct set *set_new(const struct pop3_setup *with)
{
	struct set *s = mem_new(sizeof(*s));
	const struct conf *c = with->conf;

	s->refs = 1;
	s->with = *with;
	s->with.conf = conf_ref(with->conf);
	s->with.tls = with->tls ? tls_ref(with->tls) : NULL;
	s->with.auth = auth_ref(with->auth);
	s->with.share = share_ref(with->share);
	s->policy = (struct p3_policy){
		.hostname = c->hostname,
		.implementation = "winpop-" WINPOP_VERSION,
		.stls_offered = with->tls != NULL,
		.login_delay_s = c->login_delay_s,
		.expire_days = with->expire_days,
		.expire_differs = with->expire_differs,
		.kerberos = c->keytab[0] != '\0',
		.spa_only = c->sparequired,
		.ntlm_plus_ok = c->ntlm_legacy_ok,
	};
	return s;
}

struct set *set_ref(struct set *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void set_unref(struct set **ps)
{
	struct set *s = *ps;

	*ps = NULL;
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	auth_unref(&s->with.auth);
	share_unref(&s->with.share);
	tls_unref(&s->with.tls);
	conf_unref(&s->with.conf);
	free(s);
}

/* ---- something to be done on every loop ---- */

struct errand {
	struct job job;
	struct side *at;
	void (*fn)(struct errand *r);
	struct set *set; /* new settings */
	struct name who; /* kick */
	bool all;
	int fd; /* arrival */
	bool implicit_tls;
	struct sockaddr_storage sa;
	socklen_t sa_len;
};

static void errand_done(struct job *j)
{
	struct errand *r = (struct errand *)j;

	r->fn(r);
	free(r);
}

static void send_errand(struct side *at, const struct errand *what)
{
	struct errand *r = mem_new(sizeof(*r));

	*r = *what;
	r->at = at;
	r->job = (struct job){ .home = at->loop, .done = errand_done };
	loop_post(at->loop, &r->job);
}

static void send_everywhere(struct pop3 *p, const struct errand *what)
{
	for (unsigned i = 0; i < p->n_sides; i++)
		send_errand(&p->sides[i], what);
}

static void take_set(struct errand *r)
{
	set_unref(&r->at->set);
	r->at->set = r->set;
}

/* ---- begin and end of the service ---- */

struct pop3 *pop3_new(struct loop **loops, unsigned n_loops, struct pop3_work work,
		      const struct pop3_setup *setup, const struct log *log)
{
	const struct conf *c = setup->conf;
	struct pop3 *p = mem_new(sizeof(*p));

	*p = (struct pop3){ .n_sides = n_loops, .work = work, .log = log };
	p->sid_base = (uint64_t)clock_wall_s() << 20;
	p->slots = slots_new(c->socketmax, c->socketmin, c->socketbacklog, c->socketthreshold);
	/* One address may fill half the house with strangers, no more. */
	p->throttle = throttle_new(c->socketmax > 3 ? c->socketmax / 2 : 2);
	p->delay = delay_new(DELAY_PLACES);
	p->sides = mem_new(n_loops * sizeof(*p->sides));
	for (unsigned i = 0; i < n_loops; i++)
		p->sides[i] = (struct side){
			.p = p, .loop = loops[i], .set = set_new(setup), .links = table_new()
		};
	return p;
}

void pop3_setup(struct pop3 *p, const struct pop3_setup *setup)
{
	const struct conf *c = setup->conf;

	slots_set(p->slots, c->socketmax, c->socketmin, c->socketbacklog, c->socketthreshold);
	for (unsigned i = 0; i < p->n_sides; i++)
		send_errand(&p->sides[i],
			    &(struct errand){ .fn = take_set, .set = set_new(setup) });
}

static void bury(void *ctx, void *item)
{
	struct link *l = item;

	(void)ctx;
	answer_abandon(l);
	link_bury(l);
}

void pop3_free(struct pop3 **pp)
{
	struct pop3 *p = *pp;

	*pp = NULL;
	if (!p)
		return;
	p->work = (struct pop3_work){ NULL, NULL }; /* they have finished and gone before us */
	atomic_store(&p->idle_told, true);
	for (unsigned i = 0; i < p->n_sides; i++) {
		table_each(p->sides[i].links, bury, NULL);
		table_free(&p->sides[i].links);
		set_unref(&p->sides[i].set);
	}
	slots_free(&p->slots);
	throttle_free(&p->throttle);
	delay_free(&p->delay);
	free(p->sides);
	free(p);
}

/* ---- drain ---- */

static void tell_idle(struct errand *r)
{
	struct pop3 *p = r->at->p;

	if (p->idle)
		p->idle(p->idle_ctx);
}

static void look_if_idle(struct pop3 *p)
{
	if (!atomic_load(&p->draining) || atomic_load(&p->n_links))
		return;
	if (!atomic_exchange(&p->idle_told, true))
		send_errand(&p->sides[0], &(struct errand){ .fn = tell_idle });
}

void pop3_link_gone(struct pop3 *p)
{
	atomic_fetch_sub(&p->n_links, 1);
	look_if_idle(p);
}

static void drain_one(void *ctx, void *item)
{
	struct link *l = item;

	(void)ctx;
	if (!l->signed_in)
		link_end(l, P3_END_STOP);
}

static void drain_side(struct errand *r)
{
	table_each(r->at->links, drain_one, NULL);
	look_if_idle(r->at->p);
}

void pop3_drain(struct pop3 *p, void (*idle)(void *ctx), void *ctx)
{
	p->idle = idle;
	p->idle_ctx = ctx;
	atomic_store(&p->draining, true);
	send_everywhere(p, &(struct errand){ .fn = drain_side });
}

/* ---- kick ---- */

static bool means(const struct errand *r, const struct name *who)
{
	if (r->all)
		return true;
	return name_is_domain(&r->who) ? !strcmp(r->who.domain, who->domain)
				       : name_equal(&r->who, who);
}

static void kick_one(void *ctx, void *item)
{
	const struct errand *r = ctx;
	struct link *l = item;
	struct p3_totals t;

	if (l->signed_in)
		p3_totals(l->engine, &t);
	if (r->all || (l->signed_in && means(r, &t.who)))
		link_end(l, P3_END_KICK);
	else if (!l->signed_in && l->asking)
		l->doubted = true;
}

static void kick_side(struct errand *r)
{
	table_each(r->at->links, kick_one, r);
}

void pop3_kick(struct pop3 *p, const struct name *who)
{
	struct errand r = { .fn = kick_side, .all = !who };

	if (who)
		r.who = *who;
	send_everywhere(p, &r);
}

/* ---- arrival ---- */

static void arrive(struct side *at, int fd, const struct sockaddr *sa, socklen_t len,
		   bool implicit_tls)
{
	if (atomic_load(&at->p->draining)) {
		close(fd);
		pop3_link_gone(at->p);
		return;
	}
	link_arrive(at, fd, sa, len, implicit_tls);
}

static void arrive_there(struct errand *r)
{
	arrive(r->at, r->fd, (const struct sockaddr *)&r->sa, r->sa_len, r->implicit_tls);
}

static void send_there(struct side *at, int fd, const struct sockaddr *sa, socklen_t len,
		       bool implicit_tls)
{
	struct errand r = {
		.fn = arrive_there, .fd = fd, .implicit_tls = implicit_tls, .sa_len = len
	};

	assert(len <= sizeof(r.sa));
	memcpy(&r.sa, sa, len);
	send_errand(at, &r);
}

static struct side *side_of(struct pop3 *p, const struct loop *loop)
{
	for (unsigned i = 0; loop && i < p->n_sides; i++)
		if (p->sides[i].loop == loop)
			return &p->sides[i];
	return NULL;
}

void pop3_accept(struct pop3 *p, const struct loop *here, int fd, const struct sockaddr *sa,
		 socklen_t len, bool implicit_tls)
{
	struct side *at = side_of(p, here);

	atomic_fetch_add(&p->n_links, 1);
	atomic_fetch_add(&p->n_total, 1);
	if (at) {
		arrive(at, fd, sa, len, implicit_tls);
		return;
	}
	at = &p->sides[atomic_fetch_add(&p->next_side, 1) % p->n_sides];
	send_there(at, fd, sa, len, implicit_tls);
}

void pop3_now(struct pop3 *p, struct pop3_now *out)
{
	*out = (struct pop3_now){
		.sessions = atomic_load(&p->n_links),
		.signed_in = atomic_load(&p->n_signed_in),
		.total = atomic_load(&p->n_total),
	};
	slots_now(p->slots, &out->slots);
}

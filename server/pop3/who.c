/* who.c - a look travels: to a session's loop, where it writes down what it sees, and home again. */
#include <stdlib.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/pop3/link.h"
#include "server/pop3/who.h"

static bool is_meant(const struct pop3_look *look, const struct link *l, const struct p3_totals *t)
{
	if (look->everybody)
		return true;
	if (!l->signed_in)
		return false;
	return name_is_domain(&look->who) ? !strcmp(look->who.domain, t->who.domain)
					  : name_equal(&look->who, &t->who);
}

static void note(struct pop3_session *s, const struct link *l, const struct p3_totals *t)
{
	struct conn_tls_info tls;

	conn_tls_info(l->conn, &tls);
	*s = (struct pop3_session){
		.at = { (unsigned)(l->at - l->at->p->sides), l->ref.slot },
		.tls = tls.on,
		.born_ms = clock_mono_ms() - l->born_ms,
		.idle_ms = conn_idle_ms(l->conn),
		.n_retr = t->n_retr,
		.n_dele = t->n_dele,
		.octets_out = conn_n_out(l->conn),
	};
	strcpy(s->sid, l->sid);
	peer_text((const struct sockaddr *)&l->sa, l->sa_len, s->peer);
	if (!l->signed_in)
		return;
	s->who = t->who;
	strncpy(s->mech, t->mech ? t->mech : "", sizeof(s->mech) - 1);
}

static void see(void *ctx, void *item)
{
	struct pop3_look *look = ctx;
	const struct link *l = item;
	struct p3_totals t = { 0 };

	if (l->phase ==
	    LINK_CLOSED) /* its address is free again; only a job has still to come back */
		return;
	if (l->engine)
		p3_totals(l->engine, &t);
	if (is_meant(look, l, &t))
		note(&look->found[look->n_found++], l, &t);
}

static void come_home(struct job *j)
{
	struct pop3_look *look = (struct pop3_look *)j;

	look->done(look);
}

static void look_around(struct job *j)
{
	struct pop3_look *look = (struct pop3_look *)j;
	struct side *side = &look->pop3->sides[look->from.side];

	look->found = mem_new(look->n_slots * sizeof(*look->found));
	look->more = table_some(side->links, &look->from.slot, look->n_slots, see, look);
	if (!look->more) {
		look->from = (struct pop3_at){ .side = look->from.side + 1 };
		look->more = look->from.side < look->pop3->n_sides;
	}
	look->job = (struct job){ .home = look->home, .done = come_home };
	loop_post(look->home, &look->job);
}

void pop3_look(struct pop3 *p, struct pop3_look *look)
{
	struct side *side = look->from.side < p->n_sides ? &p->sides[look->from.side] : NULL;

	look->pop3 = p;
	/* No such loop: the service was started anew since the look before. Nobody is there. */
	look->job = side ? (struct job){ .home = side->loop, .done = look_around }
			 : (struct job){ .home = look->home, .done = come_home };
	loop_post(look->job.home, &look->job);
}

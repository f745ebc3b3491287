/* backing.c - the backends in use, and those that only older sessions use still.
 *
 * A reload that means other backends opens them beside the present ones, which are retired: sessions, deliveries and sign-ins
 * that began with them hold them until they end. What is open twice meanwhile does not get in its own way: claims and the
 * index are locks on open files, which hold between two stores of one process as between two processes.
 *
 * Closing may wait - for a thread that knocks at a server, for a goodbye to another one - so it is no business of whichever
 * event loop ends the last session. The keeper looks after the retired ones now and then (a look costs nothing, and there is one
 * only while there are any) and has a worker close those that nobody holds but itself. Being told by whoever lets go last was
 * rejected: that takes a message between threads, which must still find its way while the service stops.
 */
#include <stddef.h>
#include <stdlib.h>
#include "server/base/clock.h"
#include "server/base/mem.h"
#include "server/main/winpopd.h"

#define LOOK_MS 1000

static const char *const method_name[] = {
	[AUTHN_AD] = "ad",
	[AUTHN_LOCAL] = "local",
	[AUTHN_FILE] = "file",
};

const char *backing_method(const struct backing *b)
{
	return method_name[b->conf->authentication];
}

static void destroy(struct backing **pb)
{
	struct backing *b = *pb;

	*pb = NULL;
	if (!b)
		return;
	backends_close(&b->backends);
	conf_unref(&b->conf);
	free(b);
}

/* Damage would else come to light at the next start, when nobody can sign in. */
static enum ec look_at_keys(struct backing *b, struct err *e)
{
	return b->backends.ring ? keyring_check(b->backends.ring, e) : EC_OK;
}

enum ec backing_open(struct winpopd *w, struct conf *c, struct backing **out, struct err *e)
{
	*out = w->backing;
	if (w->backing && conf_same_backends(w->backing->conf, c))
		return look_at_keys(w->backing, e);
	struct backing *b = mem_new(sizeof(*b));

	share_begin(&b->share);
	b->w = w;
	b->conf = conf_ref(c);
	enum ec rc = backends_open(c, NULL, &w->log, &b->backends, e);
	if (rc != EC_OK)
		destroy(&b);
	*out = b;
	return rc;
}

void backing_drop(struct winpopd *w, struct backing **b)
{
	if (*b == w->backing)
		*b = NULL;
	destroy(b);
}

/* ---- the retired ---- */

static void run_closing(struct job *j)
{
	struct backing *b = (struct backing *)((char *)j - offsetof(struct backing, closing));

	backends_close(&b->backends);
}

static void closed(struct job *j)
{
	struct backing *b = (struct backing *)((char *)j - offsetof(struct backing, closing));
	struct winpopd *w = b->w;
	struct backing **at = &w->retired;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	log_event(&w->log, LV_INFO, "backends-closed", KV("authentication", backing_method(b)),
		  KV_U("ms", clock_mono_ms() - b->retired_ms));
	destroy(&b);
}

static void look(void *ctx);

static void look_later(struct winpopd *w)
{
	if (w->retired && !w->look_timer)
		timer_set(w->keeper, &w->look_timer, LOOK_MS, look, w);
}

static void look(void *ctx)
{
	struct winpopd *w = ctx;

	for (struct backing *b = w->retired; b; b = b->next) {
		if (b->is_closing || !share_alone(&b->share))
			continue;
		b->closing = (struct job){ .home = w->keeper, .run = run_closing, .done = closed };
		/* All workers busy and the queue full: at the next look. */
		b->is_closing = work_submit(w->deliver_work, &b->closing) == EC_OK;
	}
	look_later(w);
}

void backing_swap(struct winpopd *w, struct backing *now)
{
	struct backing *before = w->backing;

	if (before == now)
		return;
	w->backing = now;
	log_event(&w->log, LV_INFO, "backends", KV("authentication", backing_method(now)),
		  KV("before", backing_method(before)));
	before->retired_ms = clock_mono_ms();
	before->next = w->retired;
	w->retired = before;
	look_later(w);
}

unsigned backing_retired(const struct winpopd *w)
{
	unsigned n = 0;

	for (const struct backing *b = w->retired; b; b = b->next)
		n++;
	return n;
}

void backing_end(struct winpopd *w)
{
	destroy(&w->backing);
	while (w->retired) {
		struct backing *b = w->retired;
		w->retired = b->next;
		destroy(&b);
	}
}

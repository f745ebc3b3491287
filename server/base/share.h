/* share.h - how many use something that its maker puts away.
 *
 * Embedded in the thing. Its maker begins with a reference and keeps it until it is the only one: so the thing is
 * never put away by whoever happens to let go last - an event loop perhaps, where putting away might wait - but by its maker,
 * when and where that may take its time. Once the maker gives it to nobody any more, alone stays alone.
 * Thread: any.
 */
#pragma once
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct share {
	atomic_uint refs;
};

static inline void share_begin(struct share *s)
{
	atomic_init(&s->refs, 1);
}

/* NULL: what needs no counting, because it outlives all its users. */
static inline struct share *share_ref(struct share *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

static inline void share_unref(struct share **ps)
{
	struct share *s = *ps;

	*ps = NULL;
	if (!s)
		return;
	unsigned before = atomic_fetch_sub_explicit(&s->refs, 1, memory_order_release);

	assert(before > 1); /* the maker's is not ours to drop */
	(void)before;
}

/* For the maker: true, and what the others did with it is done. */
static inline bool share_alone(const struct share *s)
{
	return atomic_load_explicit(&s->refs, memory_order_acquire) == 1;
}

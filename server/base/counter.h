/* counter.h - numbers that many threads add to and metrics read. Relaxed order: exact, not
 * instantaneous. */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

struct counter {
	_Atomic uint64_t n;
};
static inline void counter_add(struct counter *c, uint64_t by)
{
	atomic_fetch_add_explicit(&c->n, by, memory_order_relaxed);
}
static inline void counter_sub(struct counter *c, uint64_t by)
{
	atomic_fetch_sub_explicit(&c->n, by, memory_order_relaxed);
}
static inline uint64_t counter_get(const struct counter *c)
{
	return atomic_load_explicit(&c->n, memory_order_relaxed);
}

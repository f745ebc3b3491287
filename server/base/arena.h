/* arena.h - memory with one lifetime.
 *
 * A session, a command, a job, a config snapshot owns one arena; dropping it wipes and frees all.
 * Out of memory ends the process. Thread: one at a time. Nothing is freed singly.
 */
#pragma once
#include <stddef.h>

struct arena;

struct arena *arena_new(const char *what, size_t first_bytes);
void *arena_alloc(struct arena *a, size_t n_bytes);          /* zeroed, aligned for any type */
char *arena_str(struct arena *a, const char *p, size_t len); /* copy, NUL added */
char *arena_strz(struct arena *a, const char *z);            /* NULL gives NULL */
char *arena_fmt(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_used_bytes(const struct arena *a);
void arena_drop(struct arena **a); /* NULL is fine; nulls the pointer */

/* memory.h - recipients seen before, so that their mail is taken while the directory is away. Private to ldap/.
 *
 * Bounded in number (who was not seen for longest goes first) and in time (what was seen longer ago is not told any more).
 * Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/catalog/catalog.h"

struct memory;

/* life_s 0: remembers nothing. */
struct memory *memory_new(unsigned most, unsigned life_s);
void memory_free(struct memory **m);
/* asked: what was looked up; found: the mailbox it led to, another one if asked was its alias. now_ms: clock_mono_ms. */
void memory_note(struct memory *m, const struct name *asked, const struct entry *found,
		 uint64_t now_ms);
void memory_forget(struct memory *m, const struct name *asked);
bool memory_recall(struct memory *m, const struct name *asked, uint64_t now_ms, struct entry *out);

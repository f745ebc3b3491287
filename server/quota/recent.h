/* recent.h - what accounts held after this process's last delivery to them.
 *
 * For looks before a delivery, which are forecasts anyway: nearly all accounts are nowhere near their limit, and then a look
 * costs more than it tells. Bounded; what is a few seconds old counts as not known.
 * Thread: any; never blocks.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/store/quota.h"

#define RECENT_MS 10000

struct recent;

struct recent *recent_new(void);
void recent_free(struct recent **r);
void recent_keep(struct recent *r, const char *account, const struct quota_usage *holds,
		 uint64_t now_ms);
/* false: not known. */
bool recent_ask(struct recent *r, const char *account, uint64_t now_ms, struct quota_usage *out);

/* expire.h - a domain's rule for mail that was fetched: as people write it, and what it means.
 *
 * Pure. Thread: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "server/catalog/catalog.h"
#include "server/conf/conf.h"

#define EXPIRE_DAYS_MAX 36500
#define EXPIRE_TEXT_MAX 12

/* "never", or 0 to EXPIRE_DAYS_MAX days. */
bool expire_parse(const char *text, uint32_t *days);
/* "never", "default" (it has none of its own), "damaged", "30" */
const char *expire_text(uint32_t days, char out[EXPIRE_TEXT_MAX]);

/* May this be set? EC_USAGE: it is no domain, or no rule (EXPIRE_UNSET takes a rule away). */
enum ec expire_check(const struct name *n, uint32_t days, struct err *e);

/* What holds for this domain or mailbox: EXPIRE_NEVER or days; otherwise is the settings' rule. */
static inline uint32_t expire_rule(const struct entry *en, uint32_t otherwise)
{
	if (en->expire_days == EXPIRE_UNSET)
		return otherwise;
	return en->expire_days == EXPIRE_DAMAGED ? EXPIRE_NEVER : en->expire_days;
}

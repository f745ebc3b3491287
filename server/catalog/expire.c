/* expire.c - words for a rule. Anything that is not plainly a rule is none: what it decides is whether mail is deleted. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "server/catalog/expire.h"

bool expire_parse(const char *text, uint32_t *days)
{
	size_t len = strlen(text);
	uint32_t n = 0;

	*days = EXPIRE_NEVER;
	if (strcasecmp(text, "never") == 0)
		return true;
	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return false;
	for (const char *p = text; *p; p++)
		n = n * 10 + (uint32_t)(*p - '0');
	if (n > EXPIRE_DAYS_MAX)
		return false;
	*days = n;
	return true;
}

enum ec expire_check(const struct name *n, uint32_t days, struct err *e)
{
	if (!name_is_domain(n))
		return err_set(e, EC_USAGE,
			       "when mail expires is a rule of a domain, not of a mailbox");
	if (days > EXPIRE_DAYS_MAX && days != EXPIRE_NEVER && days != EXPIRE_UNSET)
		return err_set(e, EC_USAGE, "mail expires after at most %d days, or never",
			       EXPIRE_DAYS_MAX);
	return EC_OK;
}

const char *expire_text(uint32_t days, char out[EXPIRE_TEXT_MAX])
{
	switch (days) {
	case EXPIRE_NEVER: return strcpy(out, "never");
	case EXPIRE_UNSET: return strcpy(out, "default");
	case EXPIRE_DAMAGED: return strcpy(out, "damaged");
	default: snprintf(out, EXPIRE_TEXT_MAX, "%" PRIu32, days);
	}
	return out;
}

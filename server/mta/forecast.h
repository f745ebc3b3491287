/* forecast.h - what speaks against a delivery, before its message comes: a hold, or an account too full for it.
 *
 * A forecast: what cannot be told now is left to the delivery, which decides and can say "later".
 * Thread: forecast_prepare any; forecast_run a worker: it may block.
 */
#pragma once
#include "server/mta/mta.h"
#include "server/mta/policy.h"

struct forecast {
	struct name name;
	uint64_t octets;
	enum policy_action action;
	enum ec class; /* EC_OK, EC_ABSENT; else nobody could tell, and why is in err */
	struct err err;
};
/* false: the recipient cannot be a name of ours, so nothing speaks against him here. */
bool forecast_prepare(struct forecast *f, const struct policy_ask *q, enum name_rule rule);
void forecast_run(struct forecast *f, const struct mta_setup *with);

/* lookup.h - one question of the maps, answered from the catalog.
 *
 * Thread: lookup_prepare any; lookup_run a worker: it may block.
 */
#pragma once
#include "server/mta/mta.h"
#include "server/mta/socketmap.h"

struct lookup {
	struct name name;
	enum ec class; /* as sm_ask has it */
	char value[SM_VALUE_MAX + 1];
	struct err err; /* for the log */
};
/* false: the key cannot be a name of ours, so nothing is to be found. */
bool lookup_prepare(struct lookup *l, const struct sm_ask *q, enum name_rule rule);
void lookup_run(struct lookup *l, const struct mta_setup *with);

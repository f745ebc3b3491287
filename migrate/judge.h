/* judge.h - what is to be done about what stands where an account is to be, by what the journal says of it. Private to migrate/.
 * Pure. Thread: any. */
#pragma once
#include "migrate/journal.h"
#include "migrate/mig.h"

/* Has the mark that the journal says is ours. */
bool judge_is_ours(const struct journal_entry *past, const struct prospect *seen);

/* CREATE (also for the rest of one that was half-made), LINK, DONE; or, with why: CONFLICT, POLICY, FAILED (it is disabled). link: what
 * others made may be taken over; new_passwords: one that is refused may be replaced. */
enum mig_what judge(const struct journal_entry *past, const struct prospect *seen, bool link,
		    bool new_passwords, struct err *why);

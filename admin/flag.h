/* flag.h - what a domain and a mailbox each have of their own, on or off: the lock, the hold.
 *
 * Taking the domain's away leaves alone whatever was set on a mailbox for its own sake, and a single mailbox can't be let
 * out of what its domain has. Failure: that of the catalog; EC_REFUSED that last.
 */
#pragma once
#include "admin/cmd.h"

struct flag_kind {
	enum entry_flag flag;
	const char *noun;        /* "lock" */
	const char *key;         /* of the answer's field: "state" */
	const char *on, *off;    /* its values: "locked", "unlocked" */
	const char *verb, *undo; /* what takes it away: "unlock", and the command's name */
};
/* Both idempotent; they fill the answer. */
enum ec flag_set(struct wp *w, const struct flag_kind *k, const struct name *n, struct err *e);
enum ec flag_clear(struct wp *w, const struct flag_kind *k, const struct name *n, struct err *e);

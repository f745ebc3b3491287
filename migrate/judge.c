/* judge.c - one place for it, so that a plan says what a run does.
 *
 * Ours is what has our mark, whatever its name is by now; what was taken over is known by where it is.
 */
#include <string.h>
#include "migrate/judge.h"

bool judge_is_ours(const struct journal_entry *past, const struct prospect *seen)
{
	bool may_be = past->state == JOURNAL_INTENT || past->state == JOURNAL_MADE;

	return may_be && seen->taken && *past->mark && strcmp(past->mark, seen->mark) == 0;
}

static enum mig_what judge_free(const struct prospect *seen, bool new_passwords, struct err *why)
{
	if (seen->weak.class == EC_OK || new_passwords)
		return MIG_CREATE;
	*why = seen->weak;
	return MIG_POLICY;
}

static enum mig_what judge_others(const struct journal_entry *past, const struct account *there,
				  bool link, struct err *why)
{
	bool again = past->state == JOURNAL_LINKED && strcmp(past->key, there->key) == 0;

	if (!again && !link) {
		err_set(why, EC_EXISTS,
			past->state == JOURNAL_MADE ? "%.120s no longer has the mark of the "
						      "account that was made: /link "
						      "takes over whatever it is"
						    : "there is %.140s already: /link takes it "
						      "over, with the password it "
						      "has",
			there->key);
		return MIG_CONFLICT;
	}
	if (!there->enabled) {
		err_set(why, EC_REFUSED, "%s is disabled: enable it first", there->key);
		return MIG_FAILED;
	}
	return again ? MIG_DONE : MIG_LINK;
}

enum mig_what judge(const struct journal_entry *past, const struct prospect *seen, bool link,
		    bool new_passwords, struct err *why)
{
	*why = (struct err){ .class = EC_OK };
	if (!seen->taken)
		return judge_free(seen, new_passwords, why);
	if (judge_is_ours(past, seen))
		return past->state == JOURNAL_MADE ? MIG_DONE : MIG_CREATE;
	return judge_others(past, &seen->there, link, why);
}

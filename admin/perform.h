/* perform.h - the life of one command, whichever front end it came by: open what its row says it needs, run it, note it, close
 * its answer.
 *
 * Changes the identity of the process, its umask excepted, and is done with it once: a front end that serves many runs each in
 * a process of its own. Signals that the command held (wp_hold_signals) are held still when it returns: whoever called it tells
 * the outcome first, and then sets the mask back to what it was.
 *
 * Thread:  one at a time.
 * Owner:   all is lent but *out, which is closed and NULL afterwards, whatever happened.
 * Failure: the exit code and `result` say it; with a JSON `out` the answer has it too.
 */
#pragma once
#include "admin/cmd.h"
#include "admin/exits.h"

#define WP_HINT_MAX 400

struct wp_result {
	enum ec rc;             /* EC_OK, or the class of what went wrong */
	bool partly;            /* some of it was done */
	bool unwritten;         /* it was done, only the answer could not be written */
	struct err err;         /* unless EC_OK */
	char hint[WP_HINT_MAX]; /* what to do next, "" = nothing to add */
};

/* by NULL: the shell. Passwords of the line come in a->secret, whoever calls; what else has to be asked for goes through ask. */
enum exit_code wp_perform(const struct wp_args *a, const struct wp_caller *by, struct out **out,
			  const struct wp_ask *ask, struct wp_result *result);

/* For front ends that nobody sits at: every question is refused, with what to give instead. */
extern const struct wp_ask ask_nobody;

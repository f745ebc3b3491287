/* inner.h - a row of the command table, run by another command as the command line would: with its checks and its audit, in a
 * process of its own.
 *
 * Questions that only want a yes get it, and passwords that are not given are refused. Thread: one at a time, and no other.
 */
#pragma once
#include "server/base/secret.h"
#include "admin/cmd.h"

/* words: the name and what follows it. password: what would be typed, or NULL. *answer: what it said, notes too, in w's arena,
 * also after a failure; error and hint are its own. */
enum ec inner_run(struct wp *w, const char *const words[], const struct secret *password,
		  const char **answer, struct err *e);

/* postconf.h - asking and telling Postfix, by its own program postconf(1).
 *
 * It reads and rewrites main.cf and master.cf under their lock and keeps comments and order. Thread: one at a time; blocks.
 * Failure: EC_ABSENT Postfix is not installed, or has nothing at dir; EC_REFUSED with what it said.
 */
#pragma once
#include "admin/postfix.h"

/* dir: its configuration directory; NULL = where it looks itself. */
enum ec postconf_read(struct arena *mem, const char *dir, struct pf_now *out, struct err *e);
/* Sets what is not PF_GOOD. *kept: where main.cf and master.cf as they were are kept beside them, "" if nothing was to be done. */
enum ec postconf_write(struct arena *mem, const char *dir, const struct pf_now *now,
		       const struct pf_want *wants, size_t n, const char **kept, struct err *e);
/* main.cf and master.cf as they are, beside them under a name of their own: "main.cf.AS-20260131-235959". */
enum ec postconf_keep(struct arena *mem, const struct pf_now *now, const char *as,
		      const char **kept, struct err *e);
/* Has it been started? */
bool postconf_is_running(struct arena *mem, const char *dir);

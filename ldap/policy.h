/* policy.h - would a domain's password policy take this password? Pure. Private to ldap/. Thread: any.
 *
 * A forecast, for plans: the server has the last word. It errs to one side only: what is refused here is refused there, unless there
 * are milder rules that cannot be seen, of the account's own (msDS-PasswordSettings) or in place of the domain's (Samba's "check password
 * script"). A history is not looked at: new accounts have none.
 */
#pragma once
#include <stdbool.h>
#include "server/base/err.h"
#include "server/base/secret.h"

struct password_policy {    /* all zero: nothing is known */
	unsigned units_min; /* UTF-16 units, as Windows counts */
	bool complex;       /* three of five kinds of characters */
	bool no_names;      /* and no name of its owner inside: Windows; Samba does not look */
};

/* EC_REFUSED: why. display: the display name, or "". */
enum ec password_policy_judge(const struct password_policy *p, const char *logon,
			      const char *display, const struct secret *pass, struct err *e);

/* logonname.h - logon names for new accounts, made of mailbox names: kim, kim1, kim2, ... Pure. Thread: any. */
#pragma once
#include <stdbool.h>
#include "server/base/name.h"

struct logon_rule {
	unsigned
		units_max; /* UTF-16 units, as Windows counts; the same as characters for nearly all names */
	const char *forbidden; /* replaced by '_' */
	bool no_dot_at_end;
};
extern const struct logon_rule logon_rule_ad; /* pre-Windows 2000 names */
extern const struct logon_rule logon_rule_openldap;

#define LOGON_NAME_MAX (NAME_LOCAL_MAX + 12)

/* The n-th choice: 0 is the mailbox name itself, n > 0 its stem with that number. False: the name does not do unaltered (too long, a
 * character forbidden); never for n > 0. */
bool logon_candidate(const struct logon_rule *rule, const char *local, unsigned n,
		     char out[LOGON_NAME_MAX + 1]);
/* Would it do as it is? */
bool logon_fits(const struct logon_rule *rule, const char *logon);

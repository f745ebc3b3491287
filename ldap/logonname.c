/* logonname.c - the same user name may exist in two mail domains, but only once as a logon name of the directory.
 *
 * The second one gets the shortest alteration there is: as much of the name as fits, and the smallest free number. It is found by
 * trying, so this file only tells what to try.
 */
#include <stdio.h>
#include <string.h>
#include "ldap/logonname.h"
#include "server/base/utf8.h"

/* MS-SAMR section 3.1.1.6 and 3.1.1.8.4; '@' and the blank are allowed by some servers only. */
const struct logon_rule logon_rule_ad = { .units_max = 20,
					  .forbidden = "\"/\\[]:;|=,+*?<>@ ",
					  .no_dot_at_end = true };
const struct logon_rule logon_rule_openldap = { .units_max = NAME_LOCAL_MAX, .forbidden = "" };

static unsigned units(size_t octets)
{
	return octets == 4 ? 2 : 1;
}

/* Copies whole characters while they fit. */
static void fill(const struct logon_rule *rule, const char *local, unsigned room, char *out)
{
	size_t at = 0, len = strlen(local);

	while (at < len) {
		size_t n = utf8_step(local + at, len - at);
		if (n == 0 || units(n) > room)
			break;
		room -= units(n);
		memcpy(out + at, local + at, n);
		if (strchr(rule->forbidden, out[at]))
			out[at] = '_';
		at += n;
	}
	out[at] = '\0';
}

static void drop_dots(char *name)
{
	size_t len = strlen(name);

	while (len > 0 && name[len - 1] == '.')
		name[--len] = '\0';
}

bool logon_candidate(const struct logon_rule *rule, const char *local, unsigned n,
		     char out[LOGON_NAME_MAX + 1])
{
	char number[12] = "";
	int digits = n ? snprintf(number, sizeof(number), "%u", n) : 0;

	fill(rule, local, rule->units_max - (unsigned)digits, out);
	if (rule->no_dot_at_end)
		drop_dots(out);
	bool same = strcmp(out, local) == 0;
	strcat(out, number);
	return n > 0 || same;
}

bool logon_fits(const struct logon_rule *rule, const char *logon)
{
	char same[LOGON_NAME_MAX + 1];

	return *logon && strlen(logon) <= LOGON_NAME_MAX && logon_candidate(rule, logon, 0, same);
}

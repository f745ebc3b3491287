/* principal.c - KIM or KIM@REALM, as krb5_unparse_name writes them.
 *
 * It puts a backslash before an '@' or a '\' that is part of a name, as in the enterprise names of Windows
 * (kim\@example.com@REALM). No account has such a name, and no directory must read one as DOMAIN\user.
 */
#include <stdio.h>
#include <string.h>
#include "server/auth/principal.h"

enum ec principal_typed(const char *in, size_t len, bool of_domain, char out[PRINCIPAL_MAX + 1],
			struct err *e)
{
	const char *at = memchr(in, '@', len);
	int name_len = (int)(at ? (size_t)(at - in) : len);
	int realm_len = at ? (int)len - name_len - 1 : 0;

	if (len > NAME_TEXT_MAX || memchr(in, '\\', len))
		return err_set(e, EC_ABSENT, "a principal that is no account's name");
	if (at && !of_domain)
		return err_set(e, EC_ABSENT,
			       "a principal of another realm than this host's own (default_realm "
			       "in krb5.conf)");
	if (at)
		snprintf(out, PRINCIPAL_MAX + 1, "%.*s\\%.*s", realm_len, at + 1, name_len, in);
	else
		snprintf(out, PRINCIPAL_MAX + 1, "%.*s", name_len, in);
	return EC_OK;
}

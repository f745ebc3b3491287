/* fuzz_typed.c - what a client types as its name: taken apart into pieces that fit where they go, or refused; and the logon names
 * made of a mailbox name are ones that Windows takes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/escape.h"
#include "ldap/logonname.h"
#include "ldap/nthash.h"
#include "ldap/typed.h"
#include "server/base/utf16.h"
#include "server/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* One assertion, whatever is in it. */
static void check_filter(const char *logon)
{
	struct buf b = { 0 };

	filter_equals(&b, "uid", logon, strlen(logon));
	for (size_t i = 1; i + 1 < b.len; i++)
		check(!strchr("()*", buf_at(&b)[i]));
	buf_drop(&b);
}

static void check_logon_names(const char *local)
{
	unsigned char wide[2 * LOGON_NAME_MAX];
	char out[LOGON_NAME_MAX + 1], again[LOGON_NAME_MAX + 1];
	size_t len;

	for (unsigned n = 0; n < 12; n++) {
		if (!logon_candidate(&logon_rule_ad, local, n, out))
			continue;
		check(*out && !strpbrk(out, logon_rule_ad.forbidden));
		check(utf16_from_utf8(wide, &len, out, strlen(out)) && len <= 40);
		check(logon_candidate(&logon_rule_ad, local, n + 1, again));
		check(n == 0 || strcmp(out, again) != 0); /* a name may end in 1 itself */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	unsigned char hash[NT_HASH];
	struct typed t;
	struct err e = { 0 };

	if (nt_hash_parse(hash, p, size))
		check(size == NT_HASH_TEXT);
	if (typed_parse(&t, p, size, &e) != EC_OK) {
		check(e.class == EC_USAGE && e.text[0] && !has_control(e.text, strlen(e.text)));
		return 0;
	}
	check(*t.logon && !strchr(t.domain, '\\') && !strchr(t.logon, '\\'));
	size_t front = *t.domain ? strlen(t.domain) + 1 : 0;
	check(t.is_address == (memchr(p + front, '@', size - front) != NULL));
	check(strlen(t.logon) + strlen(t.domain) <= size || t.is_address);
	check_filter(t.logon);
	if (t.is_address)
		check_logon_names(t.address.local);
	return 0;
}

/* fuzz_ldapvalue.c - whatever somebody typed, a filter or DN made with it means that value and nothing else; whatever a server says, the
 * verdict is one of ours and its text is one line. */
#include <ldap.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/escape.h"
#include "ldap/srv.h"
#include "ldap/status.h"
#include "server/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int digit(char c)
{
	const char *at = strchr("0123456789abcdef", c);

	check(c != '\0' && at);
	return (int)(at - "0123456789abcdef");
}

/* RFC 4515 section 3, read as strictly as a server may. */
static void check_filter(const char *value, size_t len)
{
	struct buf b = { 0 };
	size_t n = 0;

	filter_equals(&b, "uid", value, len);
	char *text = buf_take(&b), *end = text + strlen(text) - 1;
	check(strncmp(text, "(uid=", 5) == 0 && *end == ')');
	check(utf8_valid(text, strlen(text)) && !has_control(text, strlen(text)));
	for (const char *p = text + 5; p < end; n++) {
		char c = *p;

		check(n < len && !strchr("*()", c));
		if (c == '\\') {
			c = (char)(digit(p[1]) * 16 + digit(p[2]));
			p += 2;
		}
		p++;
		check(c == value[n]);
	}
	check(n == len);
	free(text);
}

/* libldap's parser is the judge: one value in front, the parent unchanged behind it. */
static void check_dn(const char *value, size_t len)
{
	struct buf b = { 0 };
	LDAPDN dn;

	dn_child(&b, "cn", value, len, "ou=people,dc=test");
	char *text = buf_take(&b);
	check(dn_sane(text));
	check(ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS);
	check(dn[0][0] && !dn[0][1] && dn[1] && dn[2] && !dn[3]);
	check(dn[0][0]->la_value.bv_len == len);
	check(len == 0 || memcmp(dn[0][0]->la_value.bv_val, value, len) == 0);
	check(strcmp(dn[2][0]->la_value.bv_val, "test") == 0);
	ldap_dnfree(dn);
	free(text);
}

static void check_words(const char *value, size_t len)
{
	char *words = strndup(value, len);

	for (int code = 0; code < 128; code++) {
		struct err e = { 0 };

		check((unsigned)proof_judge(code, words, -1) < PROOF_COUNT);
		if (code == LDAP_SUCCESS)
			continue;
		enum ec rc = status_err(&e, code, words, "adding x");
		check(rc != EC_OK && e.class == rc && strncmp(e.text, "adding x: ", 10) == 0);
		check(!has_control(e.text, strlen(e.text)));
	}
	if (attribute_sane(words))
		check(ascii_only(words, strlen(words)) && !strpbrk(words, "=*();, "));
	free(words);
}

static void check_srv(const uint8_t *data, size_t size)
{
	struct srv found[SRV_MAX];
	size_t n;

	if (srv_parse(data, size, found, &n, NULL) != EC_OK) {
		check(n == 0);
		return;
	}
	check(n > 0 && n <= SRV_MAX);
	for (size_t i = 0; i < n; i++)
		check(found[i].host[0] && !strpbrk(found[i].host, "/@? :[]") && found[i].port > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_filter((const char *)data, size);
	check_dn((const char *)data, size);
	check_words((const char *)data, size);
	check_srv(data, size);
	return 0;
}

/* escape.c - foreign text into filters and DNs.
 *
 * Escaping is by octet and generous: whatever could mean something to a parser goes as \xx. libldap has functions of its own
 * for this, but they allocate, and leave octets alone that are no UTF-8: some servers refuse such a filter as a whole, others
 * cut it. Here every value is one that every server can parse, and a name with odd octets just matches nothing.
 */
#include <ctype.h>
#include <ldap.h>
#include <string.h>
#include <strings.h>
#include "ldap/escape.h"
#include "server/base/utf8.h"

#define ATTRIBUTE_MAX 64

static void add_hex(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char out[3] = { '\\', hex[c >> 4], hex[c & 15] };

	buf_add(b, out, sizeof(out));
}

static bool filter_special(unsigned char c)
{
	return c < ' ' || c == 0x7f || c == '*' || c == '(' || c == ')' || c == '\\';
}

void filter_value(struct buf *b, const char *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = utf8_step(p + at, len - at);

		if (n == 0 || (n == 1 && filter_special((unsigned char)p[at]))) {
			add_hex(b, (unsigned char)p[at]);
			n = 1;
		} else {
			buf_add(b, p + at, n);
		}
		at += n;
	}
}

void filter_equals(struct buf *b, const char *attr, const char *p, size_t len)
{
	buf_addz(b, "(");
	buf_addz(b, attr);
	buf_addz(b, "=");
	filter_value(b, p, len);
	buf_addz(b, ")");
}

/* RFC 4514 wants most of these escaped everywhere, '#' and blanks only at an end, '=' nowhere; hex is right in every place. */
static bool dn_special(unsigned char c)
{
	return c < ' ' || c == 0x7f || strchr("\"+,;<>\\#=", c) != NULL;
}

void dn_value(struct buf *b, const char *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = utf8_step(p + at, len - at);
		bool end_blank = p[at] == ' ' && (at == 0 || at == len - 1);

		if (n == 0 || end_blank || (n == 1 && dn_special((unsigned char)p[at]))) {
			add_hex(b, (unsigned char)p[at]);
			n = 1;
		} else {
			buf_add(b, p + at, n);
		}
		at += n;
	}
}

void dn_child(struct buf *b, const char *attr, const char *p, size_t len, const char *parent)
{
	buf_addz(b, attr);
	buf_addz(b, "=");
	dn_value(b, p, len);
	if (parent[0] != '\0') {
		buf_addz(b, ",");
		buf_addz(b, parent);
	}
}

/* Digits and dots: "2.5.4.3". No empty part, no leading zero in one. */
static bool oid_sane(const char *z)
{
	for (;;) {
		size_t n = strspn(z, "0123456789");

		if (n == 0 || (n > 1 && z[0] == '0'))
			return false;
		if (z[n] == '\0')
			return true;
		if (z[n] != '.')
			return false;
		z += n + 1;
	}
}

bool attribute_sane(const char *attr)
{
	size_t len = strlen(attr);

	if (len == 0 || len > ATTRIBUTE_MAX)
		return false;
	if (isdigit((unsigned char)attr[0]))
		return strchr(attr, '.') && oid_sane(attr);
	return isalpha((unsigned char)attr[0]) && isascii((unsigned char)attr[0]) &&
	       strspn(attr, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
		       len;
}

bool dn_sane(const char *dn)
{
	LDAPDN parsed = NULL;
	bool good = ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && parsed;

	ldap_dnfree(parsed);
	return good;
}

bool dn_same(const char *a, const char *b)
{
	char *x = NULL, *y = NULL;
	bool same = ldap_dn_normalize(a, LDAP_DN_FORMAT_LDAP, &x, LDAP_DN_FORMAT_LDAPV3) ==
			    LDAP_SUCCESS &&
		    ldap_dn_normalize(b, LDAP_DN_FORMAT_LDAP, &y, LDAP_DN_FORMAT_LDAPV3) ==
			    LDAP_SUCCESS &&
		    strcasecmp(x, y) == 0;

	ldap_memfree(x);
	ldap_memfree(y);
	return same;
}

bool dn_lies_in(const char *dn, const char *top)
{
	size_t len = strlen(dn), top_len = strlen(top);

	if (len < top_len || strcasecmp(dn + len - top_len, top) != 0)
		return false;
	return len == top_len || dn[len - top_len - 1] == ',';
}

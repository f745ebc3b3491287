/* autoconfig.c - see autoconfig.h.
 *
 * POP3 is ours and told as the settings have it. Mail is sent through the MTA of this computer, whose submission port (587,
 * STARTTLS, RFC 6409) is where every mail program looks; winpop sets Postfix up so. The user's name is the whole address, but
 * for users of this computer, who are known by their login.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/buf.h"
#include "server/base/name.h"
#include "admin/console/autoconfig.h"

#define SUBMISSION 587

struct way {
	unsigned port;
	const char *thunderbird; /* its word for the kind of TLS */
	const char *ssl, *encryption;
};

/* As XML has it; what XML cannot hold becomes '?'. */
static void put_xml(struct buf *b, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (p[i]) {
		case '&': buf_addz(b, "&amp;"); break;
		case '<': buf_addz(b, "&lt;"); break;
		case '>': buf_addz(b, "&gt;"); break;
		case '"': buf_addz(b, "&quot;"); break;
		case '\'': buf_addz(b, "&apos;"); break;
		default: buf_add(b, (unsigned char)p[i] < 0x20 ? "?" : &p[i], 1);
		}
	}
}

static void put_element(struct buf *b, const char *indent, const char *name, const char *value)
{
	buf_fmt(b, "%s<%s>", indent, name);
	put_xml(b, value, strlen(value));
	buf_fmt(b, "</%s>\n", name);
}

static void put_number(struct buf *b, const char *indent, const char *name, unsigned value)
{
	buf_fmt(b, "%s<%s>%u</%s>\n", indent, name, value, name);
}

/* The best that the settings offer: TLS from the first octet, else STLS, else none. */
static struct way pop3_way(const struct conf *c)
{
	if (*c->tls_cert && c->tls_port > 0)
		return (struct way){ c->tls_port, "SSL", "on", "SSL" };
	if (*c->tls_cert)
		return (struct way){ c->port, "STARTTLS", "on", "TLS" };
	return (struct way){ c->port, "plain", "off", "None" };
}

static bool by_login(const struct conf *c)
{
	return c->authentication == AUTHN_LOCAL;
}

/* Its domain, if it is an address; else our own name's. */
static void domain_of(const struct conf *c, const char *address, size_t len,
		      char out[NAME_DOMAIN_MAX + 1])
{
	struct name n;
	const char *dot = strchr(c->hostname, '.');
	const char *own = dot && strchr(dot + 1, '.') ? dot + 1 : c->hostname;

	if (name_parse_any(&n, address, len, NAME_DIRECTORY, NULL) == EC_OK && n.local[0])
		own = n.domain;
	snprintf(out, NAME_DOMAIN_MAX + 1, "%s", own);
}

static void put_server(struct buf *b, const struct conf *c, const char *tag, const char *type,
		       unsigned port, const char *tls)
{
	static const char in[] = "      ";

	buf_fmt(b, "    <%s type=\"%s\">\n", tag, type);
	put_element(b, in, "hostname", c->hostname);
	put_number(b, in, "port", port);
	put_element(b, in, "socketType", tls);
	put_element(b, in, "username", by_login(c) ? "%EMAILLOCALPART%" : "%EMAILADDRESS%");
	put_element(b, in, "authentication",
		    c->sparequired && strcmp(type, "pop3") == 0 ? "NTLM" : "password-cleartext");
	buf_fmt(b, "    </%s>\n", tag);
}

char *autoconfig_text(const struct conf *c, const char *address, size_t len)
{
	struct buf b = { 0 };
	char domain[NAME_DOMAIN_MAX + 1];
	struct way pop3 = pop3_way(c);

	domain_of(c, address, len, domain);
	buf_addz(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		     "<clientConfig version=\"1.1\">\n  <emailProvider id=\"");
	put_xml(&b, domain, strlen(domain));
	buf_addz(&b, "\">\n");
	put_element(&b, "    ", "domain", domain);
	put_element(&b, "    ", "displayName", domain);
	put_element(&b, "    ", "displayShortName", domain);
	put_server(&b, c, "incomingServer", "pop3", pop3.port, pop3.thunderbird);
	put_server(&b, c, "outgoingServer", "smtp", SUBMISSION, "STARTTLS");
	buf_addz(&b, "  </emailProvider>\n</clientConfig>\n");
	return buf_take(&b);
}

/* ---- Outlook ---- */

/* What is between <EMailAddress> and its end; the request is XML of a form as fixed as a form on paper. */
static bool find_address(const char *p, size_t len, const char **out, size_t *out_len)
{
	static const char open[] = "<EMailAddress>";
	const char *from = memmem(p, len, open, sizeof(open) - 1);

	if (!from)
		return false;
	from += sizeof(open) - 1;
	const char *end = memchr(from, '<', len - (size_t)(from - p));

	*out = from;
	*out_len = end ? (size_t)(end - from) : 0;
	return *out_len > 0;
}

static void put_login(struct buf *b, const struct conf *c, const char *address, size_t len)
{
	const char *at = by_login(c) ? memchr(address, '@', len) : NULL;

	buf_addz(b, "        <LoginName>");
	put_xml(b, address, at ? (size_t)(at - address) : len);
	buf_addz(b, "</LoginName>\n");
}

static void put_protocol(struct buf *b, const struct conf *c, const char *type,
			 const struct way *way, const char *address, size_t len)
{
	static const char in[] = "        ";

	buf_addz(b, "      <Protocol>\n");
	put_element(b, in, "Type", type);
	put_element(b, in, "Server", c->hostname);
	put_number(b, in, "Port", way->port);
	if (len > 0)
		put_login(b, c, address, len);
	put_element(b, in, "DomainRequired", "off");
	put_element(b, in, "SPA", c->sparequired && strcmp(type, "POP3") == 0 ? "on" : "off");
	put_element(b, in, "SSL", way->ssl);
	put_element(b, in, "Encryption", way->encryption);
	put_element(b, in, "AuthRequired", "on");
	buf_addz(b, "      </Protocol>\n");
}

char *autodiscover_text(const struct conf *c, const char *request, size_t len)
{
	static const struct way smtp = { SUBMISSION, "STARTTLS", "on", "TLS" };
	struct way pop3 = pop3_way(c);
	const char *address = "";
	struct buf b = { 0 };
	struct name n;

	if (!find_address(request, len, &address, &len) ||
	    name_parse_any(&n, address, len, NAME_DIRECTORY, NULL) != EC_OK)
		len = 0;
	buf_addz(&b,
		 "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover "
		 "xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/"
		 "2006\">\n"
		 "  <Response xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/"
		 "responseschema/2006a\">\n    <Account>\n"
		 "      <AccountType>email</AccountType>\n      <Action>settings</Action>\n");
	put_protocol(&b, c, "POP3", &pop3, address, len);
	put_protocol(&b, c, "SMTP", &smtp, address, len);
	buf_addz(&b, "    </Account>\n  </Response>\n</Autodiscover>\n");
	return buf_take(&b);
}

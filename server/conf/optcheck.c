/* optcheck.c - what a row's type can't say about its value.
 *
 * Addresses must be numeric: a name would have to be resolved, and a service must not depend on DNS
 * for its own start.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include "server/base/name.h"
#include "server/base/utf8.h"
#include "server/conf/optcheck.h"

#define WORD_MAX 64
#define SERVER_MAX 300

/* Copies the next blank-separated word; false at the end. A word too long comes as "". */
static bool next_word(const char **p, char out[WORD_MAX])
{
	*p += strspn(*p, " \t");
	size_t len = strcspn(*p, " \t");

	out[0] = '\0';
	if (len == 0)
		return false;
	if (len < WORD_MAX) {
		memcpy(out, *p, len);
		out[len] = '\0';
	}
	*p += len;
	return true;
}

static bool is_address(const char *z)
{
	struct in6_addr any; /* room for either family */

	return strcmp(z, "*") == 0 || inet_pton(AF_INET, z, &any) == 1 ||
	       inet_pton(AF_INET6, z, &any) == 1;
}

static bool is_port(const char *z)
{
	size_t len = strlen(z);

	return len > 0 && len <= 5 && strspn(z, "0123456789") == len && atoi(z) <= 65535;
}

/* 127.0.0.1:24, *:24 or [::1]:24 */
static bool is_endpoint(char word[WORD_MAX])
{
	char *colon = strrchr(word, ':');

	if (!colon || !is_port(colon + 1))
		return false;
	*colon = '\0';
	if (word[0] != '[')
		return !strchr(word, ':') && is_address(word);
	if (colon[-1] != ']')
		return false;
	colon[-1] = '\0';
	return strchr(word, ':') && is_address(word + 1);
}

enum ec check_addresses(const char *value, struct err *e)
{
	char word[WORD_MAX];
	bool any = false;

	while (next_word(&value, word)) {
		any = true;
		if (!is_address(word))
			return err_set(e, EC_USAGE,
				       "\"%s\" is not an address: write numbers, as 192.0.2.1 or "
				       "2001:db8::1, or * for all",
				       word);
	}
	return any ? EC_OK : err_set(e, EC_USAGE, "name an address, or * for all");
}

enum ec check_endpoints(const char *value, struct err *e)
{
	char word[WORD_MAX], shown[WORD_MAX];

	while (next_word(&value, word)) {
		strcpy(shown, word);
		if (!is_endpoint(word))
			return err_set(e, EC_USAGE,
				       "\"%s\" is not an address and port: write 127.0.0.1:24, "
				       "[::1]:24 or *:24",
				       shown);
	}
	return EC_OK;
}

enum ec check_socket_path(const char *value, struct err *e)
{
	size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(value) > max)
		return err_set(e, EC_USAGE, "a socket's path has at most %zu octets: shorten it",
			       max);
	return EC_OK;
}

enum ec check_hostname(const char *value, struct err *e)
{
	struct name n;
	size_t len = strlen(value);

	if (!ascii_only(value, len))
		return err_set(e, EC_USAGE, "write the name in its xn-- form");
	return name_parse_domain(&n, value, len, e);
}

const char known_mechanisms[] =
	"SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM-MD5 GSSAPI NTLM PLAIN "
	"LOGIN EXTERNAL";

bool names_mechanism(const char *list, const char *word)
{
	char known[WORD_MAX];

	while (next_word(&list, known)) {
		if (strcmp(word, known) == 0)
			return true;
	}
	return false;
}

/* A name that is misspelt would shut out those who sign in by it, and say so in the log only. */
enum ec check_mechanisms(const char *value, struct err *e)
{
	char word[WORD_MAX];

	while (next_word(&value, word)) {
		if (!names_mechanism(known_mechanisms, word))
			return err_set(e, EC_USAGE,
				       "\"%s\" is not a mechanism of this version: choose from %s",
				       word, known_mechanisms);
	}
	return EC_OK;
}

static bool is_server(const char *word)
{
	static const char *const schemes[] = { "ldap://", "ldaps://", "ldapi://", "srv:" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t len = strlen(schemes[i]);
		if (strncasecmp(word, schemes[i], len) == 0)
			return word[len] != '\0' || strcmp(schemes[i], "ldapi://") == 0;
	}
	return false;
}

enum ec check_servers(const char *value, struct err *e)
{
	char word[SERVER_MAX];

	while (*(value += strspn(value, " \t"))) {
		size_t len = strcspn(value, " \t");
		snprintf(word, sizeof(word), "%.*s", (int)len, value);
		if (len >= sizeof(word) || !is_server(word))
			return err_set(
				e, EC_USAGE,
				"\"%.80s\" is not a directory server: write "
				"ldaps://HOST[:PORT], ldap://HOST[:PORT], ldapi://PATH with / as "
				"%%2F, or srv:DOMAIN",
				word);
		value += len;
	}
	return EC_OK;
}

/* uidl.c - stems where they will do, hashes where they will not.
 *
 * A stem that looks like one of our hashes is hashed itself, else a file could be named after
 * another one's UIDL. /
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "server/base/b64.h"
#include "server/base/crypto.h"
#include "server/store/uidl.h"

#define SUFFIX_LEN 4
#define HASH_HEX 64
#define TIME_HEX 14
#define CHANCE_HEX_MIN 6
#define OWN_LEN (2 + TIME_HEX + 16 + SUFFIX_LEN)

/* As message_name_make forms them. Nearly every name that is looked at is one of these, 100,000 at a time: no early end and no
 * branch, so that the compiler looks at many octets at once. */
bool is_own_name(const char *name, size_t len)
{
	unsigned char bad = 0;

	if (len != OWN_LEN || memcmp(name, "P3", 2) != 0 ||
	    memcmp(name + OWN_LEN - SUFFIX_LEN, ".eml", SUFFIX_LEN) != 0)
		return false;
	for (size_t i = 2; i < OWN_LEN - SUFFIX_LEN; i++) {
		unsigned char c = (unsigned char)name[i];
		unsigned char digit = (unsigned char)(c - '0') < 10;
		unsigned char letter = (unsigned char)(c - 'a') < 6;
		bad |= !(digit | letter);
	}
	return !bad;
}

bool is_message_name_n(const char *name, size_t len)
{
	if (is_own_name(name, len))
		return true;
	return len > SUFFIX_LEN && len <= 255 && !memchr(name, '/', len) &&
	       !memchr(name, '\0', len) && strncasecmp(name + len - SUFFIX_LEN, ".eml", 4) == 0;
}

bool is_message_name(const char *name)
{
	return is_message_name_n(name, strlen(name));
}

static size_t span_hex(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] && memchr("0123456789abcdef", p[n], 16))
		n++;
	return n;
}

bool uidl_is_stem(const char *name, size_t len)
{
	size_t stem = len - SUFFIX_LEN;

	if (is_own_name(name, len))
		return true;
	if (len <= SUFFIX_LEN || stem > UIDL_MAX || memcmp(name + stem, ".eml", SUFFIX_LEN) != 0)
		return false;
	for (size_t i = 0; i < stem; i++) {
		if (name[i] < 0x21 || name[i] > 0x7E)
			return false;
	}
	return !(stem == 1 + HASH_HEX && name[0] == 'h' &&
		 span_hex(name + 1, HASH_HEX) == HASH_HEX);
}

size_t uidl_of(const char *name, char out[UIDL_MAX + 1])
{
	unsigned char hash[32];
	size_t len = strlen(name);

	if (uidl_is_stem(name, len)) {
		memcpy(out, name, len - SUFFIX_LEN);
		out[len - SUFFIX_LEN] = '\0';
		return len - SUFFIX_LEN;
	}
	sha256(hash, name, len);
	out[0] = 'h';
	hex_encode(out + 1, hash, sizeof(hash));
	out[1 + HASH_HEX] = '\0';
	return 1 + HASH_HEX;
}

void message_name_make(char out[MESSAGE_NAME_MAX], uint64_t arrived_us)
{
	snprintf(out, MESSAGE_NAME_MAX, "P3%014jx%016jx.eml", (uintmax_t)arrived_us,
		 (uintmax_t)random_u64());
}

bool message_name_arrival(const char *name, int64_t *arrived_us)
{
	size_t len = strlen(name), digits;
	int64_t us = 0;

	if (len < 2 + TIME_HEX + CHANCE_HEX_MIN + SUFFIX_LEN || memcmp(name, "P3", 2) != 0)
		return false;
	digits = len - 2 - SUFFIX_LEN;
	if (span_hex(name + 2, digits) != digits || strcmp(name + len - SUFFIX_LEN, ".eml") != 0)
		return false;
	for (size_t i = 2; i < 2 + TIME_HEX; i++)
		us = us * 16 + (name[i] <= '9' ? name[i] - '0' : name[i] - 'a' + 10);
	*arrived_us = us;
	return true;
}

/* mask.c - see mask.h. Each net is a pass over the text; a text of support is small, and nobody waits for it. */
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "server/base/b64.h"
#include "server/base/buf.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "admin/mask.h"

#define SECRET_MIN 6
#define WORD_MIN 20 /* of a line; what is shorter may be a name */
#define HEX_MIN 32
#define FILE_MAX_BYTES (1 << 20)

/* ---- what is known ---- */

static void keep(struct mask *m, const char *secret, size_t len)
{
	if (len >= SECRET_MIN && m->n < MASK_SECRETS_MAX)
		secret_set(&m->known[m->n++], secret, len);
}

void mask_learn(struct mask *m, const char *secret, size_t len)
{
	char *coded = mem_new(B64_ENC_LEN(len) + 1);
	size_t n = b64_encode(coded, secret, len);

	keep(m, secret, len);
	while (n > 0 && coded[n - 1] == '=') /* the end depends on what stood behind it */
		n--;
	keep(m, coded, n > 2 ? n - 1 : 0);
	wipe(coded, B64_ENC_LEN(len));
	free(coded);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void learn_words(struct mask *m, const char *line, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t word = 0;
		while (i + word < len && !is_blank(line[i + word]))
			word++;
		if (word < len && word >= WORD_MIN)
			mask_learn(m, line + i, word);
		i += word + 1;
	}
}

void mask_learn_file(struct mask *m, const char *path)
{
	struct arena *mem = arena_new("mask", 4096);
	char *text;
	size_t len;

	if (*path &&
	    file_read_at(mem, AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, NULL) == EC_OK) {
		for (char *at = text; *at; at += len + (at[len] == '\n')) {
			len = strcspn(at, "\n");
			if (at[0] == '#')
				continue;
			mask_learn(m, at, len > 0 && at[len - 1] == '\r' ? len - 1 : len);
			learn_words(m, at, len);
		}
	}
	arena_drop(&mem);
}

void mask_drop(struct mask *m)
{
	while (m->n > 0)
		secret_drop(&m->known[--m->n]);
}

/* ---- what looks like one ---- */

/* How many octets from `at` on are to be masked, how many of them stay in front; 0: none. `from` is the text's beginning. */
typedef size_t find_fn(const char *from, const char *at, size_t *stays);

/* "password = x", "passwd: x", "secret=x", "token x": up to the end of the value. */
static size_t find_value(const char *from, const char *at, size_t *stays)
{
	static const char *const words[] = { "password", "passwd",        "passphrase", "secret",
					     "token",    "authorization", "nthash" };
	size_t n = 0;

	if (at > from && isalnum((unsigned char)at[-1]))
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && n == 0; i++) {
		if (strncasecmp(at, words[i], strlen(words[i])) == 0)
			n = strlen(words[i]);
	}
	if (n == 0 || !strchr("=:", at[n + strspn(at + n, " \t\"'")]) ||
	    !at[n + strspn(at + n, " \t\"'")])
		return 0;
	n += strspn(at + n, " \t\"'=:");
	*stays = n;
	return n + strcspn(at + n, "\r\n");
}

/* "ldap://user:password@host" */
static size_t find_userinfo(const char *from, const char *at, size_t *stays)
{
	(void)from;
	if (strncmp(at, "://", 3) != 0)
		return 0;
	size_t len = strcspn(at + 3, " \t\r\n/@\"");
	*stays = 3;
	return at[3 + len] == '@' ? 3 + len : 0;
}

static size_t find_pem(const char *from, const char *at, size_t *stays)
{
	(void)from;
	if (strncmp(at, "-----BEGIN ", 11) != 0)
		return 0;
	const char *end = strstr(at + 11, "-----END ");
	*stays = 0;
	return end ? (size_t)(end - at) + strcspn(end, "\n") : strlen(at);
}

/* "{SSHA}...", "{ARGON2}...", "$6$...": as userPassword and shadow have them. */
static size_t find_hash(const char *from, const char *at, size_t *stays)
{
	size_t name = strspn(at + (*at != '\0'),
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-abcdefghijklmnopqrstuvwxyz");

	(void)from;
	*stays = 0;
	bool scheme = *at == '{' && name > 1 && at[name + 1] == '}';
	bool crypt = *at == '$' && name > 0 && at[name + 1] == '$';
	size_t len = strcspn(at, " \t\r\n\"',;");
	return (scheme && len > name + 10) || (crypt && len > name + 2) ? len : 0;
}

static size_t find_token(const char *from, const char *at, size_t *stays)
{
	(void)from;
	*stays = 4;
	return strncmp(at, "wpt_", 4) == 0 ? strcspn(at, " \t\r\n\"',;") : 0;
}

/* NT hashes, keys, digests; file names of messages too, which are nobody's business. */
static size_t find_hex(const char *from, const char *at, size_t *stays)
{
	size_t len = strspn(at, "0123456789abcdefABCDEF");

	*stays = 0;
	return len >= HEX_MIN && (at == from || !isxdigit((unsigned char)at[-1])) ? len : 0;
}

static find_fn *const finders[] = { find_value, find_userinfo, find_pem,
				    find_hash,  find_token,    find_hex };

static size_t find_any(const char *from, const char *at, size_t *stays)
{
	size_t len = 0;

	for (size_t i = 0; i < sizeof(finders) / sizeof(finders[0]) && len == 0; i++)
		len = finders[i](from, at, stays);
	return len > *stays ? len : 0;
}

static size_t find_known(const struct mask *m, const char *at)
{
	size_t longest = 0;

	for (size_t i = 0; i < m->n; i++) {
		const struct secret *s = &m->known[i];
		if (s->len > longest && *at == (char)s->bytes[0] &&
		    strncmp(at, (const char *)s->bytes, s->len) == 0)
			longest = s->len;
	}
	return longest;
}

const char *mask_text(const struct mask *m, struct arena *mem, const char *text)
{
	struct buf b = { 0 };

	for (const char *at = text; *at;) {
		size_t stays = 0, len = find_known(m, at);
		if (len == 0)
			len = find_any(text, at, &stays);
		if (len == 0) {
			buf_add(&b, at++, 1);
			continue;
		}
		buf_add(&b, at, stays);
		buf_addz(&b, MASKED);
		at += len;
	}
	const char *out = arena_str(mem, buf_at(&b), b.len);
	buf_wipe(&b);
	return out;
}

/* apop.c - the APOP time stamp, and the response as libsasl wants it.
 *
 * RFC 1939 section 7 makes the stamp a message id. Clients are narrower: mpop takes letters,
 * digits, '.', '_' and '-' only, so there is no time, no process id, just 128 random bits in hex.
 * It is made once per connection, so a digest heard elsewhere is worth nothing here.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "server/auth/apop.h"
#include "server/auth/mech.h"
#include "server/base/b64.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"

#define HOST_MAX 253 /* longer is no host name, and the greeting has 512 octets */

static bool stamp_char(char c)
{
	return isascii((unsigned char)c) &&
	       (isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-');
}

char *apop_stamp(const char *hostname)
{
	unsigned char noise[16];
	size_t host_len = strnlen(hostname, HOST_MAX);
	char *stamp = mem_new(sizeof("<@>") + 2 * sizeof(noise) + host_len), *to = stamp;

	random_bytes(noise, sizeof(noise));
	*to++ = '<';
	to += hex_encode(to, noise, sizeof(noise));
	*to++ = '@';
	for (size_t i = 0; i < host_len; i++)
		*to++ = stamp_char(hostname[i]) ? hostname[i] : '-';
	*to = '>';
	return stamp;
}

bool apop_response(const char *user, size_t user_len, const char *digest, struct buf *out)
{
	unsigned char octets[APOP_DIGEST_LEN / 2];
	char lower[APOP_DIGEST_LEN];

	if (!mech_name_sane(user, user_len) || strlen(digest) != sizeof(lower) ||
	    !hex_decode(octets, digest, sizeof(lower)))
		return false;
	hex_encode(lower, octets,
		   sizeof(octets)); /* some clients send capitals; libsasl wants none */
	buf_add(out, user, user_len);
	buf_add(out, " ", 1);
	buf_add(out, lower, sizeof(lower));
	buf_add(out, "", 1);
	return true;
}

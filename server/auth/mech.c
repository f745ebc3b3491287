/* mech.c - the table of mechanisms, and the checks of their client messages.
 *
 * The table is an allow-list twice over: only plug-ins named in it are loaded into the process, and
 * only mechanisms in it are ever started, whatever the settings say. DIGEST-MD5 (obsolete, RFC
 * 6331), ANONYMOUS and libsasl's own NTLM (no NTLMv2 that clients accept; ours is ntlm.c) are left out
 * on purpose.
 * The checks are syntax only; they are stricter than the plug-ins, which read past the end of a
 * SCRAM message that stops after its header and compare only the front of a CRAM-MD5 digest.
 */
#include <string.h>
#include <strings.h>
#include "server/auth/mech.h"
#include "server/base/utf8.h"

#define SCRAM_MESSAGE_MAX 2048 /* the plug-in's own limit */
#define CRAM_DIGEST 32
#define GSSAPI_TURNS 4 /* Kerberos takes three */

bool mech_name_sane(const char *p, size_t len)
{
	return len > 0 && len <= MECH_NAME_MAX && !has_control(p, len);
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. A third NUL would hide what follows it. */
static bool plain_sane(unsigned turn, bool plus, const char *p, size_t len)
{
	const char *end = p + len;
	const char *authcid = memchr(p, 0, len);
	const char *pass = authcid ? memchr(authcid + 1, 0, (size_t)(end - authcid - 1)) : NULL;

	(void)plus;
	if (turn > 0 || !pass || memchr(pass + 1, 0, (size_t)(end - pass - 1)))
		return false;
	if (authcid > p && !mech_name_sane(p, (size_t)(authcid - p)))
		return false;
	return mech_name_sane(authcid + 1, (size_t)(pass - authcid - 1));
}

/* Name, then password, each a message of its own. */
static bool login_sane(unsigned turn, bool plus, const char *p, size_t len)
{
	(void)plus;
	if (turn == 0)
		return mech_name_sane(p, len);
	return turn == 1 && !memchr(p, 0, len);
}

/* RFC 2195: name, blank, 32 hexadecimal digits in lower case. */
static bool cram_sane(unsigned turn, bool plus, const char *p, size_t len)
{
	size_t name_len = len - CRAM_DIGEST - 1;

	(void)plus;
	if (turn > 0 || len < CRAM_DIGEST + 2 || p[name_len] != ' ')
		return false;
	for (size_t i = name_len + 1; i < len; i++) {
		if (p[i] == 0 || !strchr("0123456789abcdef", p[i]))
			return false;
	}
	return mech_name_sane(p, name_len);
}

/* Behind the next comma; NULL if there is none. */
static const char *past_comma(const char *p, const char *end)
{
	const char *comma = memchr(p, ',', (size_t)(end - p));

	return comma ? comma + 1 : NULL;
}

static bool begins(const char *p, const char *end, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(end - p) >= n && memcmp(p, what, n) == 0;
}

/* RFC 5802 section 7, client-first-message: gs2-header, then n=name,r=nonce. The -PLUS name and the
 * "p" flag go together (RFC 5801 section 4 and 5): a client that asks for one without the other is
 * confused, or somebody between us is. */
static bool scram_first_sane(bool plus, const char *p, const char *end)
{
	if (plus != begins(p, end, "p="))
		return false;
	if (!plus && !begins(p, end, "n,") && !begins(p, end, "y,"))
		return false;
	p = past_comma(p, end); /* binding flag */
	if (!p || (!begins(p, end, "a=") && !begins(p, end, ",")))
		return false;
	p = past_comma(p, end); /* authzid */
	if (!p || !begins(p, end, "n=") || begins(p, end, "n=,"))
		return false;
	p = past_comma(p, end); /* name */
	return p && begins(p, end, "r=") && end - p > 2 && p[2] != ',';
}

static bool scram_sane(unsigned turn, bool plus, const char *p, size_t len)
{
	const char *end = p + len;

	if (turn > 1) /* our proof was the last word; the client only acknowledges it */
		return len == 0;
	if (has_control(p, len))
		return false;
	if (turn == 0)
		return scram_first_sane(plus, p, end);
	if (!begins(p, end, "c="))
		return false;
	p = past_comma(p, end);
	return p && begins(p, end, "r=") && past_comma(p, end);
}

/* RFC 4422 appendix A: an authorization identity or nothing. */
static bool external_sane(unsigned turn, bool plus, const char *p, size_t len)
{
	(void)plus;
	return turn == 0 && (len == 0 || mech_name_sane(p, len));
}

/* RFC 4752 section 3.1: tokens of the Kerberos exchange, of which the client's second may be empty; then, wrapped, its
 * choice of a security layer - there is but "none" - and an authorization identity. */
static bool gssapi_sane(unsigned turn, bool plus, const char *p, size_t len)
{
	(void)plus;
	(void)p;
	return turn == 0 ? len > 0 : turn < GSSAPI_TURNS;
}

/* MS-NLMP 2.2.1: a signature, then the type: 1 first, 3 as the answer to our challenge. */
static bool ntlm_sane(unsigned turn, bool plus, const char *p, size_t len)
{
	static const char signature[8] = "NTLMSSP";
	const char type[4] = { turn == 0 ? 1 : 3 };

	(void)plus;
	return turn < 2 && len >= sizeof(signature) + sizeof(type) &&
	       memcmp(p, signature, sizeof(signature)) == 0 &&
	       memcmp(p + sizeof(signature), type, sizeof(type)) == 0;
}

static const struct mech mechs[] = {
	{ .name = "SCRAM-SHA-256",
	  .plus = "SCRAM-SHA-256-PLUS",
	  .plugin = "libscram",
	  .wants = MECH_SECRET,
	  .longest = SCRAM_MESSAGE_MAX,
	  .sane = scram_sane },
	{ .name = "SCRAM-SHA-1",
	  .plus = "SCRAM-SHA-1-PLUS",
	  .plugin = "libscram",
	  .wants = MECH_SECRET,
	  .longest = SCRAM_MESSAGE_MAX,
	  .sane = scram_sane },
	{ .name = "CRAM-MD5",
	  .plugin = "libcrammd5",
	  .wants = MECH_SECRET,
	  .server_first = true,
	  .longest = MECH_MESSAGE_MAX,
	  .sane = cram_sane },
	{ .name = "GSSAPI",
	  .plugin = "libgssapiv2",
	  .wants = MECH_KEYTAB,
	  .asks_all = true,
	  .vouched = true,
	  .longest = MECH_TICKET_MAX,
	  .sane = gssapi_sane },
	{ .name = "NTLM",
	  .wants = MECH_SPA,
	  .asks_all = true,
	  .vouched = true,
	  .longest = MECH_MESSAGE_MAX,
	  .sane = ntlm_sane },
	{ .name = "PLAIN",
	  .plugin = "libplain",
	  .needs = MECH_CLEAR,
	  .longest = MECH_MESSAGE_MAX,
	  .sane = plain_sane },
	{ .name = "LOGIN",
	  .plugin = "liblogin",
	  .needs = MECH_CLEAR,
	  .asks_all = true,
	  .longest = MECH_MESSAGE_MAX,
	  .sane = login_sane },
	{ .name = "EXTERNAL",
	  .needs = MECH_CERT,
	  .vouched = true,
	  .longest = MECH_NAME_MAX,
	  .sane = external_sane },
};
#define N_MECHS (sizeof(mechs) / sizeof(mechs[0]))

static bool same_word(const char *z, const char *p, size_t len)
{
	return z && strlen(z) == len && strncasecmp(z, p, len) == 0;
}

const struct mech *mech_find(const char *name, size_t len, bool *plus)
{
	for (size_t i = 0; i < N_MECHS; i++) {
		*plus = same_word(mechs[i].plus, name, len);
		if (*plus || same_word(mechs[i].name, name, len))
			return &mechs[i];
	}
	return NULL;
}

bool mech_sane(const struct mech *m, unsigned turn, bool plus, const char *p, size_t len)
{
	return len <= m->longest && m->sane(turn, plus, p, len);
}

bool mech_plugin_wanted(const char *path, unsigned has)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;
	size_t stem = strcspn(file, ".");

	for (size_t i = 0; i < N_MECHS; i++) {
		const char *want = mechs[i].plugin;

		if (want && !(mechs[i].wants & ~has) && strlen(want) == stem &&
		    memcmp(want, file, stem) == 0)
			return true;
	}
	return false;
}

/* fuzz_auth.c - a client that says anything, in any order, to the sign-in of a service.
 *
 * Input: an octet of facts, the name of a mechanism up to a line feed, then one client message per
 * line. Promised: whatever is said, there is an answer; nobody is signed in but who exists, by a
 * mechanism that the facts allow, and no password was verified with a NUL in it.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "server/auth/auth.h"
#include "tests/unit/auth/people.h"

enum { SECURE = 1, CLEAR_OK = 2, CERT = 4, BINDING = 8, EARLY = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct people people = { .base = { .ops = &people_ops,
					  .reveals = 1u << SECRET_CLEAR | 1u << SECRET_NT_HASH },
				.stamp = "1" };

static struct auth *the_auth(void)
{
	static struct auth *a;
	struct auth_setup s = {
		.service = "pop",
		.hostname = "mail.example.com",
		.mechanisms = "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 NTLM PLAIN LOGIN EXTERNAL",
		.apop = true,
		.penalty_ms = 1,
		.shield_s = 60,
		.spa = { .kind = SPA_HASH },
		.accounts = &people.base
	};

	if (!a && auth_open(&s, NULL, &a, NULL) != EC_OK)
		abort();
	return a;
}

static struct auth_facts facts_of(unsigned bits)
{
	return (struct auth_facts){ .peer = "192.0.2.7",
				    .secure = bits & SECURE,
				    .clear_ok = bits & CLEAR_OK,
				    .tls_bits = bits & SECURE ? 256 : 0,
				    .cert_name = bits & CERT ? "kim@example.com" : NULL,
				    .binding_name = bits & BINDING ? "tls-exporter" : NULL,
				    .binding = "0123456789abcdef",
				    .binding_len = 16 };
}

/* The next line, without its end. */
static struct secret next(const uint8_t **p, size_t *len)
{
	const uint8_t *lf = memchr(*p, '\n', *len);
	size_t n = lf ? (size_t)(lf - *p) : *len;
	struct secret line = { 0 };

	secret_set(&line, *p, n);
	*p += n + (lf != NULL);
	*len -= n + (lf != NULL);
	return line;
}

static void check(const struct auth_answer *out, unsigned bits)
{
	static const char *const in_the_clear[] = { "USER", "PLAIN", "LOGIN" };

	assert((out->state == AUTH_FAILED) == (out->class != EC_OK));
	if (out->state != AUTH_DONE)
		return;
	assert(person_of(&out->who) && out->mech);
	assert(strcmp(out->mech, "EXTERNAL") != 0 || (bits & CERT));
	for (size_t i = 0; i < 3; i++)
		assert(strcmp(out->mech, in_the_clear[i]) != 0 || (bits & (SECURE | CLEAR_OK)));
}

static void classic(struct login *l, bool apop, const uint8_t *p, size_t len,
		    struct auth_answer *out)
{
	struct secret user = next(&p, &len), pass = next(&p, &len);

	if (apop)
		login_apop(l, (char *)user.bytes, user.len, (char *)pass.bytes, out);
	else
		login_pass(l, (char *)user.bytes, user.len, &pass, out);
	if (out->state == AUTH_DONE)
		assert(!memchr(user.bytes, 0, user.len) && !memchr(pass.bytes, 0, pass.len));
	secret_drop(&user);
	secret_drop(&pass);
}

static void exchange(struct login *l, const char *mech, unsigned bits, const uint8_t *p, size_t len,
		     struct auth_answer *out)
{
	struct secret first = { 0 };

	if (bits & EARLY)
		first = next(&p, &len);
	login_begin(l, mech, bits & EARLY ? first.bytes : NULL, first.len, out);
	check(out, bits);
	secret_drop(&first);
	for (int i = 0; i < 6; i++) {
		struct secret line = next(&p, &len);

		login_step(l, line.bytes, line.len, out);
		check(out, bits);
		secret_drop(&line);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned bits = size ? data[0] : 0;
	struct auth_facts f = facts_of(bits);
	struct login *l = login_new(the_auth(), &f);
	struct auth_answer out;
	struct secret mech;

	data += size > 0;
	size -= size > 0;
	mech = next(&data, &size);
	if (strcmp((char *)mech.bytes, "USER") == 0 || strcmp((char *)mech.bytes, "APOP") == 0)
		classic(l, mech.bytes[0] == 'A', data, size, &out);
	else
		exchange(l, (char *)mech.bytes, bits, data, size, &out);
	check(&out, bits);
	login_free(&l);
	secret_drop(&mech);
	return 0;
}

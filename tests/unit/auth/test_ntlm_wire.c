/* test_ntlm_wire.c - messages whole, cut off at every length, and with every place they name moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/auth/ntlm_wire.h"
#include "tests/unit/auth/spoken.h"

static struct octets from_b64(const char *text)
{
	struct octets o;

	assert_true(b64_decode(o.p, &o.len, text, strlen(text)));
	return o;
}

static void is_bytes(const struct ntlm_bytes *b, const void *p, size_t len)
{
	assert_int_equal(b->len, len);
	assert_memory_equal(b->p, p, len);
}

static void is_wide(const struct ntlm_bytes *b, const char *text)
{
	struct octets o = wide(text);

	is_bytes(b, o.p, o.len);
}

/* A copy that ends where the message does: reading behind it is seen. */
static bool reads(const unsigned char *p, size_t len)
{
	unsigned char *copy = malloc(len ? len : 1);
	struct ntlm_answer a;
	bool ok;

	memcpy(copy, p, len);
	ok = ntlm_read_answer(copy, len, &a);
	if (ok) {
		const struct ntlm_bytes *all[] = { &a.lm, &a.nt, &a.domain, &a.user,
						   &a.workstation };

		for (size_t i = 0; i < 5; i++)
			assert_true(all[i]->p >= copy && all[i]->p + all[i]->len <= copy + len);
	}
	free(copy);
	return ok;
}

/* ---- NEGOTIATE ---- */

static void negotiate(void **state)
{
	struct octets o = from_b64(POP3_NEGOTIATE);
	uint32_t flags;

	(void)state;
	assert_true(ntlm_read_negotiate(o.p, o.len, &flags));
	assert_int_equal(flags, 0xa2088207);
	assert_true(ntlm_read_negotiate(o.p, 16, &flags)); /* as short as they get */
	for (size_t len = 0; len < 16; len++)
		assert_false(ntlm_read_negotiate(o.p, len, &flags));
	for (size_t i = 0; i < 12; i++) { /* signature and type */
		o.p[i] ^= 1;
		assert_false(ntlm_read_negotiate(o.p, o.len, &flags));
		o.p[i] ^= 1;
	}
}

static void agrees_to_what_it_can(void **state)
{
	static const struct {
		uint32_t said, want;
	} rows[] = {
		{ 0xa2088207, 0xa2898205 },              /* Windows */
		{ 0x00088206, 0x00898206 },              /* curl: OEM */
		{ 0x00000000, 0x00800202 },              /* says nothing */
		{ 0xffffffff, 0xa2898205 },              /* everything: no keys, no datagrams */
		{ NTLM_UNICODE | NTLM_OEM, 0x00800201 }, /* one of the two */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(ntlm_agree(rows[i].said), rows[i].want);
}

/* ---- CHALLENGE ---- */

static const struct spa_names names = { .nb_domain = "EXAMPLE",
					.nb_computer = "MAIL",
					.dns_domain = "example.com",
					.dns_computer = "mail.example.com" };

static unsigned get16(const char *p)
{
	return (unsigned char)p[0] | (unsigned)(unsigned char)p[1] << 8;
}

/* Walks the pairs as a client would; NULL: no such pair. */
static const char *pair(const struct buf *b, unsigned want, unsigned *len)
{
	const char *m = buf_at(b), *p = m + get16(m + 44), *end = p + get16(m + 40);

	assert_true(end == m + b->len);
	while (p < end) {
		unsigned id = get16(p);

		*len = get16(p + 2);
		if (id == want)
			return p + 4;
		if (id == 0)
			return NULL;
		p += 4 + *len;
	}
	fail_msg("no end");
	return NULL;
}

static void has_pair(const struct buf *b, unsigned id, const char *text)
{
	struct octets want = wide(text);
	unsigned len;
	const char *p = pair(b, id, &len);

	assert_non_null(p);
	assert_int_equal(len, want.len);
	assert_memory_equal(p, want.p, len);
}

static void challenge_has_all(void **state)
{
	const struct ntlm_challenge c = { .flags = ntlm_agree(0xa2088207),
					  .nonce = "12345678",
					  .time = 0x01d0a09b2c3d4e5f,
					  .names = &names };
	struct octets target = wide("EXAMPLE");
	struct buf b = { 0 };
	unsigned len;
	const char *m;

	(void)state;
	ntlm_write_challenge(&b, &c);
	m = buf_at(&b);
	assert_memory_equal(m, "NTLMSSP\0\2\0\0\0", 12);
	assert_memory_equal(m + 20, "\x05\x82\x89\xa2", 4);
	assert_memory_equal(m + 24, "12345678\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(m + 48, "\x0a\0\0\0\0\0\0\x0f", 8);
	assert_int_equal(get16(m + 12), target.len);
	assert_memory_equal(m + get16(m + 16), target.p, target.len);
	has_pair(&b, 1, "MAIL");
	has_pair(&b, 2, "EXAMPLE");
	has_pair(&b, 3, "mail.example.com");
	has_pair(&b, 4, "example.com");
	assert_memory_equal(pair(&b, 7, &len), "\x5f\x4e\x3d\x2c\x9b\xa0\xd0\x01", 8);
	assert_non_null(pair(&b, 0, &len)); /* the end */
	assert_int_equal(len, 0);
	buf_drop(&b);
}

static void challenge_for_clients_without_unicode(void **state)
{
	static const struct spa_names few = { .nb_domain = "HOST", .nb_computer = "HOST" };
	const struct ntlm_challenge c = { .flags = ntlm_agree(0x00000206), .names = &few };
	struct buf b = { 0 };

	(void)state;
	ntlm_write_challenge(&b, &c);
	assert_int_equal(get16(buf_at(&b) + 12), 4);
	assert_memory_equal(buf_at(&b) + get16(buf_at(&b) + 16), "HOST", 4);
	has_pair(&b, 2, "HOST"); /* pairs are in Unicode all the same (2.2.2.1) */
	assert_null(pair(&b, 3, &(unsigned){ 0 })); /* no name, no pair */
	assert_memory_equal(buf_at(&b) + 48, "\0\0\0\0\0\0\0\0", 8);
	buf_drop(&b);
}

static void time_is_that_of_windows(void **state)
{
	(void)state;
	assert_true(ntlm_time(0) == 116444736000000000u);
	assert_true(ntlm_time(1) == 116444736000000010u);
	assert_true(ntlm_time(1700000000000000u) == 133444736000000000u);
}

/* ---- AUTHENTICATE ---- */

static void answer_of_windows(void **state)
{
	struct octets o = from_b64(POP3_ANSWER);
	struct ntlm_answer a;

	(void)state;
	assert_true(ntlm_read_answer(o.p, o.len, &a));
	is_wide(&a.user, "user");
	is_wide(&a.domain, "");
	is_wide(&a.workstation, "NF-CLIENT");
	is_bytes(&a.lm, "\x4a\x32\x24\x38\x76\x38\x5c\x4a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
	is_bytes(&a.nt, o.p + 0x7a, 24);
	assert_int_equal(a.flags, 0xa2888205);
}

/* The fields that say where something lies. */
static const size_t fields[] = { 12, 20, 28, 36, 44 };
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static void cut_off_anywhere(void **state)
{
	struct octets o = from_b64(POP3_ANSWER);

	(void)state;
	assert_true(reads(o.p, o.len));
	for (size_t len = 0; len < o.len; len++)
		assert_false(reads(o.p, len)); /* the NT response is the end of it */
}

static void put16(unsigned char *p, unsigned n)
{
	p[0] = (unsigned char)n;
	p[1] = (unsigned char)(n >> 8);
}

static void put32(unsigned char *p, uint32_t n)
{
	put16(p, n & 0xffff);
	put16(p + 2, n >> 16);
}

static void places_outside(void **state)
{
	static const uint32_t far[] = { 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0 };
	struct octets o = from_b64(POP3_ANSWER);
	uint32_t len = (uint32_t)o.len;

	(void)state;
	for (size_t i = 0; i < N_FIELDS; i++) {
		struct octets m = o;
		unsigned char *f = m.p + fields[i];

		put16(f, 24);
		put32(f + 4, len - 24);
		assert_true(reads(m.p, m.len)); /* up to the end, over others: fine */
		put32(f + 4, len - 23);
		assert_false(reads(m.p, m.len));
		put32(f + 4, len);
		assert_false(reads(m.p, m.len));
		put32(f + 4, 0); /* over the head: odd, but inside */
		assert_true(reads(m.p, m.len));
		for (size_t k = 0; k < 4; k++) {
			put32(f + 4, far[k]);
			put16(f, 24);
			assert_false(reads(m.p, m.len));
			put16(f, 0); /* nothing lies nowhere */
			assert_true(reads(m.p, m.len));
		}
		put16(f, 0xffff);
		put32(f + 4, 64);
		assert_false(reads(m.p, m.len));
	}
}

static void names_are_bounded(void **state)
{
	unsigned char m[64 + 2 * NTLM_NAME_MAX];
	struct octets o = from_b64(POP3_ANSWER);

	(void)state;
	memset(m, 'x', sizeof(m));
	memcpy(m, o.p, 64);
	for (size_t i = 0; i < N_FIELDS; i++)
		put16(m + fields[i], 0);
	for (size_t i = 0; i < N_FIELDS; i++) {
		put32(m + fields[i] + 4, 64);
		put16(m + fields[i], NTLM_NAME_MAX);
		assert_true(reads(m, sizeof(m)));
		put16(m + fields[i], NTLM_NAME_MAX + 1);
		assert_int_equal(reads(m, sizeof(m)), fields[i] < 28); /* responses may be long */
		put16(m + fields[i], 0);
	}
}

/* Clients of old stop behind the workstation, or behind the session key. */
static void short_heads(void **state)
{
	struct octets o = from_b64(POP3_ANSWER);
	struct ntlm_answer a;

	(void)state;
	for (size_t i = 0; i < N_FIELDS; i++)
		put16(o.p + fields[i], 0);
	for (size_t len = 0; len < 90; len++) {
		assert_int_equal(reads(o.p, len), len >= 52);
		if (len >= 52) {
			ntlm_read_answer(o.p, len, &a);
			assert_int_equal(a.flags, len >= 64 ? 0xa2888205 : 0);
		}
	}
}

/* ---- pairs ---- */

#define HEAD "\1\1\0\0\0\0\0\0ttttttttcccccccc\0\0\0\0"
#define SIXTEEN "0123456789abcdef"

static void pairs(void **state)
{
	static const struct {
		const char *p;
		size_t len;
		bool want;
		uint32_t flags;
		size_t binding_len;
	} rows[] = {
		{ "", 0, true, 0, 0 },
		{ "\0\0\0\0", 4, true, 0, 0 },
		{ "\0\0\0\0\0\0\0\0", 8, true, 0, 0 },
		{ "\6\0\4\0\2\0\0\0", 8, true, 2, 0 },
		{ "\6\0\4\0\2\0\0\0\0\0\0\0", 12, true, 2, 0 },
		{ "\2\0\2\0A\0\6\0\4\0\3\0\0\0\0\0\0\0", 18, true, 3, 0 },
		{ "\x0a\0\x10\0" SIXTEEN "\0\0\0\0", 24, true, 0, 16 },
		{ "\0\0\0\0\6\0\4\0\2\0\0\0", 12, true, 0, 0 }, /* behind the end */
		{ "\6\0\3\0\2\0\0", 7, false, 0, 0 },           /* flags of three octets */
		{ "\x0a\0\x08\0" SIXTEEN, 12, false, 0, 0 },    /* half a hash */
		{ "\2\0\3\0A\0", 6, false, 0, 0 },              /* longer than there is */
		{ "\2\0\xff\xff", 4, false, 0, 0 },
		{ "\6\0\4\0\2\0\0", 7, false, 0, 0 },
		{ "\6\0\4", 3, false, 0, 0 }, /* half a head */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = 44 + rows[i].len;
		unsigned char *nt = malloc(len);
		struct ntlm_pairs out;

		memset(nt, 'p', 16);
		memcpy(nt + 16, HEAD, 28);
		memcpy(nt + 44, rows[i].p, rows[i].len);
		assert_int_equal(ntlm_read_pairs(&(struct ntlm_bytes){ nt, len }, &out),
				 rows[i].want);
		if (rows[i].want) {
			assert_int_equal(out.flags, rows[i].flags);
			assert_int_equal(out.binding.len, rows[i].binding_len);
		}
		for (size_t cut = 0; cut < 44; cut++)
			assert_false(ntlm_read_pairs(&(struct ntlm_bytes){ nt, cut }, &out));
		free(nt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(negotiate),
		cmocka_unit_test(agrees_to_what_it_can),
		cmocka_unit_test(challenge_has_all),
		cmocka_unit_test(challenge_for_clients_without_unicode),
		cmocka_unit_test(time_is_that_of_windows),
		cmocka_unit_test(answer_of_windows),
		cmocka_unit_test(cut_off_anywhere),
		cmocka_unit_test(places_outside),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(short_heads),
		cmocka_unit_test(pairs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

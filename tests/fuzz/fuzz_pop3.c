/* fuzz_pop3.c - the whole POP3 engine against any client.
 *
 * The first octet says how the world behaves (answers later, slow reader, short reads, policies), the rest is what the client
 * sends. The world (fake.h) asserts that nothing is said after good-bye, nothing asked twice, every message given back. Here:
 * every line is whole and short enough, and - unless TLS drops input - how the octets were cut up makes no difference.
 */
#include <stdint.h>
#include "tests/unit/pop3/fake.h"

enum { LATER = 1, SLOW = 2, SHORT = 4, TLS = 8, EXPIRES = 16, FAILS = 32 };

static const char plain[] = "Subject: one\r\n\r\nhello\r\n";
static const char foreign[] = ".a\n\n.\n..b\r\r\n\0c\n.";
static const struct fake_msg mail[] = {
	{ .stored = plain, .len = sizeof(plain) - 1, .octets = sizeof(plain) - 1 },
	{ .stored = foreign, .len = sizeof(foreign) - 1, .octets = 22, .flags = MSG_REPAIR },
	{ .stored = "..\r\n", .len = 4, .octets = 4, .flags = MSG_DOTS, .in_memory = true },
	{ .stored = "", .in_memory = true },
};

static void begin(struct fake *f, unsigned how)
{
	fake_defaults(f);
	f->mail = mail;
	f->n_mail = sizeof(mail) / sizeof(mail[0]);
	f->async = how & LATER;
	f->slow = how & SLOW;
	f->read_max = how & SHORT ? 1 : 0;
	f->policy.stls_offered = how & TLS;
	f->policy.expire_days = how & EXPIRES ? 0 : EXPIRE_NEVER;
	f->fetch_fails = how & FAILS ? EC_TEMP : EC_OK;
	f->commit_fails = how & FAILS ? EC_TEMP : EC_OK;
	fake_begin(f);
	p3_greet(f->s);
}

static void play(struct fake *f, unsigned how, const char *p, size_t len, size_t step)
{
	begin(f, how);
	for (size_t at = 0; at < len && !f->byed; at += step)
		fake_send(f, p + at, step < len - at ? step : len - at);
}

static void check_lines(const struct fake *f)
{
	const char *p = buf_at(&f->out), *end = p + f->out.len;

	while (p < end) {
		const char *nl = memmem(p, (size_t)(end - p), "\r\n", 2);
		assert(nl && nl + 2 - p <= FAKE_REPLY_MAX);
		p = nl + 2;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake whole, parts;

	if (size < 1)
		return 0;
	const char *p = (const char *)data + 1;
	unsigned how = data[0];
	play(&whole, how & ~(unsigned)(LATER | SHORT), p, size - 1, size);
	play(&parts, how, p, size - 1, 1 + how / 64);
	check_lines(&whole);
	check_lines(&parts);
	if (!(how & TLS)) {
		assert(whole.out.len == parts.out.len);
		assert(!memcmp(buf_at(&whole.out), buf_at(&parts.out), parts.out.len));
		assert(whole.verdict == parts.verdict && whole.n_commits == parts.n_commits);
	}
	fake_end(&whole);
	fake_end(&parts);
	return 0;
}

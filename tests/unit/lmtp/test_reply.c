/* test_reply.c - every class has words, and every reply is one line that fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "server/lmtp/reply.h"

static void check_words(const struct lm_words *w, enum ec class, bool full_waits)
{
	static const enum ec may_bounce[] = { EC_USAGE, EC_ABSENT, EC_REFUSED, EC_QUOTA };
	bool bounce = false;

	for (size_t i = 0; i < sizeof(may_bounce) / sizeof(may_bounce[0]); i++)
		bounce |= class == may_bounce[i];
	bounce &= class != EC_QUOTA || !full_waits;
	assert_int_equal(strlen(w->code), 3);
	assert_int_equal(w->code[0], w->status[0]);
	assert_int_equal(w->code[0] == '2', class == EC_OK);
	assert_true(bounce || w->code[0] != '5');
}

static void test_every_class(void **state)
{
	(void)state;
	for (int class = EC_OK; class < EC_COUNT; class ++) {
		for (int waits = 0; waits < 2; waits++) {
			check_words(lm_words_rcpt(class, waits), class, waits);
			check_words(lm_words_final(class, waits), class, waits);
		}
	}
}

static const struct lm_words *(*const moments[])(enum ec class, bool full_waits) = {
	lm_words_rcpt,
	lm_words_final,
};

static void test_quota_and_hold(void **state)
{
	static const struct {
		enum ec class;
		bool full_waits;
		const char *want;
	} cases[] = {
		{ EC_QUOTA, false, "552 5.2.2 <k@a> mailbox is full (over quota)\r\n" },
		{ EC_QUOTA, true,
		  "452 4.2.2 <k@a> mailbox is full (over quota), try again later\r\n" },
		{ EC_LOCKED, false, "450 4.2.1 <k@a> mailbox takes no mail for now\r\n" },
		{ EC_LOCKED, true, "450 4.2.1 <k@a> mailbox takes no mail for now\r\n" },
	};
	char out[LM_REPLY_MAX + 1];

	(void)state;
	for (size_t m = 0; m < sizeof(moments) / sizeof(moments[0]); m++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			lm_reply(out, moments[m](cases[i].class, cases[i].full_waits), "k@a");
			assert_string_equal(out, cases[i].want);
		}
	}
}

static void test_lines(void **state)
{
	char out[LM_REPLY_MAX + 1], address[1000];

	(void)state;
	size_t n = lm_reply(out, lm_words_rcpt(EC_ABSENT, false), "kim@a");

	assert_int_equal(n, strlen(out));
	assert_string_equal(out, "550 5.1.1 <kim@a> no such mailbox here\r\n");
	lm_reply(out, &lm_too_big, NULL);
	assert_string_equal(out, "552 5.3.4 message is larger than this server takes\r\n");
	for (size_t len = 1; len < sizeof(address); len++) {
		memset(address, 'a', len);
		address[len] = '\0';
		n = lm_reply(out, lm_words_final(EC_BROKEN, false), address);
		assert_int_equal(n, strlen(out));
		assert_true(n <= LM_REPLY_MAX);
		assert_memory_equal(out + n - 2, "\r\n", 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_class),
		cmocka_unit_test(test_quota_and_hold),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

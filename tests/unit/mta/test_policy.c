/* test_policy.c - requests and actions of access policy, cut anywhere, answered at once and later. */
#include "tests/unit/mta/fed.h"
#include "server/mta/policy.h"

struct asker { /* fed first, so that the one is the other */
	struct fed f;
	struct policy *s;
	struct policy_ask *q;
	char asked[400]; /* "recipient octets;" of each question */
};

static const struct {
	const char *recipient;
	enum policy_action action;
} answers[] = { { "held@x", POLICY_HELD },
		{ "full@x", POLICY_FULL },
		{ "later@x", POLICY_FULL_LATER } };

/* The recipient says what comes of it; nothing speaks against all others. */
static void fill(struct policy_ask *q)
{
	q->action = POLICY_DUNNO;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strlen(answers[i].recipient) == q->recipient.len &&
		    memcmp(answers[i].recipient, q->recipient.p, q->recipient.len) == 0)
			q->action = answers[i].action;
}

static bool ask(void *ctx, struct policy_ask *q)
{
	struct asker *a = ctx;
	size_t len = strlen(a->asked);

	assert_null(a->q);
	snprintf(a->asked + len, sizeof(a->asked) - len, "%.*s %ju;", (int)q->recipient.len,
		 q->recipient.p, (uintmax_t)q->octets);
	fill(q); /* the recipient is lent for this call only */
	if (a->f.later)
		a->q = q;
	return !a->f.later;
}

static const struct policy_out out = { fed_put, ask };

static enum mta_verdict feed(struct fed *f, const char *p, size_t len, size_t *eaten)
{
	return policy_feed(((struct asker *)f)->s, p, len, eaten);
}

static bool answer(struct fed *f)
{
	struct asker *a = (struct asker *)f;
	struct policy_ask *q = a->q;

	a->q = NULL;
	if (q)
		f->last = policy_answered(a->s, q);
	return q;
}

static void begin(struct asker *a, bool later)
{
	*a = (struct asker){ .f = { .later = later, .feed = feed, .answer = answer } };
	a->f.mem = arena_new("test", 500);
	a->s = policy_new(a->f.mem, &out, a);
}

#define R "request=smtpd_access_policy\n"
#define DUNNO "action=DUNNO\n\n"
#define HELD "action=450 4.2.1 mailbox takes no mail for now\n\n"
#define FULL "action=552 5.2.2 mailbox is full (over quota)\n\n"
#define LATER "action=452 4.2.2 mailbox is full (over quota), try again\n\n"
#define NO_REQUEST "no request=smtpd_access_policy"

static const struct {
	const char *say, *asked, *hear;
	const char *fault; /* NULL: it goes on */
} cases[] = {
	{ "", "", "", NULL },
	/* as Postfix has it */
	{ R "protocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=192.0.2.7\n"
	    "client_name=unknown\nhelo_name=mx.y\nsender=\nrecipient=full@x\nrecipient_count=0\n"
	    "queue_id=\ninstance=123.456.7\nsize=12345\nccert_subject=\nstress=\n\n",
	  "full@x 12345;", FULL, NULL },
	{ R "recipient=k@x\nsize=1\n\n", "k@x 1;", DUNNO, NULL },
	{ R "size=1\nrecipient=held@x\n\n", "held@x 1;", HELD, NULL },
	{ R "recipient=later@x\n\n", "later@x 0;", LATER, NULL },
	{ "recipient=k@x\n" R "\n", "k@x 0;", DUNNO, NULL },
	/* several */
	{ R "recipient=full@x\n\n" R "recipient=k@x\n\n" R "recipient=held@x\nsize=2\n\n",
	  "full@x 0;k@x 0;held@x 2;", FULL DUNNO HELD, NULL },
	{ R "recipient=full@x\nsize=9\n\n" R "recipient=k@x\n\n" R "recip", "full@x 9;k@x 0;",
	  FULL DUNNO, NULL },
	/* nobody is named: before RCPT, and at DATA with several recipients */
	{ R "protocol_state=DATA\nrecipient=\nsize=5\n\n", "", DUNNO, NULL },
	{ R "\n", "", DUNNO, NULL },
	/* values are anything but a line's end */
	{ R "recipient=a=b@x\n\n", "a=b@x 0;", DUNNO, NULL },
	{ R "recipient= k@x\n\n", " k@x 0;", DUNNO, NULL },
	{ R "recipient=k@x\r\n\n", "k@x\r 0;", DUNNO, NULL },
	{ R "=\n=x\nrecipients=a\nRecipient=b\nrecipient=k@x\n\n", "k@x 0;", DUNNO, NULL },
	/* sizes */
	{ R "recipient=k@x\nsize=\n\n", "k@x 0;", DUNNO, NULL },
	{ R "recipient=k@x\nsize=-1\n\n", "k@x 0;", DUNNO, NULL },
	{ R "recipient=k@x\nsize=1k\n\n", "k@x 0;", DUNNO, NULL },
	{ R "recipient=k@x\nsize=0009\n\n", "k@x 9;", DUNNO, NULL },
	{ R "recipient=k@x\nsize=4611686018427387904\n\n", "k@x 4611686018427387904;", DUNNO,
	  NULL },
	{ R "recipient=k@x\nsize=9223372036854775808\n\n", "k@x 9223372036854775807;", DUNNO,
	  NULL },
	{ R "recipient=k@x\nsize=99999999999999999999999999\n\n", "k@x 9223372036854775807;", DUNNO,
	  NULL },
	/* what is no request */
	{ "recipient=k@x\n\n", "", "", NO_REQUEST },
	{ "request=junk\nrecipient=k@x\n\n", "", "", NO_REQUEST },
	{ "request=smtpd_access_policy2\n\n", "", "", NO_REQUEST },
	{ "request=\n\n", "", "", NO_REQUEST },
	{ "\n", "", "", NO_REQUEST },
	{ "GET / HTTP/1.0\r\n", "", "", NO_REQUEST },
	{ R "recipient=k@x\nhello\n", "", "", NO_REQUEST },
	{ R "recipient=full@x\n\nQUIT\n" R "\n", "full@x 0;", FULL, NO_REQUEST },
	{ R "recipient=full@x\n\n\n", "full@x 0;", FULL, NO_REQUEST },
};

static void expect(const struct asker *a, const char *fault)
{
	const char *said = policy_fault(a->s);

	assert_int_equal(a->f.last, fault ? MTA_BYE : MTA_NEXT);
	assert_int_equal(!said, !fault);
	if (said)
		assert_string_equal(said, fault);
}

static void check(size_t i, bool later, size_t first, size_t step)
{
	struct asker a;

	begin(&a, later);
	fed_pieces(&a.f, cases[i].say, strlen(cases[i].say), first, step);
	assert_string_equal(fed_out(&a.f), cases[i].hear);
	assert_string_equal(a.asked, cases[i].asked);
	expect(&a, cases[i].fault);
	fed_drop(&a.f);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int later = 0; later < 2; later++) {
			size_t len = strlen(cases[i].say);

			check(i, later, 1, 1);
			for (size_t at = 0; at <= len; at++)
				check(i, later, at, len);
		}
}

/* A request of so many octets in all. */
static void check_long(size_t len, size_t step, const char *hear, const char *fault)
{
	static const char first[] = R "recipient=full@x\nccert_subject=";
	char request[POLICY_REQUEST_MAX + 2];
	struct asker a;

	begin(&a, false);
	memset(request, 'x', len);
	memcpy(request, first, strlen(first));
	memcpy(request + len - 2, "\n\n", 2);
	fed_pieces(&a.f, request, len, step, step);
	assert_string_equal(fed_out(&a.f), hear);
	expect(&a, fault);
	fed_drop(&a.f);
}

static void test_long(void **state)
{
	static const size_t steps[] = { 100, 9999, 20000 };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		check_long(POLICY_REQUEST_MAX, steps[i], FULL, NULL);
		check_long(POLICY_REQUEST_MAX + 1, steps[i], "", "a request that is too long");
	}
}

/* What is asked is still answered; what came behind it is not. */
static void test_stop(void **state)
{
	static const char two[] = R "recipient=held@x\n\n" R "recipient=full@x\n\n";
	struct asker a;
	size_t eaten;

	(void)state;
	begin(&a, true);
	assert_int_equal(policy_feed(a.s, two, strlen(two), &eaten), MTA_WAIT);
	assert_int_equal(eaten, strlen(two) / 2);
	assert_int_equal(policy_feed(a.s, two, strlen(two), &eaten), MTA_WAIT);
	assert_int_equal(eaten, 0);
	assert_int_equal(policy_stop(a.s), MTA_WAIT);
	assert_int_equal(policy_answered(a.s, a.q), MTA_BYE);
	assert_string_equal(fed_out(&a.f), HELD);
	assert_int_equal(policy_feed(a.s, two, strlen(two), &eaten), MTA_BYE);
	fed_drop(&a.f);
	begin(&a, true);
	assert_int_equal(policy_stop(a.s), MTA_BYE);
	fed_drop(&a.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

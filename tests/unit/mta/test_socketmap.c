/* test_socketmap.c - requests and replies of the maps, cut anywhere, answered at once and later. */
#include "tests/unit/mta/fed.h"
#include "server/mta/socketmap.h"

struct asker { /* fed first, so that the one is the other */
	struct fed f;
	struct sm *sm;
	struct sm_ask *q;
};

static const struct {
	const char *key;
	enum ec class;
} answers[] = {
	{ "no", EC_ABSENT },   { "away", EC_TEMP },    { "busy", EC_BUSY },
	{ "sick", EC_BROKEN }, { "shut", EC_REFUSED },
};

/* The key says what comes of it; all else is found: its map's number and itself. */
static void fill(struct sm_ask *q, struct mta_text key)
{
	q->class = EC_OK;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strlen(answers[i].key) == key.len &&
		    memcmp(answers[i].key, key.p, key.len) == 0)
			q->class = answers[i].class;
	snprintf(q->value, sizeof(q->value), "%d/%.*s", (int)q->map,
		 key.len < 300 ? (int)key.len : 300, key.p);
}

static bool ask(void *ctx, struct sm_ask *q)
{
	struct asker *a = ctx;

	assert_null(a->q);
	fill(q, q->key); /* the key is lent for this call only */
	if (a->f.later)
		a->q = q;
	return !a->f.later;
}

static const struct sm_out out = { fed_put, ask };

static enum mta_verdict feed(struct fed *f, const char *p, size_t len, size_t *eaten)
{
	return sm_feed(((struct asker *)f)->sm, p, len, eaten);
}

static bool answer(struct fed *f)
{
	struct asker *a = (struct asker *)f;
	struct sm_ask *q = a->q;

	a->q = NULL;
	if (q)
		f->last = sm_answered(a->sm, q);
	return q;
}

static void begin(struct asker *a, bool later)
{
	*a = (struct asker){ .f = { .later = later, .feed = feed, .answer = answer } };
	a->f.mem = arena_new("test", 500);
	a->sm = sm_new(a->f.mem, &out, a);
}

#define NO "9:NOTFOUND ,"
#define PERM "53:PERM ask for domains, mailboxes or senders, and a key,"
#define TEMP "50:TEMP winpopd cannot tell just now; ask again later,"

static const struct {
	const char *say, *hear;
	enum mta_verdict end;
} cases[] = {
	{ "", "", MTA_NEXT },
	{ "9:domains x,", "6:OK 0/x,", MTA_NEXT },
	{ "13:mailboxes k@x,", "8:OK 1/k@x,", MTA_NEXT },
	{ "11:senders k@x,", "8:OK 2/k@x,", MTA_NEXT },
	{ "9:domains x,9:domains y,10:domains no,9:domains z,", "6:OK 0/x,6:OK 0/y," NO "6:OK 0/z,",
	  MTA_NEXT },
	{ "11:domains a b,", "8:OK 0/a b,", MTA_NEXT },
	{ "8:domains ,", "5:OK 0/,", MTA_NEXT },
	{ "12:domains away,9:domains x,", TEMP "6:OK 0/x,", MTA_NEXT },
	{ "12:domains shut,", TEMP, MTA_NEXT },
	{ "12:domains busy,", "48:TEMP too many questions at once; ask again later,", MTA_NEXT },
	{ "12:domains sick,",
	  "73:TEMP winpopd cannot tell; its log says what an administrator must look at,",
	  MTA_NEXT },
	{ "7:domains,9:domains x,", PERM "6:OK 0/x,", MTA_NEXT },
	{ "9:Domains x,", PERM, MTA_NEXT },
	{ "8:virtual x,", "44:PERM not a netstring of at most 10000 octets,", MTA_BYE },
	{ "9:virtual x,", PERM, MTA_NEXT },
	{ "10:access k@x,", PERM, MTA_NEXT },
	{ "2: x,", PERM, MTA_NEXT },
	{ "0:,", PERM, MTA_NEXT },
	{ "9:domains x,QUIT", "6:OK 0/x,44:PERM not a netstring of at most 10000 octets,",
	  MTA_BYE },
	{ "10001:", "44:PERM not a netstring of at most 10000 octets,", MTA_BYE },
	{ "9:domains x,9:domai", "6:OK 0/x,", MTA_NEXT },
};

static void check(size_t i, bool later, size_t first, size_t step)
{
	struct asker a;

	begin(&a, later);
	fed_pieces(&a.f, cases[i].say, strlen(cases[i].say), first, step);
	assert_string_equal(fed_out(&a.f), cases[i].hear);
	assert_int_equal(a.f.last, cases[i].end);
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

/* The longest request there may be, and the longest value. */
static void test_long(void **state)
{
	struct asker a;
	char request[SM_REQUEST_MAX + 20], want[SM_VALUE_MAX + 20];

	(void)state;
	begin(&a, false);
	int n = snprintf(request, sizeof(request), "%d:domains ", SM_REQUEST_MAX);

	memset(request + n, 'x', SM_REQUEST_MAX - 8);
	request[n + SM_REQUEST_MAX - 8] = ',';
	fed_pieces(&a.f, request, (size_t)n + SM_REQUEST_MAX - 7, 1, 1000);
	n = snprintf(want, sizeof(want), "305:OK 0/");
	memset(want + n, 'x', 300);
	strcpy(want + n + 300, ",");
	assert_string_equal(fed_out(&a.f), want);
	fed_drop(&a.f);
}

/* What is asked is still answered; what came behind it is not. */
static void test_stop(void **state)
{
	static const char two[] = "9:domains x,9:domains y,";
	struct asker a;
	size_t eaten;

	(void)state;
	begin(&a, true);
	assert_int_equal(sm_feed(a.sm, two, strlen(two), &eaten), MTA_WAIT);
	assert_int_equal(eaten, 12);
	assert_int_equal(sm_feed(a.sm, two, strlen(two), &eaten), MTA_WAIT);
	assert_int_equal(eaten, 0);
	assert_int_equal(sm_stop(a.sm), MTA_WAIT);
	assert_int_equal(sm_answered(a.sm, a.q), MTA_BYE);
	assert_string_equal(fed_out(&a.f), "6:OK 0/x,");
	assert_int_equal(sm_feed(a.sm, two, strlen(two), &eaten), MTA_BYE);
	fed_drop(&a.f);
	begin(&a, true);
	assert_int_equal(sm_stop(a.sm), MTA_BYE);
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

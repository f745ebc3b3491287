/* test_authproto.c - exchanges of the auth protocol, cut anywhere, answered at once, later, and in another order. */
#include "tests/unit/mta/fed.h"
#include "server/mta/authproto.h"

#define T "\t"
#define N "\n"
#define HELLO "VERSION" T "1" T "2" N "CPID" T "99" N
#define OLD_HELLO "VERSION" T "1" T "0" N "CPID" T "99" N

/* "ok", "no", "away", "off", "more" in base64 */
#define OK_ "b2s="
#define NO_ "bm8="
#define AWAY_ "YXdheQ=="
#define MORE_ "bW9yZQ=="

#define SIGNED_IN(id) "OK" T id T "user=kim@example.com" N
#define WRONG(id) "FAIL" T id T "reason=user name or password is wrong" N
#define MALFORMED(id) "FAIL" T id T "reason=malformed sign-in; check the mail program's settings" N
#define LATER(id)                                                                                  \
	"FAIL" T id T "reason=cannot sign in just now; try again later" T "temp" T "code=temp_"    \
	"fail" N

#define ASKED_MAX 64

struct asker { /* fed first, so that the one is the other */
	struct fed f;
	struct ap *ap;
	struct ap_ask *asked[ASKED_MAX]; /* the oldest first */
	unsigned n_asked, n_dropped, n_begun, n_ended;
	bool newest_first;
	char seen[200]; /* the last question */
};

static const struct {
	const char *data;
	enum auth_state state;
	enum ec class;
	enum refusal refusal;
} answers[] = {
	{ "ok", AUTH_DONE },
	{ "more", AUTH_MORE },
	{ "no", AUTH_FAILED, EC_DENIED },
	{ "odd", AUTH_FAILED, EC_USAGE },
	{ "away", AUTH_FAILED, EC_TEMP },
	{ "busy", AUTH_FAILED, EC_BUSY },
	{ "sick", AUTH_FAILED, EC_BROKEN },
	{ "shut", AUTH_FAILED, EC_REFUSED, REFUSAL_NONE },
	{ "old", AUTH_FAILED, EC_REFUSED, REFUSAL_EXPIRED },
	{ "new", AUTH_FAILED, EC_REFUSED, REFUSAL_MUST_CHANGE },
	{ "off", AUTH_FAILED, EC_REFUSED, REFUSAL_DISABLED },
	{ "hour", AUTH_FAILED, EC_REFUSED, REFUSAL_NOT_NOW },
	{ "group", AUTH_FAILED, EC_REFUSED, REFUSAL_GROUP },
};

/* What the client's octets say comes of it; without any, there is more to say. */
static void fill(struct ap_ask *q)
{
	static const struct name kim = { "kim", "example.com" };

	q->state = q->data_len == 0 ? AUTH_MORE : AUTH_FAILED;
	q->class = EC_DENIED;
	q->refusal = REFUSAL_NONE;
	q->challenge = q->kind == AP_BEGIN ? "" : "go on";
	q->challenge_len = strlen(q->challenge);
	q->who = kim;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (strlen(answers[i].data) != q->data_len ||
		    memcmp(answers[i].data, q->data, q->data_len) != 0)
			continue;
		q->state = answers[i].state;
		q->class = answers[i].class;
		q->refusal = answers[i].refusal;
	}
}

static bool ask(void *ctx, struct ap_ask *q)
{
	struct asker *a = ctx;

	snprintf(a->seen, sizeof(a->seen), "%u %s %s %s%s%s %.*s", q->id, q->mech, q->service,
		 q->rip, q->secured ? " secured" : "", q->has_data ? " data" : "",
		 q->data_len < 60 ? (int)q->data_len : 60, (const char *)q->data);
	assert_true((q->kind == AP_BEGIN) == (q->own == NULL));
	a->n_begun += q->kind == AP_BEGIN;
	q->own = a;
	fill(q);
	if (a->f.later) {
		assert_true(a->n_asked < ASKED_MAX);
		a->asked[a->n_asked++] = q;
	} else if (q->state != AUTH_MORE) {
		a->n_ended++;
	}
	return !a->f.later;
}

/* Every exchange that was begun ends once: by its answer, or by being dropped. */
static void drop(void *ctx, struct ap_ask *q)
{
	struct asker *a = ctx;

	if (!q->own)
		return;
	a->n_dropped++;
	a->n_ended++;
	for (unsigned i = 0; i < a->n_asked; i++)
		if (a->asked[i] == q)
			a->asked[i] = a->asked[--a->n_asked];
}

static const struct ap_out out = { fed_put, ask, drop };

static enum mta_verdict feed(struct fed *f, const char *p, size_t len, size_t *eaten)
{
	return ap_feed(((struct asker *)f)->ap, p, len, eaten);
}

static bool answer(struct fed *f)
{
	struct asker *a = (struct asker *)f;
	unsigned i = a->newest_first ? a->n_asked - 1 : 0;

	if (a->n_asked == 0)
		return false;
	struct ap_ask *q = a->asked[i];

	a->n_asked--;
	memmove(&a->asked[i], &a->asked[i + 1], (a->n_asked - i) * sizeof(a->asked[0]));
	a->n_ended += q->state != AUTH_MORE;
	f->last = ap_answered(a->ap, q);
	return true;
}

/* Nobody answers by itself. */
static bool silent(struct fed *f)
{
	(void)f;
	return false;
}

static void begin(struct asker *a, bool later)
{
	*a = (struct asker){ .f = { .later = later, .feed = feed, .answer = answer } };
	a->f.mem = arena_new("test", 500);
	a->ap = ap_new(a->f.mem, &out, a);
}

static void end(struct asker *a)
{
	ap_gone(a->ap);
	assert_int_equal(a->n_begun, a->n_ended);
	fed_drop(&a->f);
}

static void test_greeting(void **state)
{
	struct asker a;
	char cookie[33];
	int spid, used = 0;

	(void)state;
	begin(&a, false);
	ap_greet(a.ap, " SCRAM-SHA-256 CRAM-MD5 PLAIN  LOGIN GSSAPI X-OTHER ", 77);
	const char *said = fed_out(&a.f);
	static const char head[] =
		"VERSION" T "1" T "2" N "MECH" T "SCRAM-SHA-256" T "mutual-auth" N "MECH" T
		"CRAM-MD5" T "dictionary" T "active" N "MECH" T "PLAIN" T "plaintext" N "MECH" T
		"LOGIN" T "plaintext" N "MECH" T "GSSAPI" T "mutual-auth" N "MECH" T "X-OTHER" N;

	assert_memory_equal(said, head, strlen(head));
	assert_int_equal(sscanf(said + strlen(head),
				"SPID %d\nCUID 77\nCOOKIE %32[0-9a-f]\nDONE\n%n", &spid, cookie,
				&used),
			 2);
	assert_int_equal(strlen(cookie), 32);
	assert_string_equal(said + strlen(head) + used, "");
	end(&a);
}

static const struct {
	const char *say, *hear;
	enum mta_verdict end;
} cases[] = {
	{ HELLO, "", MTA_NEXT },
	{ HELLO "AUTH" T "1" T "PLAIN" T "service=smtp" T "resp=" OK_ N, SIGNED_IN("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "PLAIN" T "service=smtp" T "resp=" NO_ N, WRONG("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "PLAIN" T "resp=" NO_ N "AUTH" T "2" T "PLAIN" T "resp=" OK_ N,
	  WRONG("1") SIGNED_IN("2"), MTA_NEXT },
	/* in two steps, in three, with an empty response in the middle */
	{ HELLO "AUTH" T "5" T "PLAIN" N "CONT" T "5" T OK_ N, "CONT" T "5" T N SIGNED_IN("5"),
	  MTA_NEXT },
	{ HELLO "AUTH" T "5" T "PLAIN" T "resp==" N "CONT" T "5" T MORE_ N "CONT" T "5" N "CONT" T
		"5" T OK_ N,
	  "CONT" T "5" T N "CONT" T "5" T "Z28gb24=" N "CONT" T "5" T "Z28gb24=" N SIGNED_IN("5"),
	  MTA_NEXT },
	/* as Exim begins: nothing was sent */
	{ OLD_HELLO "AUTH" T "5" T "CRAM-MD5" T "nologin" T "resp=" N "CONT" T "5" T OK_ N,
	  "CONT" T "5" T N SIGNED_IN("5"), MTA_NEXT },
	/* two at a time */
	{ HELLO "AUTH" T "1" T "LOGIN" N "AUTH" T "2" T "LOGIN" N "CONT" T "2" T OK_ N "CONT" T
		"1" T NO_ N,
	  "CONT" T "1" T N "CONT" T "2" T N SIGNED_IN("2") WRONG("1"), MTA_NEXT },
	/* a number may come again when its exchange has ended */
	{ HELLO "AUTH" T "1" T "X" T "resp=" NO_ N "AUTH" T "1" T "X" T "resp=" OK_ N,
	  WRONG("1") SIGNED_IN("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=*" N, MALFORMED("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=" OK_ T "secured" N, MALFORMED("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" N "CONT" T "1" T "*" N "CONT" T "1" T OK_ N,
	  "CONT" T "1" T N MALFORMED("1") LATER("1"), MTA_NEXT },
	{ HELLO "CONT" T "9" T OK_ N, LATER("9"), MTA_NEXT },
	{ OLD_HELLO "CONT" T "9" T OK_ N, "", MTA_BYE },
	{ HELLO "AUTH" T "1" T "A-MECHANISM-OF-21-LETT" T "resp=" OK_ N, MALFORMED("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" N "CANCEL" T "1" N "CONT" T "1" T OK_ N,
	  "CONT" T "1" T N LATER("1"), MTA_NEXT },
	{ HELLO "CANCEL" T "1" N, "", MTA_NEXT },
	/* why not */
	{ HELLO "AUTH" T "1" T "X" T "resp=b2Rk" N, MALFORMED("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=" AWAY_ N, LATER("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=c2ljaw==" N, LATER("1"), MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=YnVzeQ==" N,
	  "FAIL" T "1" T "reason=server is busy; try again later" T "temp" T "code=temp_fail" N,
	  MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=c2h1dA==" N,
	  "FAIL" T "1" T "reason=sign-in is not permitted; ask your administrator" T "authz" T
	  "code=authz_fail" N,
	  MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=b2xk" N,
	  "FAIL" T "1" T "reason=your password has expired; change it, then try again" T
	  "pass_expired" T "code=pass_expired" N,
	  MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=bmV3" N,
	  "FAIL" T "1" T "reason=you must change your password before you can sign in here" T
	  "pass_expired" T "code=pass_expired" N,
	  MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=b2Zm" N,
	  "FAIL" T "1" T "reason=this account is disabled; ask your administrator" T
	  "user_disabled" T "code=user_disabled" N,
	  MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=aG91cg==" N,
	  "FAIL" T "1" T "reason=you may not sign in at this time or from here; ask your "
	  "administrator" T "authz" T "code=authz_fail" N,
	  MTA_NEXT },
	{ HELLO "AUTH" T "1" T "X" T "resp=Z3JvdXA=" N,
	  "FAIL" T "1" T "reason=you are not in the group that may sign in here; ask your "
	  "administrator" T "authz" T "code=authz_fail" N,
	  MTA_NEXT },
	/* a client of version 1.0 hears of trouble by the end, of a wrong password in words */
	{ OLD_HELLO "AUTH" T "1" T "X" T "resp=" NO_ N "AUTH" T "2" T "X" T "resp=" OK_ N,
	  WRONG("1") SIGNED_IN("2"), MTA_NEXT },
	{ OLD_HELLO "AUTH" T "1" T "X" T "resp=" AWAY_ N, "", MTA_BYE },
	{ OLD_HELLO "AUTH" T "1" T "X" T "resp=YnVzeQ==" N, "", MTA_BYE },
	{ OLD_HELLO "AUTH" T "1" T "X" N "AUTH" T "2" T "X" T "resp=" AWAY_ N, "CONT" T "1" T N,
	  MTA_BYE },
	/* no protocol */
	{ "AUTH" T "1" T "X" T "resp=" OK_ N, "", MTA_BYE },
	{ "CPID" T "1" N, "", MTA_BYE },
	{ "VERSION" T "2" T "0" N, "", MTA_BYE },
	{ "VERSION" T "1" N, "", MTA_BYE },
	{ "VERSION" N, "", MTA_BYE },
	{ HELLO N, "", MTA_BYE },
	{ HELLO "auth" T "1" T "X" N, "", MTA_BYE },
	{ HELLO "USER" T "1" T "kim" N, "", MTA_BYE },
	{ HELLO "AUTH" N, "", MTA_BYE },
	{ HELLO "AUTH" T "x" T "PLAIN" N, "", MTA_BYE },
	{ HELLO "CONT" N, "", MTA_BYE },
	{ HELLO "CANCEL" T "x" N, "", MTA_BYE },
	{ HELLO "AUTH" T "1" T "X" N "AUTH" T "1" T "X" N, "CONT" T "1" T N, MTA_BYE },
	{ "EHLO me\r" N, "", MTA_BYE },
};

static void check(size_t i, bool later, size_t first, size_t step)
{
	struct asker a;

	begin(&a, later);
	fed_pieces(&a.f, cases[i].say, strlen(cases[i].say), first, step);
	assert_string_equal(fed_out(&a.f), cases[i].hear);
	assert_int_equal(a.f.last, cases[i].end);
	end(&a);
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

static void test_question(void **state)
{
	static const char auth[] =
		HELLO "AUTH" T "3" T "PLAIN" T "service=smtp" T "nologin" T "lip=192.0.2.1" T
		      "rip=192.0.2.7" T "secured" T "resp=" NO_ N;
	struct asker a;

	(void)state;
	begin(&a, false);
	fed_send(&a.f, auth, strlen(auth));
	assert_string_equal(a.seen, "3 PLAIN smtp 192.0.2.7 secured data no");
	end(&a);
}

/* A mechanism whose server speaks first takes no initial response, not even an empty one. */
static void test_initial_response(void **state)
{
	static const struct {
		const char *auth, *seen;
	} begins[] = {
		{ HELLO "AUTH" T "3" T "CRAM-MD5" N, "3 CRAM-MD5   " },
		{ HELLO "AUTH" T "3" T "CRAM-MD5" T "resp=" N, "3 CRAM-MD5   " },
		{ HELLO "AUTH" T "3" T "CRAM-MD5" T "resp==" N, "3 CRAM-MD5   data " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		struct asker a;

		begin(&a, false);
		fed_send(&a.f, begins[i].auth, strlen(begins[i].auth));
		assert_string_equal(a.seen, begins[i].seen);
		end(&a);
	}
}

/* Answers come when they come; each names its question. */
static void test_another_order(void **state)
{
	static const char three[] = HELLO "AUTH" T "1" T "X" T "resp=" OK_ N "AUTH" T "2" T "X" T
					  "resp=" NO_ N "AUTH" T "3" T "X" N;
	struct asker a;

	(void)state;
	begin(&a, true);
	a.f.answer = silent;
	a.newest_first = true;
	fed_send(&a.f, three, strlen(three));
	assert_int_equal(a.n_asked, 3);
	while (answer(&a.f))
		assert_int_equal(a.f.last, MTA_NEXT);
	assert_string_equal(fed_out(&a.f), "CONT" T "3" T N WRONG("2") SIGNED_IN("1"));
	end(&a);
}

/* The answer of one that is asked is not waited for by anybody who sends the next step before it. */
static void test_step_before_the_answer(void **state)
{
	static const char both[] = HELLO "AUTH" T "1" T "X" N "CONT" T "1" T OK_ N;
	struct asker a;

	(void)state;
	begin(&a, true);
	a.f.answer = silent;
	fed_send(&a.f, both, strlen(both));
	assert_int_equal(a.f.last, MTA_BYE);
	assert_string_equal(ap_fault(a.ap), "CONT before the answer");
	end(&a);
	assert_int_equal(a.n_dropped, 1);
}

static void start_many(struct asker *a, unsigned n)
{
	fed_send(&a->f, HELLO, strlen(HELLO));
	for (unsigned i = 1; i <= n; i++) {
		char line[40];

		fed_send(&a->f, line, (size_t)snprintf(line, sizeof(line), "AUTH\t%u\tX\n", i));
	}
}

/* Exchanges that nobody goes on with make room, the oldest first. */
static void test_forgotten_exchanges(void **state)
{
	struct asker a;
	static const char rest[] = "CONT" T "2" T OK_ N "CONT" T "3" T OK_ N;

	(void)state;
	begin(&a, false);
	start_many(&a, AP_EXCHANGES_MAX + 2);
	assert_int_equal(a.n_dropped, 2);
	buf_drop(&a.f.out);
	fed_send(&a.f, rest, strlen(rest));
	assert_string_equal(fed_out(&a.f), LATER("2") SIGNED_IN("3"));
	end(&a);
}

/* When all that there may be are asked, no more is read until one is answered. */
static void test_too_many_at_once(void **state)
{
	struct asker a;

	(void)state;
	begin(&a, true);
	a.f.answer = silent;
	start_many(&a, AP_EXCHANGES_MAX + 5);
	assert_int_equal(a.n_asked, AP_EXCHANGES_MAX);
	assert_int_equal(a.f.last, MTA_WAIT);
	assert_true(answer(&a.f));
	assert_int_equal(a.f.last, MTA_NEXT);
	fed_serve(&a.f);
	assert_int_equal(a.n_asked, AP_EXCHANGES_MAX);
	assert_int_equal(a.n_dropped, 1); /* the one that was answered made room */
	end(&a);
}

static void test_stop(void **state)
{
	static const char two[] = HELLO "AUTH" T "1" T "X" T "resp=" OK_ N "AUTH" T "2" T "X" N;
	struct asker a;

	(void)state;
	begin(&a, true);
	a.f.answer = silent;
	fed_send(&a.f, two, strlen(two));
	assert_int_equal(ap_stop(a.ap), MTA_WAIT);
	assert_true(answer(&a.f));
	assert_int_equal(a.f.last, MTA_WAIT);
	assert_true(answer(&a.f)); /* a challenge: nobody will answer it */
	assert_int_equal(a.f.last, MTA_BYE);
	assert_string_equal(fed_out(&a.f), SIGNED_IN("1") "CONT" T "2" T N);
	end(&a);
	begin(&a, false);
	start_many(&a, 3);
	assert_int_equal(ap_stop(a.ap), MTA_BYE);
	assert_int_equal(a.n_dropped, 3);
	end(&a);
}

/* Trouble for a client of version 1.0: everybody else is answered, then the connection ends. */
static void test_old_client_waits_for_the_others(void **state)
{
	static const char two[] =
		OLD_HELLO "AUTH" T "1" T "X" T "resp=" AWAY_ N "AUTH" T "2" T "X" T "resp=" OK_ N;
	struct asker a;

	(void)state;
	begin(&a, true);
	a.f.answer = silent;
	fed_send(&a.f, two, strlen(two));
	assert_true(answer(&a.f));
	assert_int_equal(a.f.last, MTA_WAIT);
	assert_true(answer(&a.f));
	assert_int_equal(a.f.last, MTA_BYE);
	assert_string_equal(fed_out(&a.f), SIGNED_IN("2"));
	end(&a);
}

static void test_forget(void **state)
{
	static const char one[] = HELLO "AUTH" T "1" T "X" N, rest[] = "CONT" T "1" T OK_ N;
	struct asker a;

	(void)state;
	begin(&a, true);
	a.f.answer = silent;
	fed_send(&a.f, one, strlen(one));
	struct ap_ask *q = a.asked[0];

	assert_true(answer(&a.f));
	ap_forget(a.ap, q);
	assert_int_equal(a.n_dropped, 1);
	buf_drop(&a.f.out);
	fed_send(&a.f, rest, strlen(rest));
	assert_string_equal(fed_out(&a.f), LATER("1"));
	end(&a);
}

static void test_long_line(void **state)
{
	static char line[AP_LINE_MAX + 2];
	struct asker a;

	(void)state;
	begin(&a, false);
	fed_send(&a.f, HELLO, strlen(HELLO));
	memset(line, 'x', sizeof(line));
	fed_pieces(&a.f, line, AP_LINE_MAX, 1000, 5000);
	assert_int_equal(a.f.last, MTA_NEXT);
	fed_send(&a.f, "x", 1);
	assert_int_equal(a.f.last, MTA_BYE);
	assert_string_equal(ap_fault(a.ap), "a line that is too long");
	end(&a);
}

/* A Kerberos ticket with all its owner's groups. */
static void test_large_response(void **state)
{
	enum { OCTETS = 49152, BASE64 = OCTETS / 3 * 4 };
	static char line[BASE64 + 200];
	struct asker a;

	(void)state;
	begin(&a, false);
	int n = snprintf(line, sizeof(line), HELLO "AUTH\t1\tGSSAPI\tservice=smtp\tresp=");

	memset(line + n, 'A', BASE64);
	line[n + BASE64] = '\n';
	fed_pieces(&a.f, line, (size_t)n + BASE64 + 1, 1000, 16384);
	assert_string_equal(fed_out(&a.f), WRONG("1"));
	end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greeting),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_question),
		cmocka_unit_test(test_initial_response),
		cmocka_unit_test(test_another_order),
		cmocka_unit_test(test_step_before_the_answer),
		cmocka_unit_test(test_forgotten_exchanges),
		cmocka_unit_test(test_too_many_at_once),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_old_client_waits_for_the_others),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_large_response),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

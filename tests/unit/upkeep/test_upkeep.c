/* upkeep: one pass over a real mail root, with a quota account's keeper that only takes notes; the daily part's clock. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/catalog/expire.h"
#include "server/upkeep/upkeep.h"
#include "tests/unit/store/tree.h"

#define KIM "kim@example.com"
#define LEE "lee@example.com"
#define ORG "max@example.org"
#define LEN(a) (sizeof(a) / sizeof(*(a)))

struct world {
	struct tree tree;
	struct catalog catalog; /* in front of the real one */
	struct catalog *local;
	struct conf *conf;
	struct log log;
	atomic_bool stop;
	struct upkeep u;
	struct upkeep_result r;
	char said[4000];
	/* of the quota accounts */
	char settled[500];     /* "kim@example.com>account " */
	const char *fails_for; /* a mailbox */
	enum ec fails_with;
	int64_t sets_clock_by; /* settling does, once */
	bool stops;            /* settling sets stop */
	unsigned n_sweeps;
	int64_t since_s;
	/* of the catalog in front */
	bool gone; /* cannot list */
	bool torn; /* tells of a damaged domain at the end of the list */
	bool away; /* finds what it remembers */
	bool old;  /* lists without links: they were made since */
	bool more; /* lists a mailbox that is on another host */
};
static struct world *here; /* a store's slots know only the store */

static int64_t clock_off_s;

int64_t __real_clock_wall_s(void);
int64_t __wrap_clock_wall_s(void);
int64_t __wrap_clock_wall_s(void)
{
	return __real_clock_wall_s() + clock_off_s;
}

uint64_t __real_clock_wall_us(void);
uint64_t __wrap_clock_wall_us(void);
uint64_t __wrap_clock_wall_us(void)
{
	return __real_clock_wall_us() + (uint64_t)(clock_off_s * 1000000);
}

static enum ec note_settle(struct store *s, const struct name *n, const char *account,
			   struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	assert_ptr_equal(s, here->tree.store);
	name_text(n, text);
	clock_off_s += here->sets_clock_by;
	here->sets_clock_by = 0;
	if (here->stops)
		atomic_store(&here->stop, true);
	if (here->fails_for && (!*here->fails_for || strcmp(here->fails_for, text) == 0))
		return err_set(e, here->fails_with, "cannot settle %s", text);
	strcat(strcat(strcat(strcat(here->settled, text), ">"), account), " ");
	return EC_OK;
}

static enum ec note_sweep(struct store *s, int64_t since_s, unsigned *n, struct err *e)
{
	(void)s, (void)e;
	here->n_sweeps++;
	here->since_s = since_s;
	*n = 3;
	return EC_OK;
}

static const struct quota_ops notes = { .settle = note_settle, .sweep = note_sweep };

static enum ec front_find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	(void)c;
	assert_string_not_equal(n->local, "elsewhere"); /* or it would come to be here */
	enum ec rc = here->local->ops->find(here->local, n, out, e);
	out->remembered = here->away;
	return rc;
}

struct relay {
	bool (*fn)(void *ctx, const struct entry *);
	void *ctx;
};

static bool as_it_was(void *ctx, const struct entry *en)
{
	struct relay *r = ctx;
	struct entry before = *en;

	if (here->old)
		before.quota[0] = '\0';
	return r->fn(r->ctx, &before);
}

static enum ec front_each(struct catalog *c, const struct name *domain,
			  bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	struct relay r = { fn, ctx };

	(void)c;
	if (here->gone)
		return err_set(e, EC_TEMP, "the directory is away");
	if (here->more && domain)
		fn(ctx, &(struct entry){ .name = tree_name("elsewhere@example.com") });
	enum ec rc = here->local->ops->each(here->local, domain, as_it_was, &r, e);
	return here->torn && !domain ? err_set(e, EC_BROKEN, "example.net is damaged") : rc;
}

static const struct catalog_ops front = { .name = "front", .find = front_find, .each = front_each };

static void hear(void *ctx, const char *line)
{
	struct world *w = ctx;

	assert_true(strlen(w->said) + strlen(line) + 2 < sizeof(w->said));
	strcat(strcat(w->said, line), "\n");
}

static unsigned heard(const struct world *w, const char *event)
{
	unsigned n = 0;

	for (const char *p = w->said; (p = strstr(p, event)) != NULL; p++)
		n++;
	return n;
}

static void settings(struct world *w, const char *more)
{
	char text[300];
	struct err e;
	int len = snprintf(text, sizeof(text), "role = member\nmailroot = %s\n%s", w->tree.path,
			   more);

	conf_unref(&w->conf);
	if (conf_parse("test.conf", text, (size_t)len, &w->conf, &e) != EC_OK)
		fail_msg("%s", e.text);
	w->u.conf = w->conf;
}

static int setup(void **state)
{
	struct world *w = here = calloc(1, sizeof(*w));
	struct name org = tree_name("example.org");
	struct err e;

	tree_setup(&w->tree);
	tree_reopen(&w->tree, true);
	w->tree.store->quota = &notes;
	assert_ec(mailroot_add_domain(w->tree.root, &org, &e), EC_OK);
	tree_add_mailbox(&w->tree, LEE);
	tree_add_mailbox(&w->tree, ORG);
	assert_ec(catalog_local_open(w->tree.root, &w->local, &e), EC_OK);
	w->catalog.ops = &front;
	w->log.sink = log_open(LOG_TO_STDERR, "test", LV_INFO);
	log_capture(w->log.sink, hear, w);
	w->u = (struct upkeep){ &w->catalog, w->tree.store, w->tree.root, NULL, &w->log, &w->stop };
	settings(w, "");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->local->ops->close(&w->local);
	conf_unref(&w->conf);
	log_close(&w->log.sink);
	tree_teardown(&w->tree);
	free(w);
	return 0;
}

static void pass(struct world *w, bool expire)
{
	w->settled[0] = w->said[0] = '\0';
	w->n_sweeps = 0;
	upkeep_pass(&w->u, expire, &w->r);
}

static void rule(struct world *w, const char *domain, uint32_t days)
{
	struct name n = tree_name(domain);
	struct err e;

	assert_ec(w->local->ops->set_expire(w->local, &n, days, &e), EC_OK);
}

/* ---- settling ---- */

static void settles_every_mailbox(void **state)
{
	struct world *w = *state;
	int64_t before = clock_wall_s();

	tree_write(&w->tree, "example.com/P3_lee.mbx/quota", "account = kim@example.com\n", 26);
	pass(w, false);
	assert_string_equal(w->settled, KIM "> " LEE ">" KIM " " ORG "> ");
	assert_true(w->r.whole && w->r.mailboxes == 3 && w->r.settled == 3 && w->r.failed == 0);
	assert_true(w->n_sweeps == 1 && w->since_s >= before - 5 && w->since_s <= clock_wall_s());
	assert_int_equal(w->r.swept, 3);
	assert_string_equal(w->said, "");
}

/* A link that is younger than the listing must not be undone. */
static void the_link_of_now_counts(void **state)
{
	struct world *w = *state;

	tree_write(&w->tree, "example.com/P3_lee.mbx/quota", "account = kim@example.com\n", 26);
	w->old = true;
	pass(w, false);
	assert_non_null(strstr(w->settled, LEE ">" KIM " "));
}

static void mailboxes_of_other_hosts_are_not_made(void **state)
{
	struct world *w = *state;

	w->more = true;
	pass(w, true);
	assert_true(w->r.whole && w->r.mailboxes == 3 && w->r.settled == 3);
}

static void an_empty_mail_root_is_not_swept(void **state)
{
	struct name com = tree_name("example.com"), org = tree_name("example.org");
	struct world *w = *state;
	struct err e;

	assert_ec(mailroot_remove(w->tree.root, &com, &e), EC_OK);
	assert_ec(mailroot_remove(w->tree.root, &org, &e), EC_OK);
	pass(w, false);
	assert_true(w->r.whole && w->n_sweeps == 0);
}

/* What was settled before looks newer then, what was settled after looks older than all of it. */
static void a_clock_that_is_set_back(void **state)
{
	struct world *w = *state;

	w->sets_clock_by = -3600;
	pass(w, false);
	assert_true(w->r.whole && w->n_sweeps == 0);
	pass(w, false);
	assert_int_equal(w->n_sweeps, 1);
	w->sets_clock_by = 3600;
	pass(w, false);
	assert_int_equal(w->n_sweeps, 1);
	assert_int_equal(clock_off_s, 0);
}

static void trouble_is_told_once(void **state)
{
	struct world *w = *state;

	w->fails_for = "";
	w->fails_with = EC_BROKEN;
	pass(w, false);
	assert_true(!w->r.whole && w->r.failed == 3 && w->r.settled == 0 && w->n_sweeps == 0);
	assert_int_equal(heard(w, "event="), 1);
	assert_non_null(strstr(w->said, "event=upkeep-trouble mailboxes=3 class=\"broken\""));
	assert_non_null(strstr(w->said, "cannot settle " KIM));
	w->fails_for = LEE;
	pass(w, false);
	assert_string_equal(w->settled, KIM "> " ORG "> "); /* the others are done all the same */
	assert_true(!w->r.whole && w->n_sweeps == 0);
	w->fails_with = EC_ABSENT; /* removed meanwhile */
	pass(w, false);
	assert_true(w->r.whole && w->r.failed == 0 && w->n_sweeps == 1);
	assert_string_equal(w->said, "");
}

/* Settled without its link it would leave its account. */
static void a_damaged_link_is_left_alone(void **state)
{
	struct world *w = *state;

	tree_write(&w->tree, "example.com/P3_lee.mbx/quota", "\x01", 1);
	pass(w, true);
	assert_string_equal(w->settled, KIM "> " ORG "> ");
	assert_true(!w->r.whole && w->r.failed == 1 && w->n_sweeps == 0);
	assert_non_null(strstr(w->said, "winpop createquotafile"));
}

static void stops_soon(void **state)
{
	struct world *w = *state;

	w->stops = true;
	pass(w, true);
	assert_string_equal(w->settled, KIM "> ");
	assert_true(!w->r.whole && w->n_sweeps == 0 && w->r.mailboxes == 1);
	pass(w, false);
	assert_string_equal(w->settled, "");
}

static void a_catalog_that_is_away(void **state)
{
	struct world *w = *state;

	w->gone = true;
	pass(w, false);
	assert_true(!w->r.whole && w->n_sweeps == 0 && w->r.mailboxes == 0);
	assert_int_equal(heard(w, "event="), 1);
	assert_non_null(strstr(w->said, "the directory is away"));
}

static void a_damaged_domain_keeps_no_other_from_its_turn(void **state)
{
	struct world *w = *state;

	w->torn = true;
	pass(w, false);
	assert_int_equal(w->r.settled, 3);
	assert_true(!w->r.whole && w->n_sweeps == 0);
	assert_non_null(strstr(w->said, "example.net is damaged"));
}

/* ---- expiring ---- */

/* Three messages: old and fetched, old, young and fetched. */
static void fill(struct world *w, const char *local)
{
	char path[200], full[512];
	struct timespec past[2] = { { .tv_sec = time(NULL) - 10 * 86400 },
				    { .tv_sec = time(NULL) - 10 * 86400 } };
	char address[100];
	uint8_t fetched = 0x05;
	struct commit done;
	struct err e;

	for (int i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "example.com/P3_%s.mbx/P3A%d.eml", local, i);
		tree_write(&w->tree, path, "a\r\n", 3);
		tree_path(&w->tree, path, full);
		assert_int_equal(utimensat(AT_FDCWD, full, past, 0), 0);
	}
	snprintf(address, sizeof(address), "%s@example.com", local);
	assert_ec(tree_deliver(&w->tree, address, "b\r\n", 3), EC_OK);
	struct box *box = tree_claim(&w->tree, address);
	assert_int_equal(box->n_msgs, 3);
	assert_ec(box->ops->commit(box, &(struct marks){ .fetched = &fetched }, &done, &e), EC_OK);
	box->ops->release(&box);
}

static uint32_t count(struct world *w, const char *address)
{
	struct name n = tree_name(address);
	uint32_t n_msgs;
	uint64_t octets;
	struct err e;

	assert_ec(w->tree.store->ops->usage(w->tree.store, &n, &n_msgs, &octets, &e), EC_OK);
	return n_msgs;
}

static void only_what_is_fetched_and_old_goes(void **state)
{
	static const struct {
		uint32_t domain;
		const char *settings;
		bool daily;
		uint32_t left;
	} rows[] = {
		{ EXPIRE_UNSET, "", true, 3 },
		{ EXPIRE_NEVER, "expire = 1\n", true, 3 },
		{ 7, "expire = never\n", false, 3 },
		{ 11, "expire = 1\n", true, 3 },
		{ 9, "expire = never\n", true, 2 },
		{ EXPIRE_UNSET, "expire = 9\n", true, 2 },
		{ 0, "", true, 1 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < LEN(rows); i++) {
		rule(w, "example.com", rows[i].domain);
		settings(w, rows[i].settings);
		fill(w, "kim");
		pass(w, rows[i].daily);
		assert_int_equal(count(w, KIM), rows[i].left);
		assert_int_equal(w->r.expired, 3 - rows[i].left);
		assert_int_equal(heard(w, "event=expired account=\"" KIM "\" messages="),
				 rows[i].left < 3);
		assert_true(w->r.whole);
		rule(w, "example.com", 0);
		tree_unlink(&w->tree, "example.com/P3_kim.mbx/index");
		struct box *box = tree_claim(&w->tree, KIM);
		uint8_t all = 0x07;
		struct commit done;
		assert_ec(box->ops->commit(box, &(struct marks){ .removed = &all }, &done, NULL),
			  EC_OK);
		box->ops->release(&box);
	}
}

static void an_open_mailbox_waits_for_tomorrow(void **state)
{
	struct world *w = *state;

	rule(w, "example.com", 1);
	fill(w, "kim");
	fill(w, "lee");
	struct box *box = tree_claim(&w->tree, KIM);
	pass(w, true);
	box->ops->release(&box);
	assert_int_equal(count(w, KIM), 3);
	assert_int_equal(count(w, LEE), 2);
	assert_true(w->r.whole && w->r.failed == 0);
	pass(w, true);
	assert_int_equal(count(w, KIM), 2);
}

static void a_damaged_rule_deletes_nothing(void **state)
{
	struct world *w = *state;

	settings(w, "expire = 1\n");
	tree_write(&w->tree, "example.com/expire", "days = x\n", 9);
	fill(w, "kim");
	pass(w, true);
	assert_int_equal(count(w, KIM), 3);
	assert_true(w->r.whole);
	assert_int_equal(heard(w, "event=expire-rule-damaged domain=\"example.com\" domains=1"), 1);
}

static void what_is_only_remembered_is_left_alone(void **state)
{
	struct world *w = *state;

	settings(w, "expire = 1\n");
	fill(w, "kim");
	w->away = true;
	pass(w, true);
	assert_int_equal(count(w, KIM), 3);
	assert_string_equal(w->settled, "");
	assert_true(!w->r.whole && w->n_sweeps == 0 && w->r.failed == 3);
	assert_int_equal(heard(w, "event=upkeep-trouble mailboxes=3 class=\"temp\""), 1);
}

static void the_least_rule(void **state)
{
	static const struct {
		const char *settings;
		uint32_t com, org, least;
		bool differs;
	} rows[] = {
		{ "", EXPIRE_UNSET, EXPIRE_UNSET, EXPIRE_NEVER, false },
		{ "expire = 5\n", EXPIRE_UNSET, EXPIRE_UNSET, 5, false },
		{ "expire = 5\n", 5, EXPIRE_UNSET, 5, false },
		{ "expire = 5\n", 7, EXPIRE_UNSET, 5, true },
		{ "expire = 5\n", EXPIRE_UNSET, 3, 3, true },
		{ "expire = 5\n", 30, 30, 30, false },
		{ "", EXPIRE_UNSET, 0, 0, true },
		{ "expire = 5\n", EXPIRE_NEVER, EXPIRE_NEVER, EXPIRE_NEVER, false },
	};
	struct world *w = *state;
	struct expire_rules r;
	struct err e;

	for (size_t i = 0; i < LEN(rows); i++) {
		settings(w, rows[i].settings);
		rule(w, "example.com", rows[i].com);
		rule(w, "example.org", rows[i].org);
		assert_ec(upkeep_rules(&w->catalog, w->conf, &r, &e), EC_OK);
		assert_int_equal(r.least, rows[i].least);
		assert_int_equal(r.differ, rows[i].differs);
	}
	tree_write(&w->tree, "example.org/expire", "", 0);
	assert_ec(upkeep_rules(&w->catalog, w->conf, &r, &e), EC_OK);
	assert_true(r.least == EXPIRE_NEVER && !r.differ);
	rule(w, "example.org", 1);
	w->torn = true;
	assert_ec(upkeep_rules(&w->catalog, w->conf, &r, &e), EC_BROKEN);
	assert_true(r.least == EXPIRE_UNSET && !r.differ);
}

/* ---- when ---- */

static void write_time(struct world *w, int64_t ago_s)
{
	char text[64];
	time_t t = time(NULL) - ago_s;
	struct tm tm;

	strftime(text, sizeof(text), "expired = %Y-%m-%dT%H:%M:%SZ\n", gmtime_r(&t, &tm));
	tree_write(&w->tree, UPKEEP_FILE, text, strlen(text));
}

static void once_a_day(void **state)
{
	static const struct {
		int64_t ago_s;
		bool due;
	} rows[] = { { 0, false },
		     { 86400 - 60, false },
		     { 86400, true },
		     { 40 * 86400, true },
		     { -3600, true } };
	static const char *const damaged[] = { "", "expired = \n", "expired = yesterday\n", "\x01",
					       "expired = 2020-01-01T00:00:00Z.\n" };
	struct world *w = *state;
	struct err e;

	assert_true(upkeep_due(&w->u));
	assert_ec(upkeep_done(&w->u, &e), EC_OK);
	assert_false(upkeep_due(&w->u));
	for (size_t i = 0; i < LEN(rows); i++) {
		write_time(w, rows[i].ago_s);
		assert_int_equal(upkeep_due(&w->u), rows[i].due);
	}
	for (size_t i = 0; i < LEN(damaged); i++) {
		tree_write(&w->tree, UPKEEP_FILE, damaged[i], strlen(damaged[i]));
		assert_true(upkeep_due(&w->u));
	}
	assert_ec(upkeep_done(&w->u, &e), EC_OK);
	assert_false(upkeep_due(&w->u));
}

static void rests_a_hundred_times_as_long(void **state)
{
	struct world *w = *state;

	assert_int_equal(upkeep_pause_ms(w->conf, 0), 60000);
	assert_int_equal(upkeep_pause_ms(w->conf, 600), 60000);
	assert_int_equal(upkeep_pause_ms(w->conf, 7000), 700000);
	settings(w, "catalog = directory\nauthentication = ad\ndirectory = openldap\n"
		    "directory_servers = ldaps://ldap.example.com\ndirectory_user = cn=x\n"
		    "directory_password_file = /nowhere\n");
	assert_int_equal(upkeep_pause_ms(w->conf, 600), 600000);
	assert_int_equal(upkeep_pause_ms(w->conf, 7000), 700000);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(settles_every_mailbox),
		TEST(the_link_of_now_counts),
		TEST(mailboxes_of_other_hosts_are_not_made),
		TEST(an_empty_mail_root_is_not_swept),
		TEST(a_clock_that_is_set_back),
		TEST(trouble_is_told_once),
		TEST(a_damaged_link_is_left_alone),
		TEST(stops_soon),
		TEST(a_catalog_that_is_away),
		TEST(a_damaged_domain_keeps_no_other_from_its_turn),
		TEST(only_what_is_fetched_and_old_goes),
		TEST(an_open_mailbox_waits_for_tomorrow),
		TEST(a_damaged_rule_deletes_nothing),
		TEST(what_is_only_remembered_is_left_alone),
		TEST(the_least_rule),
		TEST(once_a_day),
		TEST(rests_a_hundred_times_as_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* catalog: what catalog.h promises, for every backend, and what `local` makes of
 * files others put there. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/catalog/catalog.h"
#include "server/catalog/expire.h"
#include "server/store/claim.h"
#include "tests/unit/catalog/directory.h"
#include "tests/unit/store/remembers.h"

#define KIM "kim@example.com"

struct world {
	struct tree tree;
	struct directory directory;
	struct catalog *c;
	const struct backend *backend;
};

/* The tree has example.com and kim@example.com in either; person: makes what add needs to be there. */
struct backend {
	const char *name;
	void (*open)(struct world *);
	void (*person)(struct world *, const char *address);
	void (*close)(struct world *);
};

static void local_open(struct world *w)
{
	struct err e;

	assert_ec(catalog_local_open(w->tree.root, &w->c, &e), EC_OK);
}

static void local_person(struct world *w, const char *address)
{
	(void)w, (void)address;
}

static void local_close(struct world *w)
{
	(void)w;
}

static void in_directory_open(struct world *w)
{
	directory_open(&w->directory, &w->tree, "", &w->c);
}

static void in_directory_person(struct world *w, const char *address)
{
	directory_person(&w->directory, address);
}

static void in_directory_close(struct world *w)
{
	directory_close(&w->directory);
}

static const struct backend backends[] = {
	{ "local", local_open, local_person, local_close },
	{ "directory", in_directory_open, in_directory_person, in_directory_close },
};

static void in_world(const struct backend *b, void (*fn)(struct world *))
{
	struct world w = { .backend = b };

	tree_setup_in(&w.tree, place_that_remembers());
	b->open(&w);
	assert_string_equal(w.c->ops->name, b->name);
	fn(&w);
	w.c->ops->close(&w.c);
	assert_null(w.c);
	b->close(&w);
	tree_teardown(&w.tree);
}

static void in_each_world(void (*fn)(struct world *))
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++)
		in_world(&backends[i], fn);
}

static enum ec find_now_to(struct world *w, enum find_use use, const char *text, struct entry *out)
{
	struct name n = tree_name(text);

	return w->c->ops->find_now ? w->c->ops->find_now(w->c, &n, use, out) : EC_BUSY;
}

static enum ec find_now(struct world *w, const char *text, struct entry *out)
{
	return find_now_to(w, FIND_TO_RETRIEVE, text, out);
}

static void check_deliverer(struct world *w, const char *text, enum ec rc, const struct entry *find)
{
	struct entry at_once;
	enum ec now = find_now_to(w, FIND_TO_DELIVER, text, &at_once);

	if (now != EC_OK) {
		assert_ec(now, EC_BUSY);
		return;
	}
	assert_ec(rc, EC_OK);
	assert_true(name_equal(&at_once.name, &find->name));
	assert_int_equal(at_once.held, find->held);
	assert_int_equal(at_once.domain_held, find->domain_held);
	assert_string_equal(find->quota, "");
	assert_false(find->quota_damaged);
}

/* What can be said without waiting is never anything else. */
static enum ec find(struct world *w, const char *text, struct entry *out)
{
	struct name n = tree_name(text);
	struct entry at_once;
	struct err e;
	enum ec now = name_is_domain(&n) ? EC_BUSY : find_now(w, text, &at_once);
	enum ec rc = w->c->ops->find(w->c, &n, out, &e);

	if (now == EC_OK) {
		assert_ec(rc, EC_OK);
		assert_true(name_equal(&at_once.name, &out->name));
		assert_int_equal(at_once.locked, out->locked);
		assert_int_equal(at_once.domain_locked, out->domain_locked);
		assert_int_equal(at_once.expire_days, out->expire_days);
	} else {
		assert_ec(now, EC_BUSY);
	}
	if (!name_is_domain(&n))
		check_deliverer(w, text, rc, out);
	return rc;
}

/* At once, or by the call that waits where nothing remembers what is not there. */
static void learn(struct world *w, enum find_use use, struct entry *out)
{
	enum ec now = find_now_to(w, use, KIM, out);

	assert_ec(now, remembers_absence(w->tree.path) ? EC_OK : EC_BUSY);
	if (now == EC_BUSY)
		assert_ec(find(w, KIM, out), EC_OK);
}

/* In a mail root all of it is at hand, but for odd spellings and a rule that must be read. */
static void without_waiting(struct world *w)
{
	struct entry e;

	assert_ec(find_now(w, "lee@example.com", &e), EC_BUSY);
	assert_ec(find(w, KIM, &e), EC_OK); /* now the kernel knows that nothing is there */
	learn(w, FIND_TO_RETRIEVE, &e);
	assert_false(e.locked || e.domain_locked);
	assert_int_equal(e.expire_days, EXPIRE_UNSET);
	tree_write(&w->tree, "example.com/P3_kim.mbx/lock", "", 0);
	learn(w, FIND_TO_RETRIEVE, &e);
	assert_true(e.locked && !e.domain_locked);
	tree_unlink(&w->tree, "example.com/P3_kim.mbx/lock");
	tree_write(&w->tree, "example.com/lock", "", 0);
	learn(w, FIND_TO_RETRIEVE, &e);
	assert_true(!e.locked && e.domain_locked);
	tree_write(&w->tree, "example.com/expire", "days = 3\n", 9);
	assert_ec(find_now(w, KIM, &e), EC_BUSY);
	tree_unlink(&w->tree, "example.com/expire");
	char box[512], odd[512], lock[512];
	tree_path(&w->tree, "example.com/P3_kim.mbx", box);
	tree_path(&w->tree, "example.com/P3_Kim.mbx", odd);
	assert_int_equal(rename(box, odd), 0);
	assert_ec(find_now(w, KIM, &e), EC_BUSY);
	assert_int_equal(rename(odd, box), 0);
	tree_path(&w->tree, "example.com/P3_kim.mbx/lock", lock);
	assert_int_equal(symlink("/nowhere", lock), 0);
	assert_ec(find_now(w, KIM, &e), EC_BUSY); /* whatever it is, it is looked at closely */
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.locked);
}

/* The same for mail: holds are at hand, a quota account must be read. */
static void without_waiting_for_mail(struct world *w)
{
	struct entry e;

	assert_ec(find_now_to(w, FIND_TO_DELIVER, "lee@example.com", &e), EC_BUSY);
	assert_ec(find(w, KIM, &e), EC_OK); /* now the kernel knows that nothing is there */
	tree_write(&w->tree, "example.com/P3_kim.mbx/lock", "", 0);
	tree_write(&w->tree, "example.com/expire", "days = 3\n", 9);
	learn(w, FIND_TO_DELIVER, &e);
	assert_false(e.held || e.domain_held);
	tree_write(&w->tree, "example.com/P3_kim.mbx/hold", "", 0);
	learn(w, FIND_TO_DELIVER, &e);
	assert_true(e.held && !e.domain_held);
	tree_unlink(&w->tree, "example.com/P3_kim.mbx/hold");
	tree_write(&w->tree, "example.com/hold", "", 0);
	learn(w, FIND_TO_DELIVER, &e);
	assert_true(!e.held && e.domain_held);
	tree_write(&w->tree, "example.com/P3_kim.mbx/quota", "account = lee\n", 14);
	assert_ec(find_now_to(w, FIND_TO_DELIVER, KIM, &e), EC_BUSY);
}

static enum ec flag(struct world *w, const char *text, enum entry_flag which, bool on)
{
	struct name n = tree_name(text);
	struct err e;

	return w->c->ops->set_flag(w->c, &n, which, on, &e);
}

static enum ec lock(struct world *w, const char *text, bool on)
{
	return flag(w, text, ENTRY_LOCKED, on);
}

static enum ec hold(struct world *w, const char *text, bool on)
{
	return flag(w, text, ENTRY_HELD, on);
}

static enum ec expire(struct world *w, const char *text, uint32_t days)
{
	struct name n = tree_name(text);
	struct err e;

	return w->c->ops->set_expire(w->c, &n, days, &e);
}

static enum ec quota(struct world *w, const char *text, const char *account)
{
	struct name n = tree_name(text);
	struct err e;

	return w->c->ops->set_quota(w->c, &n, account, &e);
}

static enum ec remove_name(struct world *w, const char *text)
{
	struct name n = tree_name(text);
	struct err e;

	return w->c->ops->remove(w->c, &n, &e);
}

static enum ec add_domain(struct world *w, const char *text)
{
	struct name n = tree_name(text);
	struct draft *none = NULL;
	struct err e;

	return w->c->ops->add(w->c, &n, &none, &e);
}

static enum ec add_mailbox(struct world *w, const char *text)
{
	struct name n = tree_name(text);
	struct draft *d = NULL;
	struct err e;

	w->backend->person(w, text);
	enum ec rc = draft_begin(w->tree.root, &n, &d, &e);
	if (rc == EC_OK)
		rc = w->c->ops->add(w->c, &n, &d, &e);
	assert_null(d);
	return rc;
}

static void exists_or_not(struct world *w)
{
	struct entry e;

	assert_ec(find(w, "example.com", &e), EC_OK);
	assert_string_equal(e.name.domain, "example.com");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_string_equal(e.name.local, "kim");
	assert_false(e.locked || e.domain_locked || e.quota[0]);
	assert_ec(find(w, "lee@example.com", &e), EC_ABSENT);
	assert_ec(find(w, "example.org", &e), EC_ABSENT);
	assert_ec(add_domain(w, "example.org"), EC_OK);
	assert_ec(add_domain(w, "example.org"), EC_EXISTS);
	assert_ec(add_mailbox(w, "lee@example.org"), EC_OK);
	assert_ec(add_mailbox(w, "lee@example.org"), EC_EXISTS);
	assert_ec(find(w, "lee@example.org", &e), EC_OK);
	assert_ec(remove_name(w, "lee@example.org"), EC_OK);
	assert_ec(remove_name(w, "lee@example.org"), EC_ABSENT);
	assert_ec(find(w, "lee@example.org", &e), EC_ABSENT);
	assert_ec(remove_name(w, "example.org"), EC_OK);
	assert_ec(find(w, "example.org", &e), EC_ABSENT);
	assert_ec(add_mailbox(w, "lee@example.org"), EC_ABSENT);
}

static void two_locks_are_two_flags(struct world *w)
{
	struct entry e;

	for (int twice = 0; twice < 2; twice++) {
		assert_ec(lock(w, KIM, true), EC_OK);
		assert_ec(lock(w, "example.com", true), EC_OK);
		assert_ec(find(w, KIM, &e), EC_OK);
		assert_true(e.locked && e.domain_locked);
	}
	assert_ec(find(w, "example.com", &e), EC_OK);
	assert_true(e.locked);
	assert_ec(lock(w, "example.com", false), EC_OK);
	assert_ec(lock(w, "example.com", false), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.locked && !e.domain_locked);
	assert_ec(lock(w, KIM, false), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_false(e.locked);
	assert_ec(lock(w, "lee@example.com", true), EC_ABSENT);
	assert_ec(lock(w, "example.org", true), EC_ABSENT);
}

/* Neither knows of the other: who is locked out gets his mail, and who may fetch may have to wait for more. */
static void holds_are_no_locks(struct world *w)
{
	struct entry e;

	assert_ec(lock(w, KIM, true), EC_OK);
	for (int twice = 0; twice < 2; twice++)
		assert_ec(hold(w, "example.com", true), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.locked && !e.domain_locked && !e.held && e.domain_held);
	assert_ec(hold(w, KIM, true), EC_OK);
	assert_ec(lock(w, KIM, false), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(!e.locked && !e.domain_locked && e.held && e.domain_held);
	for (int twice = 0; twice < 2; twice++)
		assert_ec(hold(w, "example.com", false), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.held && !e.domain_held);
	assert_ec(hold(w, KIM, false), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_false(e.held);
	assert_ec(hold(w, "lee@example.com", true), EC_ABSENT);
	assert_ec(hold(w, "example.org", true), EC_ABSENT);
}

static bool note_expire(void *ctx, const struct entry *e)
{
	*(uint32_t *)ctx = e->expire_days;
	return true;
}

static uint32_t rule_of(struct world *w, const char *text)
{
	struct name n = tree_name(text), domain = n;
	uint32_t listed = 12345;
	struct entry e;
	struct err err;

	assert_ec(find(w, text, &e), EC_OK);
	domain.local[0] = '\0';
	assert_ec(w->c->ops->each(w->c, name_is_domain(&n) ? NULL : &domain, note_expire, &listed,
				  &err),
		  EC_OK);
	assert_int_equal(listed, e.expire_days);
	return e.expire_days;
}

static void expiry_is_the_domains(struct world *w)
{
	static const uint32_t rules[] = { EXPIRE_UNSET,    30,           0,
					  EXPIRE_NEVER,    EXPIRE_NEVER, 7,
					  EXPIRE_DAYS_MAX, EXPIRE_UNSET, EXPIRE_UNSET };

	assert_int_equal(rule_of(w, KIM), EXPIRE_UNSET);
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		assert_ec(expire(w, "example.com", rules[i]), EC_OK);
		assert_int_equal(rule_of(w, "example.com"), rules[i]);
		assert_int_equal(rule_of(w, KIM), rules[i]);
	}
	assert_ec(expire(w, KIM, 30), EC_USAGE);
	assert_ec(expire(w, "example.com", EXPIRE_DAYS_MAX + 1), EC_USAGE);
	assert_ec(expire(w, "example.com", EXPIRE_DAMAGED), EC_USAGE);
	assert_ec(expire(w, "example.org", 30), EC_ABSENT);
	assert_int_equal(rule_of(w, KIM), EXPIRE_UNSET);
}

static void quota_accounts(struct world *w)
{
	struct entry e;
	char longest[NAME_TEXT_MAX + 2];

	assert_ec(quota(w, KIM, "EXAMPLE\\kim"), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_string_equal(e.quota, "EXAMPLE\\kim");
	assert_ec(quota(w, KIM, "\" odd \\ one "), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_string_equal(e.quota, "\" odd \\ one ");
	assert_ec(quota(w, KIM, ""), EC_OK);
	assert_ec(quota(w, KIM, ""), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_string_equal(e.quota, "");
	memset(longest, 'x', sizeof(longest));
	longest[NAME_TEXT_MAX + 1] = '\0';
	assert_ec(quota(w, KIM, longest), EC_USAGE);
	assert_ec(quota(w, KIM, "a\nb"), EC_USAGE);
	assert_ec(quota(w, "example.com", "kim"), EC_USAGE);
	assert_ec(quota(w, "lee@example.com", "kim"), EC_ABSENT);
	longest[NAME_TEXT_MAX] = '\0';
	assert_ec(quota(w, KIM, longest), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_string_equal(e.quota, longest);
}

/* From one catalog into another: the mail does not move. */
static void mail_that_is_there(struct world *w)
{
	bool is_local = !w->c->ops->unlist;
	struct name lee = tree_name("lee@example.com"), kim = tree_name(KIM);
	struct draft *none = NULL;
	struct entry found;
	struct err e;

	w->backend->person(w, "lee@example.com");
	assert_ec(w->c->ops->add(w->c, &lee, NULL, &e), EC_ABSENT);
	assert_ec(w->c->ops->add(w->c, &lee, &none, &e), EC_ABSENT);
	assert_ec(w->c->ops->add(w->c, &kim, NULL, &e), EC_EXISTS);
	tree_add_mailbox(&w->tree, "lee@example.com");
	tree_write(&w->tree, "example.com/P3_lee.mbx/P3a.eml", "Subject: x\r\n\r\n", 0);
	assert_ec(w->c->ops->add(w->c, &lee, NULL, &e), is_local ? EC_EXISTS : EC_OK);
	assert_ec(w->c->ops->add(w->c, &lee, &none, &e), EC_EXISTS);
	assert_ec(find(w, "lee@example.com", &found), EC_OK);
	assert_true(tree_has(&w->tree, "example.com/P3_lee.mbx/P3a.eml"));
}

static bool collect(void *ctx, const struct entry *e)
{
	char text[NAME_TEXT_MAX + 1];

	strcat(strcat(ctx, name_text(&e->name, text)), e->locked ? "! " : " ");
	return true;
}

static bool collect_name(void *ctx, const struct name *n)
{
	return collect(ctx, &(struct entry){ .name = *n });
}

/* Where names can be had without a look they are those of each. */
static void names_are(struct world *w, const struct name *domain, const char *wanted)
{
	char got[512] = "";
	struct err e;

	if (!w->c->ops->names)
		return;
	assert_ec(w->c->ops->names(w->c, domain, collect_name, got, &e), EC_OK);
	assert_string_equal(got, wanted);
}

static void listing(struct world *w)
{
	struct name d = tree_name("example.com"), nowhere = tree_name("nowhere.example");
	char got[512] = "";
	struct err e;

	assert_ec(add_domain(w, "b.example"), EC_OK);
	assert_ec(add_domain(w, "a.example"), EC_OK);
	assert_ec(lock(w, "b.example", true), EC_OK);
	assert_ec(w->c->ops->each(w->c, NULL, collect, got, &e), EC_OK);
	assert_string_equal(got, "a.example b.example! example.com ");
	names_are(w, NULL, "a.example b.example example.com ");
	got[0] = '\0';
	assert_ec(add_mailbox(w, "zoe@example.com"), EC_OK);
	assert_ec(add_mailbox(w, "abe@example.com"), EC_OK);
	assert_ec(lock(w, "zoe@example.com", true), EC_OK);
	assert_ec(w->c->ops->each(w->c, &d, collect, got, &e), EC_OK);
	assert_string_equal(got, "abe@example.com kim@example.com zoe@example.com! ");
	names_are(w, &d, "abe@example.com kim@example.com zoe@example.com ");
	assert_ec(w->c->ops->each(w->c, &nowhere, collect, got, &e), EC_ABSENT);
}

static void removal_respects_sessions(struct world *w)
{
	struct box *box = tree_claim(&w->tree, KIM);

	assert_ec(lock(w, KIM, true), EC_OK);
	assert_ec(remove_name(w, KIM), EC_LOCKED);
	assert_ec(remove_name(w, "example.com"), EC_LOCKED);
	box->ops->release(&box);
	assert_ec(remove_name(w, "example.com"), EC_OK);
}

#define CONTRACT(fn)                                                                               \
	static void each_##fn(void **state)                                                        \
	{                                                                                          \
		(void)state;                                                                       \
		in_each_world(fn);                                                                 \
	}
CONTRACT(exists_or_not)
CONTRACT(two_locks_are_two_flags)
CONTRACT(holds_are_no_locks)
CONTRACT(expiry_is_the_domains)
CONTRACT(mail_that_is_there)
CONTRACT(quota_accounts)
CONTRACT(listing)
CONTRACT(removal_respects_sessions)

#define QUOTA "example.com/P3_kim.mbx/quota"

/* `local` alone: an administrator's hand in the files. */
static void files_by_hand(struct world *w)
{
	struct name d = tree_name("example.com");
	struct entry e;
	struct err err;
	char got[512] = "", path[512];

	tree_write(&w->tree, "example.com/P3_kim.mbx/lock", "", 0);
	tree_write(&w->tree, "example.com/lock", "by hand", 7);
	tree_write(&w->tree, QUOTA, "# copied\r\naccount = lee\r\n", 25);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.locked && e.domain_locked);
	assert_string_equal(e.quota, "lee");
	tree_write(&w->tree, QUOTA, "", 0);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_string_equal(e.quota, "");

	static const char *const damaged[] = { "account", "account = \"", "\x01", "= x" };
	for (size_t i = 0; i < 4; i++) {
		tree_write(&w->tree, QUOTA, damaged[i], strlen(damaged[i]));
		assert_ec(find(w, KIM, &e), EC_OK);
		assert_true(e.quota_damaged && e.locked);
		assert_string_equal(e.quota, "");
	}
	assert_ec(add_mailbox(w, "lee@example.com"), EC_OK);
	assert_ec(w->c->ops->each(w->c, &d, collect, got, &err), EC_OK);
	assert_string_equal(got, "kim@example.com! lee@example.com ");
	assert_ec(quota(w, KIM, "max"), EC_OK); /* writing it again mends it */
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_false(e.quota_damaged);
	tree_path(&w->tree, QUOTA, path);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.quota_damaged);
}

static void read_small(const struct world *w, const char *below, char out[256])
{
	char path[512];

	tree_path(&w->tree, below, path);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	out[fread(out, 1, 255, f)] = '\0';
	fclose(f);
}

/* What is made with its link is as if it was linked afterwards: the same octets, to be copied about. */
static void linked_from_the_start(struct world *w)
{
	struct name lee = tree_name("lee@example.com");
	char made[256], written[256];
	struct draft *draft;
	struct entry e;
	struct err err;

	assert_ec(draft_begin(w->tree.root, &lee, &draft, &err), EC_OK);
	assert_ec(catalog_local_link(draft, "lee@example.com", &err), EC_OK);
	assert_ec(w->c->ops->add(w->c, &lee, &draft, &err), EC_OK);
	assert_ec(find(w, "lee@example.com", &e), EC_OK);
	assert_string_equal(e.quota, "lee@example.com");
	assert_ec(quota(w, KIM, "lee@example.com"), EC_OK);
	read_small(w, "example.com/P3_lee.mbx/quota", made);
	read_small(w, QUOTA, written);
	assert_string_equal(made, written);
}

static void local_without_waiting(void **state)
{
	(void)state;
	in_world(&backends[0], without_waiting);
	in_world(&backends[0], without_waiting_for_mail);
}

static void local_linked_from_the_start(void **state)
{
	(void)state;
	in_world(&backends[0], linked_from_the_start);
}

static void local_files_by_hand(void **state)
{
	(void)state;
	in_world(&backends[0], files_by_hand);
}

#define EXPIRE "example.com/expire"

/* What cannot be read deletes nothing, and keeps nobody from his mail. */
static void rules_by_hand(struct world *w)
{
	static const struct {
		const char *text;
		uint32_t days;
	} rows[] = {
		{ "days = 30", 30 },
		{ "# ours\r\nDays=7\r\n", 7 },
		{ "days = \"0\"\n", 0 },
		{ "days = Never\n", EXPIRE_NEVER },
		{ "days = 1\ndays = 2\n", 2 },
		{ "", EXPIRE_DAMAGED },
		{ "30", EXPIRE_DAMAGED },
		{ "days =", EXPIRE_DAMAGED },
		{ "days = -1", EXPIRE_DAMAGED },
		{ "days = 1.5", EXPIRE_DAMAGED },
		{ "days = 30 d", EXPIRE_DAMAGED },
		{ "days = 36501", EXPIRE_DAMAGED },
		{ "days = 4294967297", EXPIRE_DAMAGED },
		{ "days = \"30", EXPIRE_DAMAGED },
		{ "months = 1", EXPIRE_DAMAGED },
		{ "days = 3\000"
		  "0",
		  EXPIRE_DAMAGED },
	};
	char path[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		size_t len = strlen(rows[i].text);
		if (i + 1 == sizeof(rows) / sizeof(*rows))
			len += 2; /* a NUL amid digits */
		tree_write(&w->tree, EXPIRE, rows[i].text, len);
		assert_int_equal(rule_of(w, "example.com"), rows[i].days);
		assert_int_equal(rule_of(w, KIM), rows[i].days);
	}
	assert_ec(expire(w, "example.com", 5), EC_OK); /* setting it again mends it */
	assert_int_equal(rule_of(w, KIM), 5);
	tree_path(&w->tree, EXPIRE, path);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(rule_of(w, KIM), EXPIRE_DAMAGED);
	assert_ec(expire(w, "example.com", EXPIRE_UNSET), EC_OK);
	assert_int_equal(rule_of(w, KIM), EXPIRE_UNSET);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(rule_of(w, KIM), EXPIRE_DAMAGED);
}

static void local_rules_by_hand(void **state)
{
	(void)state;
	in_world(&backends[0], rules_by_hand);
}

static void rules_in_words(void **state)
{
	static const struct {
		uint32_t days, with_7;
		const char *text;
	} rows[] = {
		{ 0, 0, "0" },
		{ 36500, 36500, "36500" },
		{ EXPIRE_NEVER, EXPIRE_NEVER, "never" },
		{ EXPIRE_UNSET, 7, "default" },
		{ EXPIRE_DAMAGED, EXPIRE_NEVER, "damaged" },
	};
	char text[EXPIRE_TEXT_MAX];
	uint32_t days;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct entry e = { .expire_days = rows[i].days };
		assert_string_equal(expire_text(rows[i].days, text), rows[i].text);
		assert_int_equal(expire_rule(&e, 7), rows[i].with_7);
		assert_int_equal(expire_parse(rows[i].text, &days), i < 3);
	}
}

static int stop_server(void **state)
{
	(void)state;
	directory_stop_server();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_exists_or_not),
		cmocka_unit_test(each_two_locks_are_two_flags),
		cmocka_unit_test(each_holds_are_no_locks),
		cmocka_unit_test(each_expiry_is_the_domains),
		cmocka_unit_test(each_mail_that_is_there),
		cmocka_unit_test(each_quota_accounts),
		cmocka_unit_test(each_listing),
		cmocka_unit_test(each_removal_respects_sessions),
		cmocka_unit_test(local_linked_from_the_start),
		cmocka_unit_test(local_without_waiting),
		cmocka_unit_test(local_files_by_hand),
		cmocka_unit_test(local_rules_by_hand),
		cmocka_unit_test(rules_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, stop_server);
}

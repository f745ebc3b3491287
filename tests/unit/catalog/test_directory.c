/* The catalog in a directory, where it is more than the contract: other people's tools, other hosts, and no directory at all. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ldap/dir.h"
#include "ldap/enlist.h"
#include "tests/unit/catalog/directory.h"

#define KIM "kim@example.com"
#define KIM_RDN "uid=kim.example.com,ou=people"
#define DOMAIN_RDN "winpopDomainName=example.com,ou=winpop"

struct world {
	struct tree tree;
	struct directory dir;
	struct catalog *c;
	struct err e;
};

static int open_with(void **state, const char *more)
{
	static struct world w;

	w = (struct world){ 0 };
	tree_setup(&w.tree);
	directory_open(&w.dir, &w.tree, more, &w.c);
	*state = &w;
	return 0;
}

static int setup(void **state)
{
	return open_with(state, "");
}

static int teardown(void **state)
{
	struct world *w = *state;

	w->c->ops->close(&w->c);
	directory_close(&w->dir);
	tree_teardown(&w->tree);
	return 0;
}

static enum ec find(struct world *w, const char *text, struct entry *out)
{
	struct name n = tree_name(text);

	return w->c->ops->find(w->c, &n, out, &w->e);
}

static enum ec lock(struct world *w, const char *text, bool on)
{
	struct name n = tree_name(text);

	return w->c->ops->set_flag(w->c, &n, ENTRY_LOCKED, on, &w->e);
}

static enum ec remove_name(struct world *w, const char *text)
{
	struct name n = tree_name(text);

	return w->c->ops->remove(w->c, &n, &w->e);
}

static enum ec add_domain(struct world *w, const char *text)
{
	struct name n = tree_name(text);

	return w->c->ops->add(w->c, &n, NULL, &w->e);
}

static enum ec add_to(struct catalog *c, struct mailroot *root, const char *text, struct err *e)
{
	struct name n = tree_name(text);
	struct draft *d = NULL;
	enum ec rc = draft_begin(root, &n, &d, e);

	return rc == EC_OK ? c->ops->add(c, &n, &d, e) : rc;
}

static enum ec add(struct world *w, const char *text)
{
	return add_to(w->c, w->tree.root, text, &w->e);
}

static bool collect(void *ctx, const struct entry *e)
{
	char text[NAME_TEXT_MAX + 1];

	strcat(strcat(ctx, name_text(&e->name, text)), e->locked ? "! " : " ");
	return true;
}

static enum ec list(struct world *w, const char *domain, char out[512])
{
	struct name n = tree_name(domain);

	out[0] = '\0';
	return w->c->ops->each(w->c, &n, collect, out, &w->e);
}

/* A person who is made a mailbox by an administrator of the directory. */
static void enlist_by_hand(struct world *w, const char *address)
{
	char rdn[300], lines[700];

	directory_rdn(address, rdn);
	snprintf(lines, sizeof(lines),
		 "objectClass: inetOrgPerson\nobjectClass: winpopMailbox\nuid: %.*s\ncn: x\nsn: x\n"
		 "winpopAddress: %s",
		 (int)strcspn(rdn + 4, ","), rdn + 4, address);
	directory_add(&w->dir, rdn, lines);
}

/* ---- what others do in the directory ---- */

static void live_at_once(void **state)
{
	struct world *w = *state;
	struct entry e;

	assert_ec(find(w, "lee@example.com", &e), EC_ABSENT);
	enlist_by_hand(w, "Lee@Example.COM");
	assert_false(tree_has(&w->tree, "example.com/P3_lee.mbx"));
	assert_ec(find(w, "lee@example.com", &e), EC_OK);
	assert_string_equal(e.name.local, "lee");
	assert_true(tree_has(&w->tree, "example.com/P3_lee.mbx"));
	assert_ec(tree_deliver(&w->tree, "lee@example.com", "a\r\n\r\nb\r\n", 8), EC_OK);

	directory_add(
		&w->dir, "winpopDomainName=example.org,ou=winpop",
		"objectClass: winpopDomain\nwinpopDomainName: Example.org\nwinpopLocked: TRUE");
	assert_ec(find(w, "example.org", &e), EC_OK);
	assert_true(e.locked && tree_has(&w->tree, "example.org"));
	enlist_by_hand(w, "max@example.net");
	assert_ec(find(w, "max@example.net", &e), EC_ABSENT); /* a mailbox without its domain */
	assert_non_null(strstr(w->e.text, "winpop add"));
	assert_false(tree_has(&w->tree, "example.net"));

	directory_modify(&w->dir, KIM_RDN, "add", "winpopLocked", "TRUE");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.locked && !e.domain_locked);
	directory_modify(&w->dir, DOMAIN_RDN, "add", "winpopLocked", "TRUE");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.locked && e.domain_locked);
	directory_modify(&w->dir, KIM_RDN, "replace", "winpopLocked", "FALSE");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(!e.locked && e.domain_locked);
	directory_delete(&w->dir, KIM_RDN);
	assert_ec(find(w, KIM, &e), EC_ABSENT);
}

static void listings_are_sorted_and_whole(void **state)
{
	struct world *w = *state;
	char got[512];

	enlist_by_hand(w, "zoe@example.com");
	enlist_by_hand(w, "abe@example.com");
	enlist_by_hand(w, "eve@xexample.com"); /* ends alike */
	directory_person(&w->dir, "nobody@example.com");
	assert_ec(list(w, "example.com", got), EC_OK);
	assert_string_equal(got, "abe@example.com kim@example.com zoe@example.com ");
	directory_modify(&w->dir, "uid=abe.example.com,ou=people", "replace", "winpopAddress",
			 "ZOE@example.com");
	assert_ec(list(w, "example.com", got), EC_BROKEN);
	assert_string_equal(got, "kim@example.com zoe@example.com ");
	assert_non_null(strstr(w->e.text, "uid=abe"));
}

static void aliases(void **state)
{
	struct world *w = *state;
	struct entry e;

	directory_modify(&w->dir, KIM_RDN, "add", "winpopAlias", "K.Lee@example.com");
	directory_modify(&w->dir, KIM_RDN, "add", "winpopAlias", "kim@elsewhere.example");
	assert_ec(lock(w, "example.com", true), EC_OK);
	static const char *const all[] = { "k.lee@example.com", "kim@elsewhere.example" };
	for (size_t i = 0; i < 2; i++) {
		assert_ec(find(w, all[i], &e), EC_OK);
		assert_string_equal(e.name.local, "kim");
		assert_string_equal(e.name.domain, "example.com");
		assert_true(e.domain_locked); /* the mailbox's domain, not the alias's */
		assert_ec(remove_name(w, all[i]), EC_REFUSED);
		assert_non_null(strstr(w->e.text, KIM));
		directory_person(&w->dir, all[i]);
	}
	assert_ec(add(w, "k.lee@example.com"), EC_EXISTS);
	assert_ec(lock(w, "k.lee@example.com", true), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(e.locked);
	assert_false(tree_has(&w->tree, "elsewhere.example"));
}

/* What is one address to the directory need not be one to us. */
static void exactly_this_address(void **state)
{
	struct world *w = *state;
	struct entry e;

	enlist_by_hand(w, "\xC3\xA9va@example.com");
	assert_ec(find(w, "\xC3\xA9va@example.com", &e), EC_OK);
	assert_ec(find(w, "\xC3\x89va@example.com", &e), EC_ABSENT); /* capital E with acute */
	assert_ec(add(w, "\xC3\x89va@example.com"), EC_EXISTS);      /* nor may it come to be */
	static const char *const odd[] = { "*@example.com", "kim)(uid=*@example.com",
					   "\\2a@example.com" };
	for (size_t i = 0; i < 3; i++) {
		struct name n = { .domain = "example.com" };
		memcpy(n.local, odd[i], strcspn(odd[i], "@"));
		assert_ec(w->c->ops->find(w->c, &n, &e, &w->e), EC_ABSENT);
	}
}

static void two_entries_are_one_too_many(void **state)
{
	struct world *w = *state;
	struct entry e;

	enlist_by_hand(w, "lee@example.com");
	directory_modify(&w->dir, "uid=lee.example.com,ou=people", "add", "winpopAlias", KIM);
	assert_ec(find(w, KIM, &e), EC_BROKEN);
	assert_non_null(strstr(w->e.text, "uid=lee"));
	assert_ec(remove_name(w, KIM), EC_BROKEN);
	assert_ec(lock(w, KIM, true), EC_BROKEN);
	assert_ec(find(w, "lee@example.com", &e), EC_OK);
}

/* ---- adding and removing ---- */

static void adding_needs_a_person(void **state)
{
	struct world *w = *state;
	struct entry e;

	assert_ec(add(w, "lee@example.com"), EC_ABSENT);
	assert_false(tree_has(&w->tree, "example.com/P3_lee.mbx"));
	directory_person(&w->dir, "lee@example.com");
	assert_ec(add(w, "lee@example.com"), EC_OK);
	assert_true(directory_has(&w->dir, "uid=lee.example.com,ou=people", "objectClass",
				  "winpopMailbox"));
	assert_true(tree_has(&w->tree, "example.com/P3_lee.mbx"));
	directory_modify(&w->dir, KIM_RDN, "add", "mail", "kim.lee@example.com");
	assert_ec(add(w, "kim.lee@example.com"), EC_EXISTS); /* kim has one already */
	assert_non_null(strstr(w->e.text, "winpopAlias"));
	assert_false(tree_has(&w->tree, "example.com/P3_kim.lee.mbx"));
	assert_ec(find(w, "kim.lee@example.com", &e), EC_ABSENT);
}

static void removing_leaves_the_person(void **state)
{
	struct world *w = *state;
	struct entry e;

	directory_modify(&w->dir, KIM_RDN, "add", "winpopAlias", "k@example.com");
	directory_modify(&w->dir, KIM_RDN, "add", "winpopQuotaBytes", "1000");
	assert_ec(lock(w, KIM, true), EC_OK);
	assert_ec(remove_name(w, KIM), EC_OK);
	assert_true(directory_has(&w->dir, KIM_RDN, "uid", "kim.example.com"));
	static const char *const gone[] = { "winpopAddress", "winpopAlias", "winpopQuotaBytes",
					    "winpopLocked" };
	for (size_t i = 0; i < 4; i++)
		assert_false(directory_has(&w->dir, KIM_RDN, gone[i], NULL));
	assert_false(directory_has(&w->dir, KIM_RDN, "objectClass", "winpopMailbox"));
	assert_false(tree_has(&w->tree, "example.com/P3_kim.mbx"));
	assert_ec(find(w, KIM, &e), EC_ABSENT);
	assert_ec(remove_name(w, KIM), EC_ABSENT);
	assert_ec(add(w, KIM), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_false(e.locked);
}

/* Ended by hand: nobody gets the mail by being called the same, and a second removal deletes it. */
static void mail_that_was_left(void **state)
{
	struct world *w = *state;

	assert_ec(tree_deliver(&w->tree, KIM, "a\r\n\r\nb\r\n", 8), EC_OK);
	directory_delete(&w->dir, KIM_RDN);
	directory_person(&w->dir, KIM);
	assert_ec(add(w, KIM), EC_EXISTS);
	assert_false(directory_has(&w->dir, KIM_RDN, "winpopAddress", NULL));
	assert_ec(remove_name(w, KIM), EC_OK);
	assert_false(tree_has(&w->tree, "example.com/P3_kim.mbx"));
	assert_ec(add(w, KIM), EC_OK);
}

/* ---- mailboxes that were in another catalog ---- */

static enum ec add_with_mail(struct world *w, const char *text)
{
	struct name n = tree_name(text);

	return w->c->ops->add(w->c, &n, NULL, &w->e);
}

static enum ec unlist(struct world *w, const char *text)
{
	struct name n = tree_name(text);

	return w->c->ops->unlist(w->c, &n, &w->e);
}

/* Whatever is in the way, the mail is not. */
static void mail_stays_when_it_cannot_be_registered(void **state)
{
	struct world *w = *state;
	struct entry e;

	tree_add_mailbox(&w->tree, "lee@example.com");
	assert_ec(add_with_mail(w, "lee@example.com"), EC_ABSENT); /* nobody has this address */
	directory_person(&w->dir, "lee@example.com");
	directory_modify(&w->dir, KIM_RDN, "add", "winpopAlias", "lee@example.com");
	assert_ec(add_with_mail(w, "lee@example.com"), EC_EXISTS);
	directory_modify(&w->dir, KIM_RDN, "delete", "winpopAlias", NULL);
	directory_delete(&w->dir, DOMAIN_RDN);
	assert_ec(add_with_mail(w, "lee@example.com"), EC_ABSENT);
	assert_non_null(strstr(w->e.text, "domain"));
	assert_true(tree_has(&w->tree, "example.com/P3_lee.mbx"));
	/* the domain's directory is there already: that is no reason to refuse its entry */
	assert_ec(add_domain(w, "example.com"), EC_OK);
	assert_ec(add_with_mail(w, "lee@example.com"), EC_OK);
	assert_ec(find(w, "lee@example.com", &e), EC_OK);
	assert_ec(add_with_mail(w, "lee@example.com"), EC_EXISTS);
	assert_non_null(strstr(w->e.text, "uid=lee.example.com,")); /* whose it is */
}

static void a_registration_is_taken_back(void **state)
{
	static const char *const gone[] = { "winpopAddress", "winpopLocked", "winpopQuotaAccount" };
	struct name kim = tree_name(KIM);
	struct world *w = *state;
	struct entry e;

	struct box *box = tree_claim(&w->tree, KIM); /* a session is no reason to wait */
	assert_ec(lock(w, KIM, true), EC_OK);
	assert_ec(w->c->ops->set_quota(w->c, &kim, "kim", &w->e), EC_OK);
	assert_ec(unlist(w, KIM), EC_OK);
	box->ops->release(&box);
	assert_true(tree_has(&w->tree, "example.com/P3_kim.mbx"));
	assert_true(directory_has(&w->dir, KIM_RDN, "uid", "kim.example.com"));
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		assert_false(directory_has(&w->dir, KIM_RDN, gone[i], NULL));
	assert_false(directory_has(&w->dir, KIM_RDN, "objectClass", "winpopMailbox"));
	assert_ec(find(w, KIM, &e), EC_ABSENT);
	assert_ec(unlist(w, KIM), EC_ABSENT);
	assert_ec(add_with_mail(w, KIM), EC_OK);
	assert_ec(find(w, KIM, &e), EC_OK);
	directory_modify(&w->dir, KIM_RDN, "add", "winpopAlias", "k@example.com");
	assert_ec(unlist(w, "k@example.com"), EC_REFUSED);
	enlist_by_hand(w, "lee@example.com");
	directory_modify(&w->dir, "uid=lee.example.com,ou=people", "replace", "winpopAddress", KIM);
	assert_ec(unlist(w, KIM), EC_BROKEN); /* which of the two? */
}

/* ---- */

static void sessions_keep_all_of_it(void **state)
{
	struct world *w = *state;
	struct box *box = tree_claim(&w->tree, KIM);

	assert_ec(remove_name(w, KIM), EC_LOCKED);
	assert_ec(remove_name(w, "example.com"), EC_LOCKED);
	assert_true(directory_has(&w->dir, KIM_RDN, "winpopAddress", KIM));
	assert_true(directory_has(&w->dir, DOMAIN_RDN, "winpopDomainName", NULL));
	box->ops->release(&box);
	assert_ec(remove_name(w, KIM), EC_OK);
}

static void a_domain_goes_with_everything(void **state)
{
	struct world *w = *state;
	struct entry e;

	enlist_by_hand(w, "lee@example.com");
	enlist_by_hand(w, "abe@example.com");
	assert_ec(remove_name(w, "example.com"), EC_OK);
	assert_false(directory_has(&w->dir, KIM_RDN, "winpopAddress", NULL));
	assert_false(directory_has(&w->dir, DOMAIN_RDN, "objectClass", NULL));
	assert_true(directory_has(&w->dir, "uid=lee.example.com,ou=people", "uid", NULL));
	assert_false(tree_has(&w->tree, "example.com"));
	assert_ec(remove_name(w, "example.com"), EC_ABSENT);
	/* Ended half-way: the domain's entry is gone, a mailbox and the directory are not. */
	assert_ec(add_domain(w, "example.com"), EC_OK);
	enlist_by_hand(w, "zoe@example.com");
	assert_ec(find(w, "zoe@example.com", &e), EC_OK);
	directory_delete(&w->dir, DOMAIN_RDN);
	assert_ec(remove_name(w, "example.com"), EC_OK);
	assert_false(
		directory_has(&w->dir, "uid=zoe.example.com,ou=people", "winpopAddress", NULL));
	assert_false(tree_has(&w->tree, "example.com"));
}

static void places_are_made(void **state)
{
	struct world *w = *state;
	struct entry e;

	directory_delete(&w->dir, DOMAIN_RDN);
	directory_delete(&w->dir, "ou=winpop");
	assert_ec(find(w, "example.org", &e), EC_ABSENT);
	assert_ec(add_domain(w, "example.org"), EC_OK);
	assert_true(directory_has(&w->dir, "ou=winpop", "objectClass", "organizationalUnit"));
	assert_ec(find(w, "example.org", &e), EC_OK);
}

/* An empty mail root is rather one that is not mounted. */
static void nothing_goes_under_the_mount_point(void **state)
{
	struct world *w = *state;
	struct entry e;
	struct name n = tree_name("example.com");

	assert_ec(mailroot_remove(w->tree.root, &n, &w->e), EC_OK);
	assert_ec(find(w, KIM, &e), EC_TEMP);
	assert_non_null(strstr(w->e.text, "mounted"));
	assert_false(tree_has(&w->tree, "example.com"));
	assert_ec(add_domain(w, "example.com"), EC_OK); /* the entry is there: it is taken over */
	assert_ec(add_domain(w, "example.com"), EC_EXISTS);
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_true(tree_has(&w->tree, "example.com/P3_kim.mbx"));
	assert_ec(mailroot_remove(w->tree.root, &n, &w->e), EC_OK);
	tree_write(&w->tree, DIR_MARK, "", 0);
	assert_ec(find(w, KIM, &e), EC_OK);
}

/* ---- more than one at work ---- */

struct rival {
	struct catalog *c;
	struct mailroot *root;
	pthread_barrier_t *start;
	enum ec rc;
	struct err e;
};

static void *run_rival(void *ctx)
{
	struct rival *r = ctx;

	pthread_barrier_wait(r->start);
	r->rc = add_to(r->c, r->root, "lee@example.com", &r->e);
	return NULL;
}

static unsigned holders(struct world *w)
{
	return directory_has(&w->dir, "uid=lee.example.com,ou=people", "winpopAddress", NULL) +
	       directory_has(&w->dir, "uid=other.example.com,ou=people", "winpopAlias", NULL);
}

/* Two administrators on two hosts, each with a mail root of his own: one person, one winner. */
static void two_hosts_add_the_same(void **state)
{
	struct world *w = *state;
	struct tree there;
	struct rival r[2];
	pthread_barrier_t start;
	pthread_t threads[2];
	struct dir *dir;

	tree_setup(&there);
	r[0] = (struct rival){ .c = w->c, .root = w->tree.root, .start = &start };
	r[1] = (struct rival){ .root = there.root, .start = &start };
	directory_open_again(&w->dir, there.root, &dir, &r[1].c);
	directory_person(&w->dir, "lee@example.com");
	pthread_barrier_init(&start, NULL, 2);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, run_rival, &r[i]), 0);
		for (unsigned i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal((r[0].rc == EC_OK) + (r[1].rc == EC_OK), 1);
		assert_ec(r[0].rc == EC_OK ? r[1].rc : r[0].rc, EC_EXISTS);
		assert_int_equal(holders(w), 1);
		/* Both hosts have it from now on, also the one whose administrator lost. */
		struct name lee = tree_name("lee@example.com");
		struct entry e;
		for (unsigned i = 0; i < 2; i++)
			assert_ec(r[i].c->ops->find(r[i].c, &lee, &e, &w->e), EC_OK);
		assert_ec(r[0].c->ops->remove(r[0].c, &lee, &w->e), EC_OK);
		assert_ec(r[1].c->ops->remove(r[1].c, &lee, &w->e), EC_OK); /* what it left there */
	}
	pthread_barrier_destroy(&start);
	r[1].c->ops->close(&r[1].c);
	dir_close(&dir);
	tree_teardown(&there);
}

static enum ec enlist_late(struct dir_conn *c, void *ctx, struct err *e)
{
	struct world *w = ctx;
	struct name n = tree_name("kim.lee@example.com");
	char dn[200];

	snprintf(dn, sizeof(dn), "uid=lee.example.com,ou=people,%s", w->dir.base);
	return enlist_mailbox(w->dir.dir, c, &n, dn, e);
}

/* Two people, one address, and both had looked before either wrote: who sees the other steps back. */
static void the_later_one_steps_back(void **state)
{
	struct world *w = *state;
	struct entry e;

	directory_person(&w->dir, "lee@example.com");
	directory_modify(&w->dir, KIM_RDN, "add", "winpopAlias", "kim.lee@example.com");
	assert_ec(pool_run(w->dir.dir->pool, POOL_WRITE, enlist_late, w, &w->e), EC_EXISTS);
	assert_false(
		directory_has(&w->dir, "uid=lee.example.com,ou=people", "winpopAddress", NULL));
	assert_ec(find(w, "kim.lee@example.com", &e), EC_OK);
	assert_string_equal(e.name.local, "kim");
}

static bool count(void *ctx, const struct entry *e)
{
	(void)e;
	++*(unsigned *)ctx;
	return true;
}

/* More than a page, and more than a server gives without pages. */
static void long_listings(void **state)
{
	struct world *w = *state;
	struct name n = tree_name("example.com");
	unsigned n_seen = 0;

	for (unsigned i = 0; i < 620; i++) {
		char rdn[64], lines[200];
		snprintf(rdn, sizeof(rdn), "uid=p%u,ou=people", i);
		snprintf(lines, sizeof(lines),
			 "objectClass: inetOrgPerson\nobjectClass: winpopMailbox\nuid: p%u\ncn: x\n"
			 "sn: x\nwinpopAddress: p%u@example.com",
			 i, i);
		directory_add(&w->dir, rdn, lines);
	}
	assert_ec(w->c->ops->each(w->c, &n, count, &n_seen, &w->e), EC_OK);
	assert_int_equal(n_seen, 621);
}

/* ---- the directory is away ---- */

static int setup_short_memory(void **state)
{
	return open_with(state, "directory_memory = 3600\n");
}

static int setup_no_memory(void **state)
{
	return open_with(state, "directory_memory = 0\n");
}

static void delivery_goes_on(void **state)
{
	struct world *w = *state;
	struct entry e;

	directory_modify(&w->dir, KIM_RDN, "add", "winpopAlias", "k@example.com");
	enlist_by_hand(w, "lee@example.com");
	enlist_by_hand(w, "gone@example.com");
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_ec(find(w, "k@example.com", &e), EC_OK);
	assert_ec(find(w, "gone@example.com", &e), EC_OK);
	directory_delete(&w->dir, "uid=gone.example.com,ou=people");
	assert_ec(find(w, "gone@example.com", &e), EC_ABSENT);
	directory_kill_server();
	assert_ec(find(w, KIM, &e), EC_OK);
	assert_ec(find(w, "k@example.com", &e), EC_OK);
	assert_string_equal(e.name.local, "kim");
	assert_ec(find(w, "lee@example.com", &e), EC_TEMP);  /* not seen before */
	assert_ec(find(w, "gone@example.com", &e), EC_TEMP); /* nor what was seen to be gone */
	assert_ec(find(w, "example.com", &e), EC_TEMP);
	assert_ec(remove_name(w, KIM), EC_TEMP);
	assert_ec(lock(w, KIM, true), EC_TEMP);
	assert_true(tree_has(&w->tree, "example.com/P3_kim.mbx"));
	directory_again_server();
	/* The pool's own thread finds it again. */
	for (unsigned i = 0; find(w, "lee@example.com", &e) != EC_OK; i++) {
		assert_true(i < 2000);
		usleep(10000);
	}
}

static void nothing_is_remembered_if_so_set(void **state)
{
	struct world *w = *state;
	struct entry e;

	assert_ec(find(w, KIM, &e), EC_OK);
	directory_kill_server();
	assert_ec(find(w, KIM, &e), EC_TEMP);
	directory_again_server();
}

static int stop_server(void **state)
{
	(void)state;
	directory_stop_server();
	return 0;
}

#define IN_A_WORLD(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_WORLD(live_at_once),
		IN_A_WORLD(listings_are_sorted_and_whole),
		IN_A_WORLD(aliases),
		IN_A_WORLD(exactly_this_address),
		IN_A_WORLD(two_entries_are_one_too_many),
		IN_A_WORLD(adding_needs_a_person),
		IN_A_WORLD(removing_leaves_the_person),
		IN_A_WORLD(mail_that_was_left),
		IN_A_WORLD(mail_stays_when_it_cannot_be_registered),
		IN_A_WORLD(a_registration_is_taken_back),
		IN_A_WORLD(sessions_keep_all_of_it),
		IN_A_WORLD(a_domain_goes_with_everything),
		IN_A_WORLD(places_are_made),
		IN_A_WORLD(nothing_goes_under_the_mount_point),
		IN_A_WORLD(two_hosts_add_the_same),
		IN_A_WORLD(the_later_one_steps_back),
		IN_A_WORLD(long_listings),
		cmocka_unit_test_setup_teardown(delivery_goes_on, setup_short_memory, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_remembered_if_so_set, setup_no_memory,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, stop_server);
}

/* Every step of every change to quota accounts: the process is killed before it, or it fails; then nobody is refused wrongly,
 * no limit is exceeded, and the next visit sets all right.
 *
 * The linker puts our functions in front of the C library's (--wrap): they count the calls, and at the one that was chosen
 * they kill or fail. /
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/store/quotaworld.h"
#include "server/base/clock.h"
#include "server/store/files.h"
#include "server/store/ledger.h"

enum how { COUNTING, KILLING, FAILING };

static enum how how; /* the tests' own switches */
static unsigned at_call, calls;

/* True: this call is to fail. */
static bool strikes(void)
{
	if (how == COUNTING || ++calls != at_call)
		return false;
	if (how == KILLING)
		kill(getpid(), SIGKILL);
	errno = calls % 2 ? ENOSPC : EIO;
	return true;
}

/* Dying before a call that changes nothing is dying before the next that does. (EIO would be another story: what cannot be
 * read is left out for a minute, see scan.c.) */
static bool strikes_reader(void)
{
	bool struck = how == FAILING && strikes();

	if (struck)
		errno = ENFILE;
	return struck;
}

#define WRAP_WITH(strike, type, name, params, args)                                                \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return strike() ? -1 : __real_##name args;                                         \
	}
#define WRAP(type, name, params, args) WRAP_WITH(strikes, type, name, params, args)

WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t len, off_t off), (fd, p, len, off))
WRAP(ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))
WRAP(int, ftruncate64, (int fd, off_t len), (fd, len))
WRAP(int, linkat, (int from, const char *a, int to, const char *b, int flags),
     (from, a, to, b, flags))
WRAP(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
WRAP(int, renameat, (int from, const char *a, int to, const char *b), (from, a, to, b))
WRAP(int, renameat2, (int from, const char *a, int to, const char *b, unsigned flags),
     (from, a, to, b, flags))
WRAP(int, mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode))
WRAP_WITH(strikes_reader, ssize_t, pread64, (int fd, void *p, size_t len, off_t off),
	  (fd, p, len, off))
WRAP_WITH(strikes_reader, int, fcntl64, (int fd, int what, void *arg), (fd, what, arg))
WRAP_WITH(strikes_reader, int, beneath_open, (int dir, const char *path, int flags, unsigned bits),
	  (dir, path, flags, bits))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))

/* No power is cut here: the disk is spared. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	(void)fd;
	return strikes() ? -1 : 0;
}
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	unsigned mode =
		flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	return strikes() ? -1 : __real_openat64(dir, path, flags, mode);
}

struct scenario {
	const char *name;
	unsigned mailbox;
	/* Calls of visits in which the mailbox's account need not be known. */
	bool any_visit;
	void (*prepare)(struct world *w);
	void (*act)(struct world *w);
};

static void ledger_path(const char *account, char out[64])
{
	char name[LEDGER_NAME_MAX];

	ledger_name(account_key(account).word[0], name);
	snprintf(out, 64, ".quota/%s", name);
}

/* So much room that one more message fits, and a few messages to remove. */
static void make_room(struct world *w)
{
	struct err e;

	for (unsigned i = 0; i < N_MAILBOXES; i++) {
		if (world_files(w, i).messages > 2)
			world_remove(w, i, 99);
		while (world_files(w, i).messages < 2)
			assert_ec(world_deliver(w, i, 100 + 10 * i, &e), EC_OK);
	}
}

static void deliver_kim(struct world *w)
{
	world_deliver(w, KIM, 1000, NULL);
}
static void deliver_lee(struct world *w)
{
	world_deliver(w, LEE, 1000, NULL);
}
static void deliver_ann(struct world *w)
{
	world_deliver(w, ANN, 1000, NULL);
}
static void deliver_nomad(struct world *w)
{
	world_deliver(w, NOMAD, 1000, NULL);
}
static void deliver_bob(struct world *w)
{
	world_deliver(w, BOB, 1000, NULL);
}
/* Without a limit nothing about quotas may refuse it. */
static void deliver_free(struct world *w, unsigned mailbox, const char *account)
{
	struct name name = tree_name(world_address(mailbox));
	struct iovec iov = { "free\r\n", 6 };
	struct charge c = { .account = account };
	struct message m = {
		.iov = &iov, .n_iov = 1, .spool_fd = -1, .charge = account ? &c : NULL
	};

	w->tree.store->ops->deliver(w->tree.store, &name, &m, NULL);
}
static void deliver_lee_free(struct world *w)
{
	deliver_free(w, LEE, NULL);
}
static void deliver_lee_unlimited(struct world *w)
{
	deliver_free(w, LEE, TEAM);
}
static void deliver_nomad_unlimited(struct world *w)
{
	deliver_free(w, NOMAD, w->nomad_in);
}
static void remove_lee(struct world *w)
{
	world_remove(w, LEE, 2);
}
static void remove_ann(struct world *w)
{
	world_remove(w, ANN, 1);
}
static void settle_lee(struct world *w)
{
	struct name lee = tree_name(world_address(LEE));

	w->tree.store->quota->settle(w->tree.store, &lee, TEAM, NULL);
}
static void settle_nomad(struct world *w)
{
	struct name nomad = tree_name(world_address(NOMAD));

	w->tree.store->quota->settle(w->tree.store, &nomad, w->nomad_in, NULL);
}
static void repair_lee(struct world *w)
{
	struct name lee = tree_name(world_address(LEE));
	struct quota_recount r;

	w->tree.store->quota->recount(w->tree.store, &lee, TEAM, true, &r, NULL);
}

/* It counts in TEAM, and what comes now is charged elsewhere. */
static void nomad_leaves(struct world *w)
{
	make_room(w);
	world_settle(w, NOMAD, TEAM);
	w->nomad_in = "ann@example.com";
}
static void nomad_goes_home(struct world *w)
{
	make_room(w);
	world_settle(w, NOMAD, TEAM);
	w->nomad_in = "nomad@example.com";
}

static void sweep_now(struct world *w, int64_t since_s)
{
	unsigned n;

	w->tree.store->quota->sweep(w->tree.store, since_s, &n, NULL);
}

/* bob on his own, ann alone: her ledger goes, and comes again with the next delivery. */
static void ann_is_alone(struct world *w)
{
	char path[64];

	make_room(w);
	world_settle(w, BOB, "");
	world_settle(w, NOMAD, TEAM);
	w->nomad_in = TEAM;
	sweep_now(w, 0);
	ledger_path("ann@example.com", path);
	assert_false(tree_has(&w->tree, path));
}

/* Something came from outside: the index is not clean. */
static void lee_gets_a_file(struct world *w)
{
	char path[64];

	make_room(w);
	snprintf(path, sizeof(path), "example.com/P3_lee.mbx/foreign%u.eml", at_call);
	tree_write(&w->tree, path, "x\r\n", 3);
}

static void lee_lost_his_index(struct world *w)
{
	make_room(w);
	tree_unlink(&w->tree, "example.com/P3_lee.mbx/index");
}

static void machine_restarts(struct world *w)
{
	make_room(w);
	files_of(w->tree.store)->env.boot++;
}

static void take_team(struct world *w, struct ledger *l)
{
	struct files *f = files_of(w->tree.store);
	struct err e;

	assert_ec(ledger_take(l, f->env.root, f->env.boot, account_key(TEAM).word[0], TEAM, &e),
		  EC_OK);
}

/* Lines of nobody, with nothing, as old as that. */
static void fill_ledger(struct world *w, uint64_t upto, int64_t settled_s)
{
	struct ledger l;
	struct err e;

	take_team(w, &l);
	for (uint64_t i = 0; l.head.n_used < upto; i++) {
		struct ledger_line line = { .key = { { 1000 + i, i * 7 } },
					    .settled_s = settled_s };
		assert_ec(ledger_set(&l, &line, &e), EC_OK);
	}
	ledger_drop(&l);
}

static void ledger_is_full(struct world *w)
{
	char path[64];

	make_room(w);
	world_settle(w, LEE, "");
	ledger_path(TEAM, path);
	tree_unlink(&w->tree, path);
	world_settle(w, SAM, TEAM);
	w->nomad_in = TEAM;
	world_settle(w, NOMAD, TEAM);
	fill_ledger(w, LEDGER_SLOTS_MIN / 4 * 3, clock_wall_s() + 1000);
}

static void ledger_has_old_lines(struct world *w)
{
	make_room(w);
	for (unsigned i = 0; i < N_MAILBOXES; i++)
		world_settle(w, i, world_account(w, i));
	fill_ledger(w, 20, 5);
}

static void sweep_old(struct world *w)
{
	sweep_now(w, 1000);
}

static void ledger_is_lost(struct world *w)
{
	char path[64];

	make_room(w);
	ledger_path(TEAM, path);
	tree_unlink(&w->tree, path);
	world_settle(w, SAM, TEAM);
	world_settle(w, NOMAD, w->nomad_in);
}

static const struct scenario scenarios[] = {
	{ "own delivery", KIM, true, make_room, deliver_kim },
	{ "shared delivery", LEE, true, make_room, deliver_lee },
	{ "delivery to an owner", ANN, true, make_room, deliver_ann },
	{ "uncharged delivery", LEE, true, make_room, deliver_lee_free },
	{ "unlimited delivery", LEE, true, make_room, deliver_lee_unlimited },
	{ "unlimited delivery into another account", NOMAD, false, nomad_leaves,
	  deliver_nomad_unlimited },
	{ "removal", LEE, true, make_room, remove_lee },
	{ "an owner's removal", ANN, true, make_room, remove_ann },
	{ "delivery into another account", NOMAD, false, nomad_leaves, deliver_nomad },
	{ "settling in another account", NOMAD, false, nomad_leaves, settle_nomad },
	{ "going home", NOMAD, false, nomad_goes_home, settle_nomad },
	{ "delivery at home", NOMAD, false, nomad_goes_home, deliver_nomad },
	{ "an owner gets company", BOB, false, ann_is_alone, deliver_bob },
	{ "delivery after a foreign file", LEE, true, lee_gets_a_file, deliver_lee },
	{ "removal after a foreign file", LEE, true, lee_gets_a_file, remove_lee },
	{ "settling after a foreign file", LEE, true, lee_gets_a_file, settle_lee },
	{ "repair", LEE, true, lee_gets_a_file, repair_lee },
	{ "delivery without an index", LEE, false, lee_lost_his_index, deliver_lee },
	{ "delivery after a restart", LEE, true, machine_restarts, deliver_lee },
	{ "growth", LEE, false, ledger_is_full, deliver_lee },
	{ "sweep", LEE, true, ledger_has_old_lines, sweep_old },
	{ "delivery without a ledger", LEE, false, ledger_is_lost, deliver_lee },
};
#define N_SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static void visit_deliver(struct world *w, unsigned mailbox)
{
	struct err e;

	if (world_deliver(w, mailbox, 10, &e) != EC_OK)
		fail_msg("delivery: %s", e.text);
}
static void visit_settle(struct world *w, unsigned mailbox)
{
	world_settle(w, mailbox, world_account(w, mailbox));
}
static void visit_claim(struct world *w, unsigned mailbox)
{
	struct box *box = tree_claim(&w->tree, world_address(mailbox));

	box->ops->release(&box);
}
static void visit_usage(struct world *w, unsigned mailbox)
{
	struct name name = tree_name(world_address(mailbox));
	uint32_t n;
	uint64_t octets;
	struct err e;

	assert_ec(w->tree.store->ops->usage(w->tree.store, &name, &n, &octets, &e), EC_OK);
	assert_int_equal(octets, world_files(w, mailbox).octets);
}
static void visit_free_delivery(struct world *w, unsigned mailbox)
{
	assert_ec(tree_deliver(&w->tree, world_address(mailbox), "x\r\n", 3), EC_OK);
}
static void visit_remove(struct world *w, unsigned mailbox)
{
	world_remove(w, mailbox, 1);
}

/* The first two know the account. */
static void (*const visits[])(struct world *, unsigned) = {
	visit_deliver, visit_settle, visit_claim, visit_usage, visit_free_delivery, visit_remove,
};
#define N_VISITS 6

static enum ec fits(struct world *w, unsigned mailbox, uint64_t octets)
{
	struct name name = tree_name(world_address(mailbox));
	struct charge c = { .account = world_account(w, mailbox), .limit = { .octets = LIMIT } };
	struct err e;

	return w->tree.store->quota->fits(w->tree.store, &name, &c, octets, &e);
}

/* Whatever fits may have to wait, but is not refused. Deletion of the ledger makes the sums too small, never too large. */
static void check_nobody_is_refused(struct world *w, const char *when)
{
	for (unsigned i = 0; i < N_MAILBOXES; i++) {
		uint64_t used = world_files_of(w, world_account(w, i)).octets;
		if (used < LIMIT && fits(w, i, LIMIT - used) == EC_QUOTA)
			fail_msg("%s: %s is refused what fits", when, world_address(i));
	}
}

static void check_after(struct world *w, const struct scenario *s, unsigned visit)
{
	char when[100];

	snprintf(when, sizeof(when), "%s, %s at call %u, visit %u", s->name,
		 how == KILLING ? "killed" : "failed", at_call, visit);
	how = COUNTING;
	world_check_limits(w);
	if (s->any_visit)
		check_nobody_is_refused(w, when);
	visits[visit](w, s->mailbox);
	world_check_mailbox(w, s->mailbox, when);
	for (unsigned i = 0; i < N_MAILBOXES; i++)
		world_settle(w, i, world_account(w, i));
	world_check_accounts(w, when);
}

/* Returns true if the process was killed; then there may be more calls. */
static bool act_and_die(struct world *w, const struct scenario *s)
{
	int status;

	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		calls = 0;
		how = KILLING;
		s->act(w);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	how = KILLING; /* for what is said */
	return WIFSIGNALED(status);
}

static bool act_and_fail(struct world *w, const struct scenario *s)
{
	calls = 0;
	how = FAILING;
	s->act(w);
	return calls >= at_call;
}

static void play(struct world *w, const struct scenario *s,
		 bool (*act)(struct world *, const struct scenario *))
{
	unsigned n_visits = s->any_visit ? N_VISITS : 2;
	bool more = true;

	for (at_call = 1; more; at_call++) {
		s->prepare(w);
		more = act(w, s);
		check_after(w, s, at_call % n_visits);
	}
	assert_true(at_call > 2);
	/* Once more with other visits. */
	for (unsigned last = at_call, i = 1; i < last; i++) {
		at_call = i;
		s->prepare(w);
		act(w, s);
		check_after(w, s, (at_call + n_visits / 2) % n_visits);
	}
}

static void killed_anywhere(void **state)
{
	struct world w;

	(void)state;
	world_setup(&w);
	for (unsigned i = 0; i < N_SCENARIOS; i++)
		play(&w, &scenarios[i], act_and_die);
	world_teardown(&w);
}

static bool has_nomad(const struct world *w)
{
	return tree_has(&w->tree, "example.com/P3_nomad.mbx");
}

/* In TEAM, with a message, and settled so long ago that the sweep would take it. */
static void nomad_is_old(struct world *w)
{
	struct ledger l;
	struct ledger_line line;
	struct account_key key = account_key("nomad@example.com");
	struct err e;

	if (!has_nomad(w))
		tree_add_mailbox(&w->tree, "nomad@example.com");
	w->nomad_in = TEAM;
	make_room(w);
	world_settle(w, NOMAD, TEAM);
	take_team(w, &l);
	assert_ec(ledger_find(&l, &key, &line, &e), EC_OK);
	line.settled_s = 5;
	assert_ec(ledger_set(&l, &line, &e), EC_OK);
	ledger_drop(&l);
}

static void remove_nomad(struct world *w)
{
	struct name nomad = tree_name("nomad@example.com");

	mailroot_remove(w->tree.root, &nomad, NULL);
}

static void removed_anywhere(void **state)
{
	static const struct scenario removing = { "a mailbox is removed", NOMAD, true, nomad_is_old,
						  remove_nomad };
	char when[60];
	struct world w;
	bool more = true;

	(void)state;
	world_setup(&w);
	for (at_call = 1; more; at_call++) {
		nomad_is_old(&w);
		more = act_and_die(&w, &removing);
		snprintf(when, sizeof(when), "removed until call %u", at_call);
		how = COUNTING;
		check_nobody_is_refused(&w, when);
		for (unsigned i = 0; i < NOMAD; i++)
			world_settle(&w, i, world_account(&w, i));
		if (has_nomad(&w))
			visit_claim(&w, NOMAD);
		else
			sweep_now(&w, 1000);
		world_check_accounts(&w, when);
	}
	assert_true(at_call > 5);
	world_teardown(&w);
}

static void failing_anywhere(void **state)
{
	struct world w;

	(void)state;
	world_setup(&w);
	for (unsigned i = 0; i < N_SCENARIOS; i++)
		play(&w, &scenarios[i], act_and_fail);
	world_teardown(&w);
}

/* Whoever dies while he makes it leaves none, or one that the service can use. */
static void the_directory_is_made_whole(void **state)
{
	char path[512];
	struct tree t;
	struct stat st;
	int fd, status = SIGKILL;

	(void)state;
	tree_setup(&t);
	tree_path(&t, ".quota", path);
	for (at_call = 1; WIFSIGNALED(status); at_call++) {
		pid_t pid = fork();
		if (pid == 0) {
			umask(0077);
			calls = 0;
			how = KILLING;
			_exit(quota_dir(t.root, &fd, NULL) == EC_OK ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (stat(path, &st) < 0)
			continue;
		assert_int_equal(st.st_mode & 07777, 0750);
		assert_int_equal(rmdir(path), 0);
	}
	assert_true(at_call > 3);
	assert_int_equal(status, 0);
	tree_teardown(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_anywhere),
		cmocka_unit_test(removed_anywhere),
		cmocka_unit_test(failing_anywhere),
		cmocka_unit_test(the_directory_is_made_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

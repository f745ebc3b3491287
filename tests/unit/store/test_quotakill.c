/* Processes that deliver, remove, settle and sweep on shared and own accounts, killed at random moments.
 *
 * Whenever all of them stand still, no account holds more than its limit; and when the dead ones' mailboxes have been visited,
 * files, indexes and ledgers agree.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/store/quotaworld.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"

#define WORKERS 7
#define ROUNDS 30
#define LOOKS 4
#define COMPANY_ROUNDS 8
#define REMOVAL_ROUNDS 10

struct board {
	_Atomic unsigned delivered, refused, waited, removed;
};

static void deliver_loop(struct world *w, struct board *b)
{
	for (;;) {
		unsigned to = (unsigned)(random_u64() % N_MAILBOXES);
		struct err e;
		if (to == NOMAD)
			w->nomad_in = random_u64() % 2 ? TEAM : "ann@example.com";
		switch (world_deliver(w, to, 2 + random_u64() % 700, &e)) {
		case EC_OK: b->delivered++; break;
		case EC_QUOTA: b->refused++; break;
		case EC_TEMP: b->waited++; break;
		default: _exit(2);
		}
	}
}

static void remove_loop(struct world *w, struct board *b)
{
	for (;;) {
		world_remove(w, (unsigned)(random_u64() % N_MAILBOXES),
			     (unsigned)(random_u64() % 4));
		b->removed++;
	}
}

static void upkeep_loop(struct world *w)
{
	struct store *s = w->tree.store;
	unsigned n;

	for (;;) {
		int64_t since_s = clock_wall_s();
		for (unsigned i = 0; i < NOMAD; i++) {
			struct name name = tree_name(world_address(i));
			if (s->quota->settle(s, &name, world_account(w, i), NULL) != EC_OK)
				_exit(3);
		}
		if (s->quota->sweep(s, since_s - 5, &n, NULL) != EC_OK)
			_exit(4);
	}
}

static pid_t start(struct world *w, struct board *b, unsigned who)
{
	fflush(NULL);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	tree_reopen(&w->tree, false);
	if (who < 4)
		deliver_loop(w, b);
	else if (who < 6)
		remove_loop(w, b);
	else
		upkeep_loop(w);
	_exit(1);
}

static void signal_all(const pid_t *pid, int which)
{
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(kill(pid[i], which), 0);
}

/* The nomad is in one of two accounts; who knows in which. */
static void check_while_still(struct world *w, const pid_t *pid)
{
	int status;

	signal_all(pid, SIGSTOP);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(waitpid(pid[i], &status, WUNTRACED), pid[i]);
		if (!WIFSTOPPED(status))
			fail_msg("process %u ended: %x", i, (unsigned)status);
	}
	w->nomad_in = NULL;
	world_check_limits(w);
	signal_all(pid, SIGCONT);
}

static void visit_somehow(struct world *w, unsigned mailbox)
{
	struct box *box;

	if (random_u64() % 2) {
		world_settle(w, mailbox, world_account(w, mailbox));
	} else {
		box = tree_claim(&w->tree, world_address(mailbox));
		box->ops->release(&box);
	}
}

static void killed_at_random(void **state)
{
	struct board *b =
		mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct world w;
	int status;

	(void)state;
	assert_true(b != MAP_FAILED);
	world_setup(&w);
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid[WORKERS];
		for (unsigned i = 0; i < WORKERS; i++)
			pid[i] = start(&w, b, i);
		for (int look = 0; look < LOOKS; look++) {
			usleep((useconds_t)(random_u64() % 20000)); /* any moment */
			check_while_still(&w, pid);
		}
		for (unsigned i = 0; i < WORKERS; i++) {
			assert_int_equal(kill(pid[i], SIGKILL), 0);
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			assert_true(WIFSIGNALED(status));
		}
		for (unsigned i = 0; i < NOMAD; i++) {
			visit_somehow(&w, i);
			world_check_mailbox(&w, i, "after a kill");
		}
		w.nomad_in = round % 2 ? TEAM : "nomad@example.com";
		world_settle(&w, NOMAD, w.nomad_in);
		world_check_accounts(&w, "after all was settled");
	}
	print_message("%u delivered, %u refused, %u told to wait, %u removals\n", b->delivered,
		      b->refused, b->waited, b->removed);
	assert_true(b->delivered > ROUNDS && b->refused > 0);
	world_teardown(&w);
	munmap(b, sizeof(*b));
}

/* Until the account is full: nothing of n octets has room. */
static pid_t fill_up(struct world *w, unsigned mailbox, size_t n)
{
	fflush(NULL);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	tree_reopen(&w->tree, false);
	enum ec rc = EC_OK;
	while (rc == EC_OK || rc == EC_TEMP)
		rc = world_deliver(w, mailbox, n, NULL);
	_exit(rc == EC_QUOTA ? 0 : 1); /* a mailbox that is gone is 1, too */
}

/* Two mailboxes, of which one is the other's account, which has no ledger yet: both are filled at once. */
static void company_comes(void **state)
{
	struct world w;
	struct err e;

	(void)state;
	world_setup(&w);
	for (unsigned round = 0; round < COMPANY_ROUNDS; round++) {
		pid_t pid[2];
		unsigned n;
		int status;
		world_remove(&w, ANN, 999);
		world_remove(&w, BOB, 999);
		world_settle(&w, BOB, "");
		assert_ec(w.tree.store->quota->sweep(w.tree.store, 0, &n, &e), EC_OK);
		pid[0] = fill_up(&w, ANN, 150);
		pid[1] = fill_up(&w, BOB, 100);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			assert_int_equal(status, 0);
		}
		world_check_limits(&w);
		assert_true(world_files_of(&w, "ann@example.com").octets > LIMIT - 100);
		world_check_accounts(&w, "when both are full");
	}
	world_teardown(&w);
}

/* A mailbox goes and comes again while mail arrives in it: what it held goes with it, whoever is at work in it. */
static void removed_under_fire(void **state)
{
	struct name nomad = tree_name("nomad@example.com");
	struct world w;
	pid_t pid[2];
	struct err e;
	int status;

	(void)state;
	world_setup(&w);
	for (unsigned round = 0; round < REMOVAL_ROUNDS; round++) {
		for (unsigned i = 0; i < 2; i++)
			pid[i] = fill_up(&w, NOMAD, 50 + i);
		for (unsigned i = 0; i < 5; i++) {
			assert_ec(mailroot_remove(w.tree.root, &nomad, &e), EC_OK);
			tree_add_mailbox(&w.tree, "nomad@example.com");
		}
		assert_ec(mailroot_remove(w.tree.root, &nomad, &e), EC_OK);
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		world_check_accounts(&w, "after a removal");
		tree_add_mailbox(&w.tree, "nomad@example.com");
	}
	world_teardown(&w);
}

struct crew {
	struct world *w;
	unsigned who;
	bool full;
};

static void *deliver_until_full(void *arg)
{
	struct crew *c = arg;
	enum ec rc = EC_OK;

	while (rc == EC_OK || rc == EC_TEMP)
		rc = world_deliver(c->w, c->who % 2 ? LEE : SAM, 20, NULL);
	c->full = rc == EC_QUOTA;
	return NULL;
}

/* The same within one process: locks hang on descriptors, not on processes. */
static void threads(void **state)
{
	struct crew crew[4];
	pthread_t thread[4];
	struct world w;

	(void)state;
	world_setup(&w);
	for (unsigned i = 0; i < 4; i++) {
		crew[i] = (struct crew){ &w, i, false };
		assert_int_equal(pthread_create(&thread[i], NULL, deliver_until_full, &crew[i]), 0);
	}
	for (unsigned i = 0; i < 20; i++)
		world_remove(&w, LEE, 1);
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_true(crew[i].full);
	}
	assert_int_equal(world_files_of(&w, TEAM).octets, LIMIT);
	world_check_accounts(&w, "when all is full");
	world_teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads),
		cmocka_unit_test(removed_under_fire),
		cmocka_unit_test(company_comes),
		cmocka_unit_test(killed_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

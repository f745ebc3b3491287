/* Processes that deliver, fetch and remove, killed at random moments; then an audit of what is
 * there.
 *
 * Each message carries its author and number, filled to a length that its number gives. An author
 * notes in shared memory what was acknowledged, and a reader what it asked to remove, before the
 * call; so the audit knows for every message whether it must be there, must be gone, or may be
 * either. /
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"

#define KIM "kim@example.com"
#define AUTHORS 3
#define MANY 20000
#define ROUNDS 40

enum { TRIED = 1, ACKED = 2, REMOVING = 4, REMOVED = 8 };

struct board {
	_Atomic uint8_t state[AUTHORS * MANY];
	_Atomic uint32_t next[AUTHORS];
};

static size_t body(char out[4096], unsigned author, unsigned number)
{
	size_t fill = number * 37u % 3000, len = (size_t)sprintf(out, "%u %u\r\n", author, number);

	memset(out + len, 'x', fill);
	len += fill;
	memcpy(out + len, "\r\n", 2);
	return len + 2;
}

static void author_loop(struct tree *t, struct board *b, unsigned who)
{
	char text[4096];

	for (;;) {
		uint32_t number = atomic_fetch_add(&b->next[who], 1);
		if (number >= MANY)
			_exit(0);
		b->state[who * MANY + number] = TRIED;
		if (tree_deliver(t, KIM, text, body(text, who, number)) == EC_OK)
			b->state[who * MANY + number] |= ACKED;
	}
}

/* Checks the octets against what its author must have written; returns the state's place. */
static _Atomic uint8_t *check_message(struct board *b, struct box *box, uint32_t i)
{
	unsigned who, number;
	char want[4096];
	size_t len;
	char *text = tree_fetch(box, i, &len);

	assert_int_equal(sscanf(text, "%u %u\r\n", &who, &number), 2);
	assert_true(who < AUTHORS && number < MANY);
	assert_int_equal(len, body(want, who, number));
	assert_memory_equal(text, want, len);
	assert_int_equal(box->msgs[i].octets, len);
	free(text);
	return &b->state[who * MANY + number];
}

static struct box *try_claim(struct tree *t)
{
	struct name n = tree_name(KIM);
	struct box *box = NULL;
	struct err e;

	if (t->store->ops->claim(t->store, &n, "r", &box, &e) != EC_OK)
		return NULL;
	if (box->ops->table(box, &e) == EC_OK)
		return box;
	fail_msg("table: %s", e.text); /* nobody else changes files here */
	return NULL;
}

static void reader_loop(struct tree *t, struct board *b)
{
	for (;;) {
		struct box *box = try_claim(t);
		if (!box)
			continue;
		uint8_t *bits = calloc(1, box->n_msgs / 8 + 1);
		_Atomic uint8_t **going = calloc(box->n_msgs + 1, sizeof(*going));
		size_t n = 0;
		for (uint32_t i = 0; i < box->n_msgs; i++) {
			_Atomic uint8_t *state = check_message(b, box, i);
			if (random_u64() % 3)
				continue;
			bits[i / 8] |= (uint8_t)(1 << i % 8);
			*state |= REMOVING;
			going[n++] = state;
		}
		struct commit done;
		struct err e;
		assert_ec(box->ops->commit(box, &(struct marks){ .removed = bits }, &done, &e),
			  EC_OK);
		while (n > 0)
			*going[--n] |= REMOVED;
		free(going);
		free(bits);
		box->ops->release(&box);
	}
}

static pid_t start(struct tree *t, struct board *b, unsigned who)
{
	fflush(NULL);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	tree_reopen(t, false);
	if (who < AUTHORS)
		author_loop(t, b, who);
	else
		reader_loop(t, b);
	_exit(1);
}

static void audit(struct tree *t, struct board *b)
{
	static uint8_t seen[AUTHORS * MANY];
	struct box *box = tree_claim(t, KIM); /* no stale claim, or this fails */
	uint64_t octets = 0;

	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < box->n_msgs; i++) {
		_Atomic uint8_t *state = check_message(b, box, i);
		size_t at = (size_t)(state - b->state);
		assert_int_equal(seen[at]++, 0); /* never twice */
		assert_true(*state & TRIED);
		assert_false(*state & REMOVED);
		octets += box->msgs[i].octets;
	}
	assert_int_equal(octets, box->octets);
	for (size_t at = 0; at < AUTHORS * MANY; at++) {
		uint8_t state = b->state[at];
		if ((state & ACKED) && !(state & REMOVING) && !seen[at])
			fail_msg("message %zu of author %zu was acknowledged and is lost",
				 at % MANY, at / MANY);
	}
	box->ops->release(&box);
}

/* The same mailbox without its index: the same messages in the same order. */
static void audit_rescan(struct tree *t)
{
	struct box *box = tree_claim(t, KIM);
	uint32_t n = box->n_msgs;
	uint64_t octets = box->octets;
	char **uidl = calloc(n + 1, sizeof(*uidl)), path[512];

	for (uint32_t i = 0; i < n; i++)
		uidl[i] = strdup(box->msgs[i].uidl);
	box->ops->release(&box);
	tree_path(t, "example.com/P3_kim.mbx/index", path);
	assert_int_equal(unlink(path), 0);
	box = tree_claim(t, KIM);
	assert_int_equal(box->n_msgs, n);
	assert_int_equal(box->octets, octets);
	for (uint32_t i = 0; i < n; i++) {
		assert_string_equal(box->msgs[i].uidl, uidl[i]);
		free(uidl[i]);
	}
	free(uidl);
	box->ops->release(&box);
}

static void killed_at_random(void **state)
{
	struct tree t;
	struct board *b =
		mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)state;
	assert_true(b != MAP_FAILED);
	tree_setup(&t);
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid[AUTHORS + 1];
		for (unsigned i = 0; i <= AUTHORS; i++)
			pid[i] = start(&t, b, i);
		usleep((useconds_t)(random_u64() % 40000)); /* the random moment itself */
		for (unsigned i = 0; i <= AUTHORS; i++) {
			assert_int_equal(kill(pid[i], SIGKILL), 0);
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			assert_true(WIFSIGNALED(status)); /* a failed check would have exited */
		}
		audit(&t, b);
	}
	audit_rescan(&t);
	uint32_t tried = 0;
	for (unsigned i = 0; i < AUTHORS; i++)
		tried += b->next[i];
	assert_true(tried > ROUNDS);
	print_message("%u deliveries in %d rounds\n", tried, ROUNDS);
	tree_teardown(&t);
	munmap(b, sizeof(*b));
}

struct crew {
	struct tree *t;
	struct board *b;
	unsigned who;
};

#define PER_THREAD 150

static void *deliver_some(void *arg)
{
	struct crew *c = arg;
	char text[4096];

	for (unsigned i = 0; i < PER_THREAD; i++) {
		c->b->state[c->who * MANY + i] = TRIED;
		if (tree_deliver(c->t, KIM, text, body(text, c->who, i)) == EC_OK)
			c->b->state[c->who * MANY + i] |= ACKED;
	}
	return NULL;
}

/* Threads deliver while sessions of the same process claim, read and remove; nobody gets in
 * another's way. */
static void threads(void **state)
{
	struct tree t;
	struct board *b = calloc(1, sizeof(*b));
	pthread_t thread[AUTHORS];
	struct crew crew[AUTHORS];
	uint32_t removed = 0;

	(void)state;
	tree_setup(&t);
	for (unsigned i = 0; i < AUTHORS; i++) {
		crew[i] = (struct crew){ &t, b, i };
		assert_int_equal(pthread_create(&thread[i], NULL, deliver_some, &crew[i]), 0);
	}
	while (removed < 100) {
		struct box *box = tree_claim(&t, KIM);
		if (box->n_msgs > 0) {
			_Atomic uint8_t *s = check_message(b, box, box->n_msgs / 2);
			*s |= REMOVING;
			tree_remove_message(box, box->n_msgs / 2);
			*s |= REMOVED;
			removed++;
		}
		box->ops->release(&box);
	}
	for (unsigned i = 0; i < AUTHORS; i++)
		pthread_join(thread[i], NULL);
	audit(&t, b);
	struct box *box = tree_claim(&t, KIM);
	assert_int_equal(box->n_msgs, AUTHORS * PER_THREAD - removed);
	box->ops->release(&box);
	audit_rescan(&t);
	tree_teardown(&t);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads),
		cmocka_unit_test(killed_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <inttypes.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "server/net/tls.h"
#include "tests/unit/net/rig.h"

#define MANY 300
#define KEPT 64

static bool has_pages(void *p)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char in;

	assert_int_equal(mincore((void *)((uintptr_t)p & ~(page - 1)), page, &in), 0);
	return in & 1;
}

/* 0: in the heap. */
static bool is_apart(void *p)
{
	return (uintptr_t)p % 4096 == 0;
}

static void sizes_go_where_they_belong(void **state)
{
	static const struct {
		size_t n;
		bool apart;
	} rows[] = { { 1, false },    { 4096, false }, { 16383, false }, { 16384, true },
		     { 21848, true }, { 24576, true }, { 24577, false }, { 1 << 20, false } };

	(void)state;
	assert_null(OPENSSL_malloc(0));
	OPENSSL_free(NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *p = OPENSSL_malloc(rows[i].n);

		memset(p, 'x', rows[i].n);
		assert_int_equal(is_apart(p), rows[i].apart);
		OPENSSL_free(p);
	}
}

static void growing_keeps_what_is_in_it(void **state)
{
	char *p = OPENSSL_malloc(16384), *q;

	(void)state;
	memset(p, 'a', 16384);
	q = OPENSSL_realloc(p, 20000);
	assert_ptr_equal(p, q);
	memset(q + 16384, 'b', 20000 - 16384);
	q = OPENSSL_realloc(q, 100000);
	assert_ptr_not_equal(p, q);
	assert_false(is_apart(q));
	for (size_t i = 0; i < 20000; i++)
		assert_int_equal(q[i], i < 16384 ? 'a' : 'b');
	q = OPENSSL_realloc(q, 20000);
	assert_int_equal(q[19999], 'b');
	assert_null(OPENSSL_realloc(q, 0));
	p = OPENSSL_realloc(NULL, 17000);
	assert_true(is_apart(p));
	assert_null(OPENSSL_realloc(p, 0));
}

/* The last one freed comes first, and beyond a few dozen none keeps its pages. */
static void what_is_free_goes_back(void **state)
{
	char *all[MANY], *p;
	int n_kept = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		all[i] = OPENSSL_malloc(17000);
		memset(all[i], i, 17000);
	}
	for (int i = 0; i < MANY; i++) {
		assert_int_equal((unsigned char)all[i][0], (unsigned char)i);
		assert_int_equal((unsigned char)all[i][16999], (unsigned char)i);
		OPENSSL_free(all[i]);
	}
	for (int i = 0; i < MANY; i++)
		n_kept += has_pages(all[i]);
	assert_int_equal(n_kept, KEPT);
	p = OPENSSL_malloc(17000);
	assert_true(has_pages(p));
	OPENSSL_free(p);
	assert_ptr_equal(OPENSSL_malloc(17000), p);
	OPENSSL_free(p);
}

/* What the kernel keeps of the mapping that p lies in (proc(5), VmFlags). */
static bool has_flag(const void *p, const char *flag)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	uintptr_t from, to, at = (uintptr_t)p;
	char line[512];
	bool here = false, found = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to) == 2)
			here = from <= at && at < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, flag);
	}
	fclose(f);
	return found;
}

/* Half of a huge page is not given back. */
static void pages_are_small(void **state)
{
	char *p = OPENSSL_malloc(17000);

	(void)state;
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0)
		assert_true(has_flag(p, " nh"));
	OPENSSL_free(p);
}

static void *come_and_go(void *arg)
{
	unsigned char mark = (unsigned char)(uintptr_t)arg;

	for (int round = 0; round < 2000; round++) {
		unsigned char *p[8];

		for (int i = 0; i < 8; i++) {
			p[i] = OPENSSL_malloc(21848);
			p[i][0] = p[i][21847] = mark;
		}
		for (int i = 0; i < 8; i++) {
			assert_true(p[i][0] == mark && p[i][21847] == mark);
			OPENSSL_free(p[i]);
		}
	}
	return NULL;
}

static void threads_share_it(void **state)
{
	pthread_t t[16];

	(void)state;
	for (uintptr_t i = 0; i < 16; i++)
		assert_int_equal(pthread_create(&t[i], NULL, come_and_go, (void *)i), 0);
	for (int i = 0; i < 16; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_go_where_they_belong),
		cmocka_unit_test(growing_keeps_what_is_in_it),
		cmocka_unit_test(what_is_free_goes_back),
		cmocka_unit_test(pages_are_small),
		cmocka_unit_test(threads_share_it),
	};

	if (!tls_heap_start())
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("net/tls_heap", tests, NULL, NULL);
}

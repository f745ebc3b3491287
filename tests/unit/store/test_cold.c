/* test_cold.c - large messages that do not lie in memory: a loop is told so, a worker brings them.
 *
 * What lies in memory is asked with mincore(2). Where the file system drops nothing (tmpfs) a message is never cold; one that cannot
 * promise not to wait (an overlay) has every large message fetched by a worker, and there is nothing to see here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "server/base/mem.h"
#include "tests/unit/store/remembers.h"
#include "tests/unit/store/tree.h"

#define KIM "kim@example.com"
#define BOX "example.com/P3_kim.mbx/"
#define MIB (1u << 20)

static const size_t sizes[] = { 32769, 40000, 65536, 200001, MIB, MIB + 1, 3 * MIB };

/* A page that is dirty would stay. */
static void drop(const char *path)
{
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

/* Page by page, so that no large one is made that would fill the hole: the third is left out. */
static void bring_all_but_one(const char *path, size_t len)
{
	size_t page = (size_t)getpagesize();
	int fd = open(path, O_RDONLY);
	char octet;

	assert_true(fd >= 0);
	assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
	for (size_t off = 0; off < len; off += page)
		if (off != 2 * page)
			assert_int_equal(pread(fd, &octet, 1, (off_t)off), 1);
	close(fd);
}

/* What of the first `octets` is in memory. */
static size_t n_pages_in_memory(const char *path, size_t octets)
{
	size_t page = (size_t)getpagesize(), n_pages = (octets + page - 1) / page, n = 0;
	unsigned char *seen = mem_new(n_pages);
	int fd = open(path, O_RDONLY);
	void *at = mmap(NULL, octets, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(at != MAP_FAILED);
	assert_int_equal(mincore(at, octets, seen), 0);
	for (size_t i = 0; i < n_pages; i++)
		n += seen[i] & 1;
	munmap(at, octets);
	close(fd);
	free(seen);
	return n;
}

static bool all_in_memory(const char *path, size_t octets)
{
	size_t page = (size_t)getpagesize();

	return n_pages_in_memory(path, octets) == (octets + page - 1) / page;
}

static enum ec fetch(struct box *box, unsigned flags)
{
	struct blob b;
	struct err e;
	enum ec rc = box->ops->fetch(box, 0, flags, &b, &e);

	if (rc == EC_OK)
		box->ops->blob_done(box, &b);
	return rc;
}

static void with_message(size_t len, void (*look)(struct box *box, const char *path, size_t len))
{
	char *text = mem_new(len), path[512];
	struct tree t;

	tree_setup_in(&t, place_that_remembers());
	memset(text, 'x', len);
	memcpy(text + len - 2, "\r\n", 2);
	tree_write(&t, BOX "large.eml", text, len);
	free(text);
	tree_path(&t, BOX "large.eml", path);
	struct box *box = tree_claim(&t, KIM);
	assert_int_equal(box->n_msgs, 1);
	look(box, path, len);
	box->ops->release(&box);
	tree_teardown(&t);
}

static void warm_cold_warm(struct box *box, const char *path, size_t len)
{
	size_t ahead = len < MIB ? len : MIB;

	assert_true(all_in_memory(path, len));
	if (fetch(box, FETCH_NOWAIT) == EC_BUSY)
		return;
	drop(path);
	if (n_pages_in_memory(path, ahead) > 0)
		return;
	assert_ec(fetch(box, FETCH_NOWAIT), EC_BUSY);
	assert_ec(fetch(box, 0), EC_OK);
	assert_true(all_in_memory(path, ahead));
	assert_ec(fetch(box, FETCH_NOWAIT), EC_OK);
}

static void a_worker_brings_what_is_cold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		with_message(sizes[i], warm_cold_warm);
}

static bool kernel_counts_pages(void)
{
	return syscall(451 /* cachestat, younger than the headers */, -1, NULL, NULL, 0) < 0 &&
	       errno == EBADF;
}

static void with_a_hole(struct box *box, const char *path, size_t len)
{
	size_t ahead = len < MIB ? len : MIB;

	drop(path);
	if (n_pages_in_memory(path, ahead) > 0)
		return;
	bring_all_but_one(path, len);
	assert_false(all_in_memory(path, ahead));
	assert_ec(fetch(box, FETCH_NOWAIT), EC_BUSY);
}

static void a_hole_is_seen(void **state)
{
	(void)state;
	for (size_t i = 0; kernel_counts_pages() && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		with_message(sizes[i], with_a_hole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_brings_what_is_cold),
		cmocka_unit_test(a_hole_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

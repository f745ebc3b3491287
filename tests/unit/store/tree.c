#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/store/tree.h"

static void ok(enum ec rc, const struct err *e)
{
	if (rc != EC_OK)
		fail_msg("%s: %s", ec_name(rc), e->text);
}

void tree_setup(struct tree *t)
{
	tree_setup_in(t, "/tmp");
}

void tree_setup_in(struct tree *t, const char *place)
{
	struct err e;
	struct name domain = tree_name("example.com");

	*t = (struct tree){ 0 };
	snprintf(t->path, sizeof(t->path), "%s/winpop-test-XXXXXX", place);
	assert_non_null(mkdtemp(t->path));
	tree_reopen(t, false);
	ok(mailroot_add_domain(t->root, &domain, &e), &e);
	tree_add_mailbox(t, "kim@example.com");
}

void tree_reopen(struct tree *t, bool keep_fetched)
{
	static const struct log silent = { 0 };
	struct err e;

	if (t->store)
		t->store->ops->close(&t->store);
	mailroot_close(&t->root);
	ok(mailroot_open(t->path, &t->root, &e), &e);
	ok(store_files_open(t->root, &silent, keep_fetched, &t->store, &e), &e);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

void tree_teardown(struct tree *t)
{
	t->store->ops->close(&t->store);
	mailroot_close(&t->root);
	nftw(t->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct name tree_name(const char *text)
{
	struct name n;
	struct err e;

	ok(name_parse_any(&n, text, strlen(text), NAME_FILE, &e), &e);
	return n;
}

void tree_add_mailbox(struct tree *t, const char *address)
{
	struct name n = tree_name(address);
	struct draft *d = NULL;
	struct err e;

	ok(draft_begin(t->root, &n, &d, &e), &e);
	ok(draft_commit(&d, &e), &e);
	assert_null(d);
}

enum ec tree_deliver(struct tree *t, const char *address, const char *octets, size_t len)
{
	struct name n = tree_name(address);
	struct iovec iov = { (char *)octets, len };
	struct message m = { .iov = &iov, .n_iov = 1, .spool_fd = -1 };
	struct err e;

	return t->store->ops->deliver(t->store, &n, &m, &e);
}

void tree_path(const struct tree *t, const char *below, char out[512])
{
	snprintf(out, 512, "%s/%s", t->path, below);
}

bool tree_has(const struct tree *t, const char *below)
{
	char path[512];
	struct stat st;

	tree_path(t, below, path);
	return lstat(path, &st) == 0;
}

static struct timespec parent_mtime(const char *path, char parent[512])
{
	struct stat st;

	snprintf(parent, 512, "%s", path);
	*strrchr(parent, '/') = '\0';
	assert_int_equal(stat(parent, &st), 0);
	return st.st_mtim;
}

/* Two changes within one tick of an older kernel's clock look like one: go on until the directory
 * shows this one. */
static void until_seen(const char *path, struct timespec before)
{
	char parent[512];
	struct timespec now = parent_mtime(path, parent);

	while (now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec) {
		assert_int_equal(utimensat(AT_FDCWD, parent, NULL, 0), 0);
		now = parent_mtime(path, parent);
	}
}

void tree_write(struct tree *t, const char *path, const void *p, size_t len)
{
	char full[512], parent[512];

	tree_path(t, path, full);
	bool fresh = !tree_has(t, path);
	struct timespec before = parent_mtime(full, parent);
	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
	close(fd);
	if (fresh)
		until_seen(full, before);
}

void tree_unlink(struct tree *t, const char *path)
{
	char full[512], parent[512];

	tree_path(t, path, full);
	struct timespec before = parent_mtime(full, parent);
	assert_int_equal(unlink(full), 0);
	until_seen(full, before);
}

struct box *tree_claim(struct tree *t, const char *address)
{
	struct name n = tree_name(address);
	struct box *box = NULL;
	struct err e;

	ok(t->store->ops->claim(t->store, &n, "test", &box, &e), &e);
	ok(box->ops->table(box, &e), &e);
	assert_true(box->n_msgs == 0 || box->msgs != NULL);
	return box;
}

char *tree_fetch(struct box *box, uint32_t i, size_t *len)
{
	struct blob b;
	struct err e;
	size_t got;

	ok(box->ops->fetch(box, i, 0, &b, &e), &e);
	char *mem = malloc(b.len + 1);
	for (*len = 0;; *len += got) {
		ok(box->ops->read(box, &b, *len, mem + *len, b.len + 1 - *len, &got, &e), &e);
		if (got == 0)
			break;
	}
	assert_int_equal(*len, b.len);
	mem[*len] = '\0';
	box->ops->blob_done(box, &b);
	return mem;
}

void tree_remove_message(struct box *box, uint32_t i)
{
	uint8_t *bits = calloc(1, box->n_msgs / 8 + 1);
	struct commit done;
	struct err e;

	bits[i / 8] |= (uint8_t)(1u << (i % 8));
	ok(box->ops->commit(box, &(struct marks){ .removed = bits }, &done, &e), &e);
	assert_int_equal(done.n_removed, 1);
	assert_int_equal(done.n_failed, 0);
	free(bits);
}

/* dirlist.c - names lie end to end in one buffer, items point into it: a directory of 100,000 costs
 * two allocations that grow. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/err.h"
#include "server/base/pace.h"
#include "server/store/dirlist.h"

char *dirlist_name(const struct dirlist *l, size_t i)
{
	return l->names.mem + l->names.off + l->items[i].name;
}

struct sorting {
	const char *names;
	struct pace pace;
};

static int by_name(const void *a, const void *b, void *arg)
{
	const struct dirlist_item *x = a, *y = b;
	struct sorting *s = arg;

	pace(&s->pace, PACE_ENTRY);
	return strcmp(s->names + x->name, s->names + y->name);
}

void dirlist_sort(struct dirlist *l)
{
	struct sorting s = { .names = l->names.mem + l->names.off };

	if (l->n > 1)
		qsort_r(l->items, l->n, sizeof(*l->items), by_name, &s);
}

static void add(struct dirlist *l, const struct dirent *d)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->items = reallocarray(l->items, l->cap, sizeof(*l->items));
		if (!l->items)
			die("out of memory");
	}
	l->items[l->n++] = (struct dirlist_item){ d->d_ino, (uint32_t)l->names.len, d->d_type };
	buf_add(&l->names, d->d_name, strlen(d->d_name) + 1);
}

/* readdir may give a name twice when the directory changes under it. */
static void drop_twins(struct dirlist *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (kept == 0 || strcmp(dirlist_name(l, kept - 1), dirlist_name(l, i)) != 0)
			l->items[kept++] = l->items[i];
	}
	l->n = kept;
}

int dirlist_read(int dirfd, bool (*want)(const char *name), struct dirlist *out)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct pace p = { 0 };
	struct dirent *d;

	*out = (struct dirlist){ 0 };
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (errno = 0, (d = readdir(dir))) {
		pace(&p, PACE_DIRENT);
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (!want || want(d->d_name))
			add(out, d);
	}
	int failed = errno;
	closedir(dir);
	if (failed) {
		dirlist_drop(out);
		errno = failed;
		return -1;
	}
	dirlist_sort(out);
	drop_twins(out);
	return 0;
}

void dirlist_drop(struct dirlist *l)
{
	buf_drop(&l->names);
	free(l->items);
	*l = (struct dirlist){ 0 };
}

bool dirlist_is_dir(const struct dirlist *l, size_t i, int dirfd)
{
	struct stat st;

	if (l->items[i].type != DT_UNKNOWN)
		return l->items[i].type == DT_DIR;
	return fstatat(dirfd, dirlist_name(l, i), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

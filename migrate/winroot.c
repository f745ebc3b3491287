/* winroot.c - three levels of directories, each read at once and sorted.
 *
 * The tree comes from a file system that ignores case, by way of tools that may have changed the spelling or brought files of
 * their own along. So every entry is either recognised by its name and its kind, or told. Where two directories stand for one name -
 * which the original's disk could not hold, but a copy may - the one that the mail root would serve counts: our own spelling, else
 * the first in byte order.
 *
 * Every step down is an openat2(2) that refuses links and ways out (beneath.h), under the identity that may read the tree, which is
 * put away again before anybody else's code runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "migrate/winroot.h"
#include "server/base/mem.h"
#include "server/store/beneath.h"
#include "server/store/dirlist.h"
#include "server/store/oddcase.h"
#include "server/store/uidl.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY)
#define BLOCK 4096
#define INODE 512

const char *const winroot_why_words[WINROOT_WHY_COUNT] = {
	[WINROOT_NO_DOMAIN] = "not a domain",
	[WINROOT_NO_BOX] = "not a mailbox (P3_name.mbx)",
	[WINROOT_BAD_NAME] = "a mailbox cannot have this name",
	[WINROOT_NO_MESSAGE] = "not a message (*.eml)",
	[WINROOT_EMPTY] = "empty",
	[WINROOT_TWIN] = "the same name in another spelling is there too",
	[WINROOT_LINK] = "a symbolic link, which is not followed",
	[WINROOT_NO_FILE] = "not a plain file",
	[WINROOT_UNREADABLE] = "cannot be read",
};

/* ---- names ---- */

bool winroot_is_box(const char *entry)
{
	size_t len = strlen(entry);

	return len >= 7 && strncasecmp(entry, "p3_", 3) == 0 &&
	       strcasecmp(entry + len - 4, ".mbx") == 0;
}

/* One that looks like a mailbox would be a fair name for a domain, and never is one. */
bool winroot_domain_name(const char *entry, struct name *out)
{
	return !winroot_is_box(entry) &&
	       name_parse_domain(out, entry, strlen(entry), NULL) == EC_OK;
}

bool winroot_box_name(const char *entry, const struct name *domain, struct name *out)
{
	char text[NAME_MAX + 1 + NAME_DOMAIN_MAX + 1];
	size_t len = strlen(entry);

	/* An '@' would make it a mailbox of somewhere else. */
	if (!winroot_is_box(entry) || len > NAME_MAX || strchr(entry, '@'))
		return false;
	snprintf(text, sizeof(text), "%.*s@%s", (int)len - 7, entry + 3, domain->domain);
	return name_parse(out, text, strlen(text), NAME_FILE, NULL) == EC_OK;
}

/* ---- looking ---- */

static void as_reader(struct winroot *w, bool on)
{
	int failed = errno;

	if (w->eye.as_reader)
		w->eye.as_reader(w->eye.ctx, on);
	errno = failed;
}

static int look_in(struct winroot *w, int dirfd, const char *entry, int flags)
{
	as_reader(w, true);
	int fd = beneath_open(dirfd, entry, flags, 0);
	as_reader(w, false);
	return fd;
}

static int list(struct winroot *w, int fd, struct dirlist *out)
{
	as_reader(w, true);
	int rc = dirlist_read(fd, NULL, out);
	as_reader(w, false);
	return rc;
}

static void tell(struct winroot *w, const char *domain, const char *box, const char *entry,
		 enum winroot_why why)
{
	char path[3 * (NAME_MAX + 1)];
	int error = errno;

	snprintf(path, sizeof(path), "%s%s%s%s%s", domain ? domain : "", domain ? "/" : "",
		 box ? box : "", box ? "/" : "", entry);
	w->n_odd++;
	w->eye.odd(w->eye.ctx, path, why, why == WINROOT_UNREADABLE ? error : 0);
}

/* Why something could not be opened. */
static enum winroot_why why_not(void)
{
	return errno == ELOOP                       ? WINROOT_LINK
	       : errno == ENOTDIR || errno == ENXIO ? WINROOT_NO_FILE
						    : WINROOT_UNREADABLE;
}

/* What we keep in a mail root beside directories and messages; the original's files of such purposes are none of ours. */
static bool is_our_own(const struct winroot *w, const char *entry)
{
	static const char *const files[] = { "lock", "quota", "password", "index", "adopted" };

	if (!w->eye.own)
		return false;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(entry, files[i]) == 0)
			return true;
	}
	return entry[0] == '.' || strchr(entry, '~');
}

/* ---- names of one level ---- */

/* One directory that stands for a name. */
struct candidate {
	struct name name;
	const char *entry;
	bool ours; /* spelled as the mail root spells it */
};
struct level {
	struct dirlist list;
	struct candidate *all;
	size_t n;
	bool has_dirs;
	enum winroot_why *why; /* of each entry that is none of them; WHY_COUNT: it is one */
};

static void level_drop(struct level *l)
{
	dirlist_drop(&l->list);
	free(l->all);
	free(l->why);
}

static int by_name(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = strcmp(x->name.domain, y->name.domain);

	if (order == 0)
		order = strcmp(x->name.local, y->name.local);
	if (order == 0)
		order = y->ours - x->ours;
	return order ? order : strcmp(x->entry, y->entry);
}

static bool is_spelled_our_way(const struct name *n, const char *entry)
{
	char ours[NAME_MAX + 8];

	if (name_is_domain(n))
		return strcmp(entry, n->domain) == 0;
	snprintf(ours, sizeof(ours), "P3_%s.mbx", n->local);
	return strcmp(entry, ours) == 0;
}

/* What an entry is, by its kind and its name; WHY_COUNT: what is looked for. */
static enum winroot_why judge(struct level *l, size_t i, int fd, const struct name *domain)
{
	struct candidate *c = &l->all[l->n];
	struct stat st;

	c->entry = dirlist_name(&l->list, i);
	if (!dirlist_is_dir(&l->list, i, fd))
		return fstatat(fd, c->entry, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)
			       ? WINROOT_LINK
		       : domain ? WINROOT_NO_BOX
				: WINROOT_NO_DOMAIN;
	l->has_dirs = true;
	if (domain ? winroot_box_name(c->entry, domain, &c->name)
		   : winroot_domain_name(c->entry, &c->name)) {
		c->ours = is_spelled_our_way(&c->name, c->entry);
		l->n++;
		return WINROOT_WHY_COUNT;
	}
	if (!domain)
		return WINROOT_NO_DOMAIN;
	return winroot_is_box(c->entry) ? WINROOT_BAD_NAME : WINROOT_NO_BOX;
}

/* The entries of fd that are directories with such a name. domain NULL: names of domains. */
static int level_read(struct winroot *w, int fd, const struct name *domain, struct level *out)
{
	*out = (struct level){ 0 };
	if (list(w, fd, &out->list) < 0)
		return -1;
	out->all = mem_new((out->list.n + 1) * sizeof(*out->all));
	out->why = mem_new((out->list.n + 1) * sizeof(*out->why));
	as_reader(w, true); /* where the file system does not tell kinds, they are looked at */
	for (size_t i = 0; i < out->list.n; i++)
		out->why[i] = judge(out, i, fd, domain);
	as_reader(w, false);
	if (out->n > 1)
		qsort(out->all, out->n, sizeof(*out->all), by_name);
	return 0;
}

/* Tells what is none of what was looked for, and leaves one directory for each name. */
static void level_settle(struct winroot *w, struct level *l, const char *domain)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->list.n; i++) {
		const char *entry = dirlist_name(&l->list, i);
		if (l->why[i] != WINROOT_WHY_COUNT && !is_our_own(w, entry))
			tell(w, domain, NULL, entry, l->why[i]);
	}
	for (size_t i = 0; i < l->n; i++) {
		if (kept > 0 && name_equal(&l->all[kept - 1].name, &l->all[i].name))
			tell(w, domain, NULL, l->all[i].entry, WINROOT_TWIN);
		else
			l->all[kept++] = l->all[i];
	}
	l->n = kept;
}

/* ---- messages ---- */

struct walk {
	struct winroot *w;
	const struct winroot_box *box;
	const char *domain;
	bool first; /* tell what is odd */
	enum winroot_next (*fn)(void *ctx, const struct winroot_message *m);
	void *ctx;
};

static void tell_message(const struct walk *k, const char *name, enum winroot_why why)
{
	tell(k->w, k->domain, k->box->entry, name, why);
}

static void tell_first(const struct walk *k, const char *name, enum winroot_why why)
{
	if (k->first)
		tell_message(k, name, why);
}

static enum winroot_next visit_open(const struct walk *k, const char *name, int fd)
{
	struct stat st;
	const struct winroot_message m = { name, fd, &st };
	enum winroot_next next = WINROOT_GO;

	if (fstat(fd, &st) < 0)
		next = WINROOT_LEAVE;
	else if (!S_ISREG(st.st_mode))
		tell_first(k, name, WINROOT_NO_FILE);
	else if (st.st_size == 0)
		tell_first(k, name, WINROOT_EMPTY);
	else
		next = k->fn(k->ctx, &m);
	if (next == WINROOT_LEAVE)
		tell_message(k, name, WINROOT_UNREADABLE);
	return next;
}

static enum winroot_next visit(const struct walk *k, int dirfd, const char *name)
{
	if (!is_message_name(name)) {
		if (!is_our_own(k->w, name))
			tell_first(k, name, WINROOT_NO_MESSAGE);
		return WINROOT_GO;
	}
	int fd = look_in(k->w, dirfd, name, O_RDONLY);
	if (fd < 0) {
		/* In the one walk after the scan this counts only if it was readable then: the sums will tell. */
		tell_first(k, name, why_not());
		return WINROOT_GO;
	}
	enum winroot_next next = visit_open(k, name, fd);
	close(fd);
	return next;
}

/* 0, or -1 with errno: the mailbox itself cannot be read. */
static int walk(const struct walk *k, int dirfd)
{
	struct dirlist l;

	if (list(k->w, dirfd, &l) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if (visit(k, dirfd, dirlist_name(&l, i)) == WINROOT_STOP)
			break;
	}
	dirlist_drop(&l);
	return 0;
}

static int open_box(struct winroot *w, const struct winroot_box *box)
{
	int domain = look_in(w, w->fd, w->domains[box->domain].entry, DIR_FLAGS);

	if (domain < 0)
		return -1;
	int fd = look_in(w, domain, box->entry, DIR_FLAGS);
	int failed = errno;
	close(domain);
	errno = failed;
	return fd;
}

enum ec winroot_messages(struct winroot *w, const struct winroot_box *box,
			 enum winroot_next (*fn)(void *ctx, const struct winroot_message *m),
			 void *ctx, struct err *e)
{
	const struct walk k = {
		.w = w, .box = box, .domain = w->domains[box->domain].entry, .fn = fn, .ctx = ctx
	};
	int fd = open_box(w, box);

	if (fd < 0 || walk(&k, fd) < 0) {
		err_sys(e, "cannot read %s/%s", k.domain, box->entry);
		if (fd >= 0)
			close(fd);
		return e ? e->class : EC_BROKEN;
	}
	close(fd);
	return EC_OK;
}

enum ec winroot_look(struct winroot *w, const struct winroot_domain *d, struct stat *st,
		     struct err *e)
{
	as_reader(w, true);
	int rc = fstatat(w->fd, d->entry, st, AT_SYMLINK_NOFOLLOW);
	as_reader(w, false);
	return rc < 0 ? err_sys(e, "cannot look at %s", d->entry) : EC_OK;
}

/* ---- the scan ---- */

static void *one_more(void *array, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	*cap = *cap ? 2 * *cap : 16;
	array = reallocarray(array, *cap, size);
	if (!array)
		die("out of memory");
	return array;
}

static enum winroot_next count(void *ctx, const struct winroot_message *m)
{
	struct winroot_box *box = ctx;
	uint64_t octets = (uint64_t)m->st->st_size;

	box->n_msgs++;
	box->octets += octets;
	box->room += (octets + BLOCK - 1) / BLOCK * BLOCK + INODE;
	return WINROOT_GO;
}

static void scan_box(struct winroot *w, int domain_fd, const struct candidate *c)
{
	size_t at = w->n_domains - 1;
	struct winroot_domain *d = &w->domains[at];
	struct winroot_box box = { .name = c->name,
				   .entry = arena_strz(w->mem, c->entry),
				   .domain = at };
	const struct walk k = {
		.w = w, .box = &box, .domain = d->entry, .first = true, .fn = count, .ctx = &box
	};
	uint64_t odd_before = w->n_odd;
	int fd = look_in(w, domain_fd, c->entry, DIR_FLAGS);

	if (fd < 0 || walk(&k, fd) < 0) {
		tell(w, d->entry, NULL, c->entry, why_not());
		if (fd >= 0)
			close(fd);
		return;
	}
	close(fd);
	box.n_odd = w->n_odd - odd_before;
	d->n_boxes++;
	d->n_msgs += box.n_msgs;
	d->octets += box.octets;
	w->boxes = one_more(w->boxes, w->n_boxes, &w->boxes_cap, sizeof(*w->boxes));
	w->boxes[w->n_boxes++] = box;
}

/* Nothing in there but files, or nothing: a domain of the original without mailboxes. A single word is rather somebody's folder. */
static bool is_domain(const struct level *boxes, const struct name *domain)
{
	return boxes->n > 0 || (!boxes->has_dirs && strchr(domain->domain, '.'));
}

static void scan_domain(struct winroot *w, const struct candidate *c)
{
	uint64_t odd_before = w->n_odd;
	struct level boxes;
	int fd = look_in(w, w->fd, c->entry, DIR_FLAGS);

	if (fd < 0 || level_read(w, fd, &c->name, &boxes) < 0) {
		tell(w, NULL, NULL, c->entry, why_not());
		if (fd >= 0)
			close(fd);
		return;
	}
	if (is_domain(&boxes, &c->name)) {
		w->domains =
			one_more(w->domains, w->n_domains, &w->domains_cap, sizeof(*w->domains));
		struct winroot_domain *d = &w->domains[w->n_domains++];
		*d = (struct winroot_domain){ .name = c->name,
					      .entry = arena_strz(w->mem, c->entry),
					      .first = w->n_boxes };
		level_settle(w, &boxes, d->entry);
		for (size_t i = 0; i < boxes.n; i++)
			scan_box(w, fd, &boxes.all[i]);
		d->n_odd = w->n_odd - odd_before;
	} else {
		tell(w, NULL, NULL, c->entry, WINROOT_NO_DOMAIN);
	}
	level_drop(&boxes);
	close(fd);
}

/* Somebody named a domain instead of the directory that holds the domains. */
static bool looks_like_domain(const struct level *l, int fd)
{
	for (size_t i = 0; i < l->list.n; i++) {
		if (winroot_is_box(dirlist_name(&l->list, i)) && dirlist_is_dir(&l->list, i, fd))
			return true;
	}
	return false;
}

enum ec winroot_scan(int fd, const struct winroot_eye *eye, struct winroot **out, struct err *e)
{
	struct winroot *w = mem_new(sizeof(*w));
	struct level domains;

	*w = (struct winroot){ .mem = arena_new("winroot", 4096), .eye = *eye, .fd = fd };
	if (level_read(w, fd, NULL, &domains) < 0) {
		winroot_close(&w);
		return err_sys(e, "cannot read the tree");
	}
	w->is_domain = looks_like_domain(&domains, fd);
	level_settle(w, &domains, NULL);
	for (size_t i = 0; i < domains.n; i++)
		scan_domain(w, &domains.all[i]);
	level_drop(&domains);
	*out = w;
	return EC_OK;
}

void winroot_close(struct winroot **w)
{
	int failed = errno;

	if (!*w)
		return;
	close((*w)->fd);
	free((*w)->domains);
	free((*w)->boxes);
	arena_drop(&(*w)->mem);
	free(*w);
	*w = NULL;
	errno = failed;
}

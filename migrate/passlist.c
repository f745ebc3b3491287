/* passlist.c - a sorted array would do for reading, but lists also grow one by one while they are asked: so a list that is sorted
 * when somebody asks and something was added since. A stable sort order by age decides between lines for one address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "migrate/newpass.h"
#include "migrate/passlist.h"
#include "server/accounts/record.h"
#include "server/base/arena.h"
#include "server/base/file.h"
#include "server/base/mem.h"

#define FILE_BYTES_MAX (64u << 20)

struct line {
	struct name name;
	struct secret secret;
	size_t age; /* in the order they came */
};
struct passlist {
	struct line *lines;
	size_t n, cap, came;
	bool sorted;
};

struct passlist *passlist_new(void)
{
	return mem_new(sizeof(struct passlist));
}

/* Those from `from` on. */
static void forget(struct passlist *l, size_t from)
{
	for (size_t i = from; i < l->n; i++)
		secret_drop(&l->lines[i].secret);
	l->n = from;
}

void passlist_free(struct passlist **l)
{
	if (!*l)
		return;
	forget(*l, 0);
	free((*l)->lines);
	free(*l);
	*l = NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int order = strcmp(x->domain, y->domain);

	return order ? order : strcmp(x->local, y->local);
}

static int by_name_and_age(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = by_name(&x->name, &y->name);

	return order ? order : (x->age > y->age) - (x->age < y->age);
}

/* Sorted, the last line for each name alone. */
static void settle(struct passlist *l)
{
	size_t kept = 0;

	if (l->sorted || l->n == 0)
		return;
	qsort(l->lines, l->n, sizeof(*l->lines), by_name_and_age);
	for (size_t i = 0; i < l->n; i++) {
		if (kept > 0 && name_equal(&l->lines[kept - 1].name, &l->lines[i].name))
			secret_drop(&l->lines[--kept].secret);
		l->lines[kept++] = l->lines[i];
	}
	l->n = kept;
	l->sorted = true;
}

void passlist_put(struct passlist *l, const struct name *n, const struct secret *s)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->lines = reallocarray(l->lines, l->cap, sizeof(*l->lines));
		if (!l->lines)
			die("out of memory");
	}
	struct line *line = &l->lines[l->n++];
	*line = (struct line){ .name = *n, .age = l->came++ };
	secret_set(&line->secret, s->bytes, s->len);
	l->sorted = false;
}

const struct secret *passlist_get(const struct passlist *list, const struct name *n)
{
	struct passlist *l = (struct passlist *)list; /* in another order, but the same list */

	settle(l);
	const struct line *found =
		l->n ? bsearch(n, l->lines, l->n, sizeof(*l->lines), by_name) : NULL;
	return found ? &found->secret : NULL;
}

size_t passlist_count(const struct passlist *list)
{
	settle((struct passlist *)list);
	return list->n;
}

/* ---- reading ---- */

static enum ec parse_line(struct passlist *l, const char *p, size_t len, const char *where,
			  struct err *e)
{
	const char *split = memchr(p, '\t', len);
	struct secret s = { 0 };
	struct name n;
	struct err why;

	if (!split)
		split = memchr(p, ':', len);
	if (!split)
		return err_set(e, EC_USAGE, "%s: not \"address TAB password\"", where);
	if (name_parse(&n, p, (size_t)(split - p), NAME_FILE, &why) != EC_OK)
		return err_set(e, EC_USAGE, "%s: what stands before the %s is no address", where,
			       *split == '\t' ? "tab" : "colon");
	secret_set(&s, split + 1, len - (size_t)(split + 1 - p));
	enum ec rc = password_check(&s, &why);
	if (rc == EC_OK)
		passlist_put(l, &n, &s);
	else
		err_set(e, EC_USAGE, "%s: %s", where, why.text);
	secret_drop(&s);
	return rc == EC_OK ? EC_OK : EC_USAGE;
}

static enum ec parse_lines(struct passlist *l, const char *text, size_t len, const char *what,
			   struct err *e)
{
	const char *end = text + len;
	enum ec rc = EC_OK;
	unsigned number = 0;

	for (const char *p = text, *next; p < end && rc == EC_OK; p = next) {
		char where[160];
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((lf ? lf : end) - p);
		next = lf ? lf + 1 : end;
		snprintf(where, sizeof(where), "%.120s line %u", what, ++number);
		if (n > 0 && p[n - 1] == '\r')
			n--;
		if (n > 0)
			rc = parse_line(l, p, n, where, e);
	}
	return rc;
}

enum ec passlist_parse(struct passlist *l, const char *text, size_t len, const char *what,
		       struct err *e)
{
	settle(l);
	size_t before = l->n;
	enum ec rc = parse_lines(l, text, len, what, e);

	if (rc != EC_OK)
		forget(l, before);
	return rc;
}

static enum ec check_mode(int fd, const char *what, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at %s", what);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EC_REFUSED, "%s is not a plain file", what);
	if (st.st_mode & 077)
		return err_set(e, EC_DENIED, "others may read %s: chmod 600 it, then try again",
			       what);
	return EC_OK;
}

enum ec passlist_read(struct passlist *l, int fd, const char *what, struct err *e)
{
	struct arena *mem = arena_new("passwords", 4096);
	char *text;
	size_t len;
	enum ec rc = check_mode(fd, what, e);

	if (rc == EC_OK)
		rc = file_read_fd(mem, fd, what, FILE_BYTES_MAX, &text, &len, e);
	if (rc == EC_OK)
		rc = passlist_parse(l, text, len, what, e);
	arena_drop(&mem); /* wiped */
	return rc;
}

enum ec passlist_make(struct passlist *l, int fd, const struct name *n, struct err *e)
{
	struct secret s = { 0 };

	newpass_make(&s);
	enum ec rc = newpass_note(fd, n, &s, e);
	if (rc == EC_OK)
		passlist_put(l, n, &s);
	secret_drop(&s);
	return rc;
}

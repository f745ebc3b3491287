/* oddcase.c - per directory, the list of its odd-case entries, valid while the directory's mtime
 * stands.
 *
 * The kernel may stamp two changes within one clock tick alike, so a list made within a moment of
 * the last change is used but not remembered.
 *
 * A domain of a million mailboxes takes most of a second to read, and where mailboxes are added all
 * the time no list of it would ever be valid: each addition, each wrong name and each recipient that
 * is not there would read it all. So a list that took long to make serves for twenty times as long,
 * whatever the directory's mtime: reading takes a twentieth of the time at most, and a name in odd
 * case that was copied into a very large domain by hand is found some seconds later. While one
 * thread reads it again, the others make do with the old list.
 *
 * The mutex: the notes are the only memory that all threads share below the mail root, a note is
 * read and replaced in microseconds, and the scan that makes one runs outside of it; two threads
 * may scan the same directory at the same time, which is wasteful but harmless. /
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include "server/base/clock.h"
#include "server/base/err.h"
#include "server/base/mem.h"
#include "server/store/dirlist.h"
#include "server/store/oddcase.h"

#define SETTLED_US 50000 /* several ticks of the slowest usual clock (HZ=100) */
#define NOTES_MAX 4096   /* domains come and go; forgetting all of them costs one scan each */
#define LONG_US 10000 /* to make a list: some ten thousand mailboxes; below, every change counts */
#define SERVES_TIMES 20
#define AGAIN_TIMES 2 /* as long as the last time: so soon the next list is expected */

struct note {
	dev_t dev;
	ino_t ino;
	struct timespec mtime; /* 0: it had just changed */
	struct dirlist odd;
	uint64_t took_us, serves_until_us; /* whatever the mtime */
};
struct oddcase {
	pthread_mutex_t mutex;
	struct note *notes;
	size_t n;
};

void oddcase_fold(char *name)
{
	for (; *name; name++) {
		if (*name >= 'A' && *name <= 'Z')
			*name = (char)(*name - 'A' + 'a');
	}
}

struct oddcase *oddcase_new(void)
{
	struct oddcase *o = mem_new(sizeof(*o));

	pthread_mutex_init(&o->mutex, NULL);
	return o;
}

static void forget_all(struct oddcase *o)
{
	for (size_t i = 0; i < o->n; i++)
		dirlist_drop(&o->notes[i].odd);
	free(o->notes);
	o->notes = NULL;
	o->n = 0;
}

void oddcase_free(struct oddcase **o)
{
	if (!*o)
		return;
	forget_all(*o);
	pthread_mutex_destroy(&(*o)->mutex);
	free(*o);
	*o = NULL;
}

/* Our own spelling of a mailbox, P3_kim.mbx, has one capital and is not odd; without it, it is. */
static bool is_odd(const char *name)
{
	if (strncmp(name, "p3_", 3) == 0)
		return true;
	if (strncmp(name, "P3_", 3) == 0)
		name += 3;
	return strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
}

/* Byte order among those that differ in case only, so that the first is always the same one. */
static int by_folded_name(const void *a, const void *b, void *names)
{
	const struct dirlist_item *x = a, *y = b;
	const char *base = names;
	int order = strcasecmp(base + x->name, base + y->name);

	return order ? order : strcmp(base + x->name, base + y->name);
}

static bool search(const struct dirlist *odd, const char *lower, char actual[NAME_MAX + 1])
{
	size_t from = 0, to = odd->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (strcasecmp(dirlist_name(odd, mid), lower) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	if (from == odd->n || strcasecmp(dirlist_name(odd, from), lower) != 0)
		return false;
	strcpy(actual, dirlist_name(odd, from));
	return true;
}

static struct note *find_note(struct oddcase *o, const struct stat *st)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->notes[i].dev == st->st_dev && o->notes[i].ino == st->st_ino)
			return &o->notes[i];
	}
	return NULL;
}

static bool still_serves(const struct note *note, const struct stat *st, uint64_t now_us)
{
	return now_us < note->serves_until_us || (note->mtime.tv_sec == st->st_mtim.tv_sec &&
						  note->mtime.tv_nsec == st->st_mtim.tv_nsec);
}

static uint64_t times(uint64_t took_us, unsigned n)
{
	return took_us < LONG_US ? 0 : took_us * n;
}

/* Tells whether the notes had an answer; it goes to *found. If not, the caller makes a new list. */
static bool ask_notes(struct oddcase *o, const struct stat *st, const char *lower,
		      char actual[NAME_MAX + 1], bool *found)
{
	uint64_t now_us = clock_mono_us();

	pthread_mutex_lock(&o->mutex);
	struct note *note = find_note(o, st);
	bool fresh = note && still_serves(note, st, now_us);
	if (fresh)
		*found = search(&note->odd, lower, actual);
	else if (note)
		note->serves_until_us = now_us + times(note->took_us, AGAIN_TIMES);
	pthread_mutex_unlock(&o->mutex);
	return fresh;
}

static bool is_settled(const struct stat *st)
{
	uint64_t changed_us =
		(uint64_t)st->st_mtim.tv_sec * 1000000 + (uint64_t)st->st_mtim.tv_nsec / 1000;

	return changed_us + SETTLED_US < clock_wall_us();
}

static void take_note(struct oddcase *o, const struct stat *st, struct dirlist *odd,
		      uint64_t took_us, bool settled)
{
	if (!settled && took_us < LONG_US)
		return;
	pthread_mutex_lock(&o->mutex);
	struct note *note = find_note(o, st);
	if (!note) {
		if (o->n == NOTES_MAX)
			forget_all(o);
		struct note *grown = reallocarray(o->notes, o->n + 1, sizeof(*grown));
		if (!grown)
			die("out of memory");
		o->notes = grown;
		note = &grown[o->n++];
		*note = (struct note){ .dev = st->st_dev, .ino = st->st_ino };
	}
	dirlist_drop(&note->odd);
	note->odd = *odd;
	note->mtime = settled ? st->st_mtim : (struct timespec){ 0 };
	note->took_us = took_us;
	note->serves_until_us = clock_mono_us() + times(took_us, SERVES_TIMES);
	pthread_mutex_unlock(&o->mutex);
	*odd = (struct dirlist){ 0 };
}

/* By this thread: a busy machine makes no directory large. */
static uint64_t worked_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* 1: found; 0: it is not there; -1 with errno: nobody can tell. */
static int look(struct oddcase *o, int dirfd, const char *lower, char actual[NAME_MAX + 1])
{
	struct dirlist odd;
	struct stat st;
	bool found = false;

	if (fstat(dirfd, &st) < 0)
		return -1;
	if (ask_notes(o, &st, lower, actual, &found))
		return found;
	uint64_t began_us = worked_us();
	bool settled = is_settled(&st);
	if (dirlist_read(dirfd, is_odd, &odd) < 0)
		return -1;
	if (odd.n > 1)
		qsort_r(odd.items, odd.n, sizeof(*odd.items), by_folded_name, odd.names.mem);
	found = search(&odd, lower, actual);
	take_note(o, &st, &odd, worked_us() - began_us, settled);
	dirlist_drop(&odd);
	return found;
}

bool oddcase_find(struct oddcase *o, int dirfd, const char *lower, char actual[NAME_MAX + 1])
{
	int is = look(o, dirfd, lower, actual);

	if (is == 0)
		errno = ENOENT;
	return is > 0;
}

/* memory.c - a table of names with a queue through it, the one seen last in front.
 *
 * Only names that the directory knew get in, so nobody outside can fill it or choose what meets in a slot; its size is bounded
 * because directories have no bound. An item holds its texts behind itself, without the room that struct entry keeps for
 * the longest names: a hundred thousand mailboxes take some 15 MB.
 *
 * It lives in the process and is empty after a start. On disk it would be one more copy of the directory, to be kept in step and
 * protected; a service restarted while the directory is away defers mail instead.
 *
 * The mutex: any worker notes and asks, once per look-up, and holds it for a few pointers and one small copy. The queue is one
 * structure through all items, so a lock per slot would still need this one.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "ldap/memory.h"
#include "server/base/mem.h"

struct item {
	struct item *next; /* in the slot */
	struct item *newer, *older;
	uint64_t hash, seen_ms;
	bool locked, domain_locked, held, domain_held, quota_damaged;
	uint32_t expire_days;
	uint16_t found_at, quota_at; /* in text; what was asked is at 0 */
	char text[];
};

struct memory {
	pthread_mutex_t lock;
	unsigned most, n;
	uint64_t life_ms;
	size_t n_slots; /* a power of two */
	struct item **slots;
	struct item *newest, *oldest;
};

struct memory *memory_new(unsigned most, unsigned life_s)
{
	struct memory *m = mem_new(sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	m->most = most;
	m->life_ms = (uint64_t)life_s * 1000;
	for (m->n_slots = 16; m->n_slots < most; m->n_slots *= 2)
		;
	m->slots = mem_new(m->n_slots * sizeof(struct item *));
	return m;
}

/* FNV-1a */
static uint64_t hash_of(const char *text)
{
	uint64_t h = 14695981039346656037u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 1099511628211u;
	return h;
}

static struct item **slot_of(struct memory *m, uint64_t hash)
{
	return &m->slots[hash & (m->n_slots - 1)];
}

/* Where the pointer to it is; that pointer is NULL if it is not there. */
static struct item **find(struct memory *m, uint64_t hash, const char *asked)
{
	struct item **at = slot_of(m, hash);

	while (*at && ((*at)->hash != hash || strcmp((*at)->text, asked) != 0))
		at = &(*at)->next;
	return at;
}

static void queue_in(struct memory *m, struct item *it)
{
	it->newer = NULL;
	it->older = m->newest;
	*(it->older ? &it->older->newer : &m->oldest) = it;
	m->newest = it;
}

static void queue_out(struct memory *m, struct item *it)
{
	*(it->newer ? &it->newer->older : &m->newest) = it->older;
	*(it->older ? &it->older->newer : &m->oldest) = it->newer;
}

static void drop(struct memory *m, struct item **at)
{
	struct item *it = *at;

	*at = it->next;
	queue_out(m, it);
	m->n--;
	free(it);
}

static void drop_oldest(struct memory *m)
{
	drop(m, find(m, m->oldest->hash, m->oldest->text));
}

static bool expired(const struct memory *m, const struct item *it, uint64_t now_ms)
{
	return now_ms >= it->seen_ms + m->life_ms;
}

void memory_free(struct memory **mp)
{
	struct memory *m = *mp;

	*mp = NULL;
	if (!m)
		return;
	while (m->oldest)
		drop_oldest(m);
	pthread_mutex_destroy(&m->lock);
	free(m->slots);
	free(m);
}

static struct item *item_new(const char *asked, const struct entry *found)
{
	char name[NAME_TEXT_MAX + 1];
	size_t asked_size = strlen(asked) + 1;
	size_t name_size = strlen(name_text(&found->name, name)) + 1;
	size_t quota_size = strlen(found->quota) + 1;
	struct item *it = mem_new(sizeof(*it) + asked_size + name_size + quota_size);

	it->found_at = (uint16_t)asked_size;
	it->quota_at = (uint16_t)(asked_size + name_size);
	memcpy(it->text, asked, asked_size);
	memcpy(it->text + it->found_at, name, name_size);
	memcpy(it->text + it->quota_at, found->quota, quota_size);
	return it;
}

static bool says_the_same(const struct item *it, const struct entry *found)
{
	char name[NAME_TEXT_MAX + 1];

	return strcmp(it->text + it->found_at, name_text(&found->name, name)) == 0 &&
	       strcmp(it->text + it->quota_at, found->quota) == 0;
}

/* The item for asked, saying what was found; nearly always the one that is there already. */
static struct item *renew(struct memory *m, const char *asked, const struct entry *found)
{
	uint64_t hash = hash_of(asked);
	struct item **at = find(m, hash, asked);

	if (*at && says_the_same(*at, found)) {
		queue_out(m, *at);
		return *at;
	}
	if (*at)
		drop(m, at);
	else if (m->n == m->most)
		drop_oldest(m);
	struct item *it = item_new(asked, found);
	it->hash = hash;
	at = slot_of(m, hash);
	it->next = *at;
	*at = it;
	m->n++;
	return it;
}

void memory_note(struct memory *m, const struct name *asked, const struct entry *found,
		 uint64_t now_ms)
{
	char text[NAME_TEXT_MAX + 1];

	if (m->life_ms == 0 || m->most == 0)
		return;
	name_text(asked, text);
	pthread_mutex_lock(&m->lock);
	while (m->oldest && expired(m, m->oldest, now_ms))
		drop_oldest(m);
	struct item *it = renew(m, text, found);
	it->seen_ms = now_ms;
	it->locked = found->locked;
	it->domain_locked = found->domain_locked;
	it->held = found->held;
	it->domain_held = found->domain_held;
	it->quota_damaged = found->quota_damaged;
	it->expire_days = found->expire_days;
	queue_in(m, it);
	pthread_mutex_unlock(&m->lock);
}

void memory_forget(struct memory *m, const struct name *asked)
{
	char text[NAME_TEXT_MAX + 1];

	name_text(asked, text);
	pthread_mutex_lock(&m->lock);
	struct item **at = find(m, hash_of(text), text);
	if (*at)
		drop(m, at);
	pthread_mutex_unlock(&m->lock);
}

static void tell(const struct item *it, struct entry *out)
{
	const char *name = it->text + it->found_at;

	*out = (struct entry){ .locked = it->locked,
			       .domain_locked = it->domain_locked,
			       .held = it->held,
			       .domain_held = it->domain_held,
			       .quota_damaged = it->quota_damaged,
			       .expire_days = it->expire_days,
			       .remembered = true };
	const char *at = strchr(name, '@');
	memcpy(out->name.local, name, (size_t)(at - name));
	strcpy(out->name.domain, at + 1);
	strcpy(out->quota, it->text + it->quota_at);
}

bool memory_recall(struct memory *m, const struct name *asked, uint64_t now_ms, struct entry *out)
{
	char text[NAME_TEXT_MAX + 1];

	name_text(asked, text);
	pthread_mutex_lock(&m->lock);
	const struct item *it = *find(m, hash_of(text), text);
	bool known = it && !expired(m, it, now_ms);
	if (known)
		tell(it, out);
	pthread_mutex_unlock(&m->lock);
	return known;
}

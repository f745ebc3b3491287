/* indexform.c - forming and reading the index. A mailbox of 100,000 has 8 MB of records, each with a sum of its own. */
#include <endian.h>
#include <string.h>
#include "server/store/indexform.h"
#include "server/store/store.h"
#include "server/store/uidl.h"
#include "server/store/words.h"

#define MAGIC 0x3230584933504957u             /* "WIP3IX02" */
#define NAME_FIELD(len) (((len) + 8) / 8 * 8) /* always a NUL behind it */
#define FLAGS_KNOWN (MSG_DOTS | MSG_REPAIR | MSG_UTF8 | MSG_FETCHED | INDEX_DEAD)

struct head_words {
	uint64_t sum, magic, boot, gen, dir_ino, dir_mtime_ns, octets, end, last_us, look_again_s,
		n, n_dead, state, ledger;
};
struct rec_words {
	uint64_t sum, name_len_flags, octets, stored, arrived_us, ino;
};
_Static_assert(sizeof(struct head_words) == INDEX_HEAD_LEN, "head");
_Static_assert(sizeof(struct rec_words) + NAME_FIELD(0) == INDEX_REC_MIN, "record");
_Static_assert(sizeof(struct rec_words) + NAME_FIELD(255) == INDEX_REC_MAX, "record");

void index_head_form(const struct index_head *h, unsigned char out[INDEX_HEAD_LEN])
{
	struct head_words w = {
		.magic = MAGIC,
		.boot = h->boot,
		.gen = h->gen,
		.dir_ino = h->dir_ino,
		.dir_mtime_ns = (uint64_t)h->dir_mtime_ns,
		.octets = h->octets,
		.end = h->end,
		.last_us = (uint64_t)h->last_us,
		.look_again_s = (uint64_t)h->look_again_s,
		.n = h->n,
		.n_dead = h->n_dead,
		.state = h->state,
		.ledger = h->ledger,
	};

	words_to_le(&w, sizeof(w) / 8);
	w.sum = htole64(words_sum(&w.magic, sizeof(w) - 8));
	memcpy(out, &w, sizeof(w));
}

bool index_head_parse(const void *p, size_t len, struct index_head *out)
{
	struct head_words w;

	if (len < sizeof(w))
		return false;
	memcpy(&w, p, sizeof(w));
	uint64_t sum = words_sum(&w.magic, sizeof(w) - 8);
	words_from_le(&w, sizeof(w) / 8);
	if (w.magic != MAGIC || w.sum != sum || w.n > UINT32_MAX || w.n_dead > UINT32_MAX ||
	    w.end < INDEX_HEAD_LEN || w.state > INDEX_CLEAN)
		return false;
	*out = (struct index_head){
		.boot = w.boot,
		.gen = w.gen,
		.dir_ino = w.dir_ino,
		.dir_mtime_ns = (int64_t)w.dir_mtime_ns,
		.octets = w.octets,
		.end = w.end,
		.last_us = (int64_t)w.last_us,
		.look_again_s = (int64_t)w.look_again_s,
		.n = (uint32_t)w.n,
		.n_dead = (uint32_t)w.n_dead,
		.state = (uint32_t)w.state,
		.ledger = w.ledger,
	};
	return true;
}

void index_rec_form(const struct index_rec *r, struct buf *out)
{
	size_t len = sizeof(struct rec_words) + NAME_FIELD(r->name_len);
	char *p = buf_room(out, len);
	struct rec_words w = {
		.name_len_flags = (uint64_t)r->name_len << 32 | r->flags,
		.octets = r->octets,
		.stored = r->stored,
		.arrived_us = (uint64_t)r->arrived_us,
		.ino = r->ino,
	};

	words_to_le(&w, sizeof(w) / 8);
	memset(p, 0, len);
	memcpy(p, &w, sizeof(w));
	memcpy(p + sizeof(w), r->name, r->name_len);
	w.sum = htole64(words_sum(p + 8, len - 8));
	memcpy(p, &w.sum, 8);
	buf_grew(out, len);
}

/* Sound by its sum is not yet sensible: the sum only guards against accidents. */
static bool is_sensible(const struct index_rec *r)
{
	if (r->flags & ~FLAGS_KNOWN)
		return false;
	if (!(r->flags & MSG_REPAIR) && r->octets != r->stored)
		return false;
	/* Repairing adds a CR per LF at most, and one line end. */
	return r->octets >= r->stored && r->octets <= 2 * (r->stored + 1) &&
	       r->stored <= INT64_MAX / 4 && r->arrived_us >= 0 && r->arrived_us <= INT64_MAX / 2 &&
	       (r->own_name || is_message_name_n(r->name, r->name_len));
}

bool index_next(const char *p, size_t len, size_t *pos, struct index_rec *out)
{
	struct rec_words w;
	size_t left = len - *pos;

	if (left < sizeof(w))
		return false;
	memcpy(&w, p + *pos, sizeof(w));
	words_from_le(&w, sizeof(w) / 8);
	size_t name_len = w.name_len_flags >> 32;
	if (name_len > 255 || left < sizeof(w) + NAME_FIELD(name_len))
		return false;
	size_t whole = sizeof(w) + NAME_FIELD(name_len);
	if (words_sum(p + *pos + 8, whole - 8) != w.sum)
		return false;
	*out = (struct index_rec){
		.at = INDEX_HEAD_LEN + *pos,
		.name = p + *pos + sizeof(w),
		.name_len = name_len,
		.own_name = is_own_name(p + *pos + sizeof(w), name_len),
		.octets = w.octets,
		.stored = w.stored,
		.arrived_us = (int64_t)w.arrived_us,
		.ino = w.ino,
		.flags = (uint32_t)w.name_len_flags,
	};
	if (!is_sensible(out) || out->name[name_len] != '\0')
		return false;
	*pos += whole;
	return true;
}

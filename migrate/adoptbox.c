/* adoptbox.c - whole, or nothing yet.
 *
 * Making is simple: the draft is nobody's mailbox until its directory gets its name, and by then messages, record and password are
 * on disk (syncfs once per mailbox instead of a sync per message: a tree has many small files).
 *
 * Adding to a mailbox in use must survive a kill between any two system calls, and its owner may sign in and delete right after.
 * "Is the file there?" cannot tell then whether a message was brought in; a list written afterwards would bring deleted ones back,
 * one written before would lose those that were not yet there. So messages are put under side names first, the record that lists
 * them is written, and then each side name becomes the message's by a rename: a side name that is left and in the record wants its
 * rename, one that is not in the record wants copying anew. The claim is held all the while: no session sees its numbers change.
 *
 * The renames leave the index dirty on purpose: these messages are older than others that are there, and a scan sorts them in.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "migrate/adoptbox.h"
#include "migrate/adoptcopy.h"
#include "server/base/b64.h"
#include "server/base/crypto.h"
#include "server/base/mem.h"
#include "server/store/claim.h"
#include "server/store/dirlist.h"
#include "server/store/index.h"
#include "server/store/uidl.h"

#define SIDE_PREFIX "adopt~"
#define SIDE_MAX (sizeof(SIDE_PREFIX) + 32)
#define OTHER_HEX 12

/* A mailbox while messages come in. */
struct incoming {
	const struct adoptbox *b;
	int dir;
	struct adopted *record;
	bool changed;      /* the record has something that is not on disk */
	struct buf wanted; /* names of messages that it did not have at first, each with its NUL */
	struct adoptbox_count *count;
	enum ec rc;
	struct err *e;
};

enum ec adoptbox_go_on(const struct adoptbox *b, struct err *e)
{
	if (!b->stop || !b->stop(b->ctx))
		return EC_OK;
	return err_set(e, EC_REFUSED, "stopped");
}

static bool is_stopped(struct incoming *in)
{
	in->rc = adoptbox_go_on(in->b, in->e);
	return in->rc != EC_OK;
}

static enum ec make_durable(int dir, struct err *e)
{
	int rc;

	while ((rc = syncfs(dir)) < 0 && errno == EINTR)
		;
	return rc < 0 ? err_sys(e, "cannot make the messages durable") : EC_OK;
}

/* Copies the message in as that file; what it is called in the end is `here`. */
static enum winroot_next bring(struct incoming *in, const struct winroot_message *m,
			       const char *file, const char *here)
{
	struct adopted_item item = { .name = m->name, .here = here };
	struct adoptcopy c;

	switch (adoptcopy_put(in->b->root, in->dir, file, m, &c, in->e)) {
	case ADOPTCOPY_UNREADABLE: return WINROOT_LEAVE;
	case ADOPTCOPY_FAILED: in->rc = in->e->class; return WINROOT_STOP;
	case ADOPTCOPY_OK: break;
	}
	item.octets = c.octets;
	memcpy(item.sum, c.sum, sizeof(item.sum));
	adopted_add(in->record, &item);
	in->changed = true;
	in->count->n_new++;
	in->count->octets_new += c.octets;
	in->count->canonical_new += c.canonical;
	return WINROOT_GO;
}

/* ---- a new mailbox ---- */

static enum winroot_next bring_into_draft(void *ctx, const struct winroot_message *m)
{
	struct incoming *in = ctx;

	return is_stopped(in) ? WINROOT_STOP : bring(in, m, m->name, m->name);
}

/* What is in the directory is what we think we wrote. */
static enum ec prove(const struct incoming *in, struct err *e)
{
	struct dirlist l;
	struct stat st;
	uint64_t n = 0, octets = 0;

	if (dirlist_read(in->dir, is_message_name, &l) < 0)
		return err_sys(e, "cannot list the new mailbox");
	for (size_t i = 0; i < l.n; i++) {
		if (fstatat(in->dir, dirlist_name(&l, i), &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		n++;
		octets += (uint64_t)st.st_size;
	}
	dirlist_drop(&l);
	if (n == in->count->n_new && octets == in->count->octets_new)
		return EC_OK;
	return err_set(e, EC_BROKEN,
		       "%ju messages of %ju octets were written, %ju of %ju are there",
		       (uintmax_t)in->count->n_new, (uintmax_t)in->count->octets_new, (uintmax_t)n,
		       (uintmax_t)octets);
}

static enum ec fill_draft(const struct adoptbox *b, struct draft *draft,
			  const struct secret *password, struct adoptbox_count *out, struct err *e)
{
	struct incoming in = { .b = b,
			       .dir = draft_dir(draft),
			       .record = adopted_new(b->from),
			       .count = out,
			       .e = e };
	struct buf text = { 0 };
	enum ec rc = winroot_messages(b->tree, b->box, bring_into_draft, &in, e);

	if (rc == EC_OK)
		rc = in.rc;
	if (rc == EC_OK)
		rc = prove(&in, e);
	if (rc == EC_OK) {
		adopted_form(in.record, &text);
		rc = draft_put(draft, ADOPTED_FILE, buf_at(&text), text.len, e);
	}
	if (rc == EC_OK)
		rc = make_durable(in.dir, e);
	/* Last, since it holds up whoever changes a password. */
	const struct account_wish wish = { .name = b->box->name };
	if (rc == EC_OK && password)
		rc = b->accounts->ops->create(b->accounts, &wish, password, draft, e);
	buf_drop(&text);
	adopted_free(&in.record);
	return rc;
}

enum ec adoptbox_make(const struct adoptbox *b, const struct secret *password,
		      struct adoptbox_count *out, struct err *e)
{
	struct draft *draft = NULL;
	enum ec rc = draft_begin(b->root, &b->box->name, &draft, e);

	*out = (struct adoptbox_count){ 0 };
	if (rc == EC_OK)
		rc = fill_draft(b, draft, password, out, e);
	if (rc == EC_OK)
		rc = b->catalog->ops->add(b->catalog, &b->box->name, &draft, e);
	draft_drop(&draft);
	if (rc != EC_OK)
		*out = (struct adoptbox_count){ 0 };
	return rc;
}

/* ---- a mailbox that is there ---- */

static bool is_side(const char *name)
{
	return strncmp(name, SIDE_PREFIX, strlen(SIDE_PREFIX)) == 0;
}

static void side_name(const char *here, char out[SIDE_MAX])
{
	unsigned char hash[32];

	sha256(hash, here, strlen(here));
	size_t len = (size_t)(stpcpy(out, SIDE_PREFIX) - out);
	len += hex_encode(out + len, hash, 16);
	out[len] = '\0';
}

static bool is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has(const struct dirlist *l, const char *name)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = strcmp(dirlist_name(l, mid), name);
		if (order == 0)
			return true;
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return false;
}

/* Never over another one. Where the file system cannot promise that, the claim does, as far as it is up to us. */
static int name_side(int dir, const char *side, const char *here)
{
	if (renameat2(dir, side, dir, here, RENAME_NOREPLACE) == 0)
		return 0;
	if ((errno != EINVAL && errno != ENOSYS) || is_there(dir, here))
		return -1;
	return renameat(dir, side, dir, here);
}

static enum ec name_sides(const struct incoming *in, const struct dirlist *sides, struct err *e)
{
	struct index_hold h;
	enum ec rc = EC_OK;

	index_take(&h, in->b->root, in->dir, index_boot_id());
	index_begin(&h);
	for (size_t i = 0; i < adopted_count(in->record) && rc == EC_OK; i++) {
		const char *here = adopted_at(in->record, i)->here;
		char side[SIDE_MAX];
		side_name(here, side);
		if (has(sides, side) && name_side(in->dir, side, here) < 0)
			rc = err_sys(e, "cannot name the message %s", here);
	}
	index_drop(&h); /* without index_end: dirty */
	return rc;
}

/* Side names that are in the record become messages; others are left of a run that was killed before it got to its record. */
static enum ec settle(struct incoming *in, struct err *e)
{
	struct dirlist l;
	enum ec rc = EC_OK;

	if (dirlist_read(in->dir, is_side, &l) < 0)
		return err_sys(e, "cannot list the mailbox");
	if (l.n > 0)
		rc = name_sides(in, &l, e);
	for (size_t i = 0; i < l.n && rc == EC_OK; i++)
		unlinkat(in->dir, dirlist_name(&l, i), 0); /* ENOENT: it has its name now */
	if (l.n > 0 && rc == EC_OK && fsync(in->dir) < 0)
		rc = err_sys(e, "cannot make the messages durable");
	dirlist_drop(&l);
	return rc;
}

static enum winroot_next bring_aside(struct incoming *in, const struct winroot_message *m,
				     const char *here)
{
	char side[SIDE_MAX];

	side_name(here, side);
	return bring(in, m, side, here);
}

static void count_before(struct incoming *in, const struct adopted_item *item)
{
	in->count->n_before++;
	if (adopted_has(in->record, item))
		return;
	adopted_add(in->record, item);
	in->changed = true;
}

/* For a message whose name another one has, or had: its own with something of its sum, so always the same. */
static void other_name(const char *name, const unsigned char sum[ADOPTED_SUM],
		       char out[NAME_MAX + 1])
{
	char hex[2 * ADOPTED_SUM];
	int stem = (int)strlen(name) - 4, stem_max = NAME_MAX - 4 - 1 - OTHER_HEX;

	hex_encode(hex, sum, ADOPTED_SUM);
	snprintf(out, NAME_MAX + 1, "%.*s-%.*s.eml", stem < stem_max ? stem : stem_max, name,
		 OTHER_HEX, hex);
}

/* What the record would say of it. False with errno: it cannot be read. */
static bool sum_up(const struct winroot_message *m, struct adoptcopy *c, struct adopted_item *out)
{
	if (adoptcopy_sum(m->fd, c) < 0)
		return false;
	*out = (struct adopted_item){ .name = m->name, .here = m->name, .octets = c->octets };
	memcpy(out->sum, c->sum, sizeof(out->sum));
	return true;
}

/* The name is known here: the same message, or another one? */
static enum winroot_next bring_known(struct incoming *in, const struct winroot_message *m)
{
	struct adopted_item item;
	struct adoptcopy c;
	char other[NAME_MAX + 1];

	if (!sum_up(m, &c, &item))
		return WINROOT_LEAVE;
	if (!adopted_has(in->record, &item) && !adoptcopy_same(in->dir, m->name, &c)) {
		other_name(m->name, c.sum, other);
		item.here = other;
		if (!adoptcopy_same(in->dir, other, &c))
			return bring_aside(in, m, other);
	}
	count_before(in, &item);
	return WINROOT_GO;
}

/* Both walks go by order of names, so what is wanted is at the front of what is left. */
static bool is_wanted(struct incoming *in, const char *name)
{
	int order = -1;

	while (in->wanted.len > 0 && (order = strcmp(buf_at(&in->wanted), name)) < 0)
		buf_eat(&in->wanted, strlen(buf_at(&in->wanted)) + 1);
	return in->wanted.len > 0 && order == 0;
}

static enum winroot_next bring_more(void *ctx, const struct winroot_message *m)
{
	struct incoming *in = ctx;

	if (is_stopped(in))
		return WINROOT_STOP;
	if (!is_wanted(in, m->name))
		return WINROOT_GO;
	if (adopted_has_name(in->record, m->name) || is_there(in->dir, m->name))
		return bring_known(in, m);
	return bring_aside(in, m, m->name);
}

static enum ec write_record(const struct incoming *in, struct err *e)
{
	struct buf text = { 0 };

	adopted_form(in->record, &text);
	enum ec rc = mailroot_replace(in->b->root, in->dir, ADOPTED_FILE, buf_at(&text), text.len,
				      0600, e);
	buf_drop(&text);
	return rc;
}

static enum ec read_file(int dir, struct adopted **out, struct err *e)
{
	struct arena *mem = arena_new("adopted", 4096);
	char *text;
	size_t len;
	enum ec rc = mailroot_read(mem, dir, ADOPTED_FILE, ADOPTED_BYTES_MAX, &text, &len, e);

	if (rc == EC_OK)
		rc = adopted_parse(text, len, out, e);
	arena_drop(&mem);
	return rc;
}

/* As it is now; one with nothing in it if there is none. */
static enum ec read_record(struct incoming *in, struct err *e)
{
	adopted_free(&in->record);
	enum ec rc = read_file(in->dir, &in->record, e);
	if (rc != EC_ABSENT)
		return rc;
	in->record = adopted_new(in->b->from);
	return EC_OK;
}

/* No record speaks of them yet: room for those who need it more, most likely. */
static void drop_sides(const struct incoming *in)
{
	struct dirlist l;

	if (dirlist_read(in->dir, is_side, &l) < 0)
		return;
	for (size_t i = 0; i < l.n; i++)
		unlinkat(in->dir, dirlist_name(&l, i), 0);
	dirlist_drop(&l);
}

static enum ec put_aside(struct incoming *in, struct err *e)
{
	enum ec rc = winroot_messages(in->b->tree, in->b->box, bring_more, in, e);

	if (rc == EC_OK)
		rc = in->rc;
	if (rc == EC_OK && in->count->n_new > 0)
		rc = make_durable(in->dir, e);
	if (rc != EC_OK)
		drop_sides(in);
	return rc;
}

/* The claim is held. */
static enum ec add_claimed(struct incoming *in, struct err *e)
{
	enum ec rc = settle(in, e);

	if (rc == EC_OK)
		rc = put_aside(in, e);
	if (rc != EC_OK || !in->changed)
		return rc;
	rc = write_record(in, e);
	return rc == EC_OK ? settle(in, e) : rc;
}

static enum winroot_next choose(void *ctx, const struct winroot_message *m)
{
	struct incoming *in = ctx;
	struct adopted_item item;
	struct adoptcopy c;

	if (is_stopped(in))
		return WINROOT_STOP;
	if (adopted_has_name(in->record, m->name)) {
		if (!sum_up(m, &c, &item))
			return WINROOT_LEAVE;
		if (adopted_has(in->record, &item)) {
			count_before(in, &item);
			return WINROOT_GO;
		}
	}
	buf_add(&in->wanted, m->name, strlen(m->name) + 1);
	return WINROOT_GO;
}

/* Reading through what came long ago is done without the claim: its owner may be waiting for his mail. */
static enum ec look_through(struct incoming *in, bool *sides, struct err *e)
{
	struct dirlist l;
	enum ec rc = read_record(in, e);

	if (rc == EC_OK && dirlist_read(in->dir, is_side, &l) < 0)
		rc = err_sys(e, "cannot list the mailbox");
	if (rc != EC_OK)
		return rc;
	*sides = l.n > 0;
	dirlist_drop(&l);
	rc = winroot_messages(in->b->tree, in->b->box, choose, in, e);
	return rc == EC_OK ? in->rc : rc;
}

static enum ec add_rest(struct incoming *in, struct err *e)
{
	struct claim claim;
	enum ec rc = claim_take(in->b->root, &in->b->box->name, &claim, e);

	if (rc != EC_OK)
		return rc;
	in->dir = claim.dir;
	rc = read_record(in, e);
	if (rc == EC_OK)
		rc = add_claimed(in, e);
	claim_drop(&claim);
	return rc;
}

enum ec adoptbox_add(const struct adoptbox *b, struct adoptbox_count *out, struct err *e)
{
	struct incoming in = { .b = b, .count = out, .e = e };
	bool sides = false;
	int dir;
	enum ec rc = mailroot_dir(b->root, &b->box->name, &dir, e);

	*out = (struct adoptbox_count){ 0 };
	if (rc != EC_OK)
		return rc;
	in.dir = dir;
	rc = look_through(&in, &sides, e);
	if (rc == EC_OK && (sides || in.wanted.len > 0))
		rc = add_rest(&in, e);
	if (rc != EC_OK)
		*out = (struct adoptbox_count){ 0 };
	adopted_free(&in.record);
	buf_drop(&in.wanted);
	close(dir);
	return rc;
}

/* ---- looking ahead ---- */

enum ec adoptbox_record(struct mailroot *root, const struct name *n, struct adopted **out,
			struct err *e)
{
	int dir;
	enum ec rc = mailroot_dir(root, n, &dir, e);

	if (rc != EC_OK)
		return rc;
	rc = read_file(dir, out, e);
	close(dir);
	return rc;
}

struct comparison {
	struct adopted *record;
	uint64_t *n_new, *octets_new;
	bool *shares;
};

static enum winroot_next compare(void *ctx, const struct winroot_message *m)
{
	struct comparison *c = ctx;

	if (adopted_has_name(c->record, m->name)) {
		*c->shares = true;
	} else {
		++*c->n_new;
		*c->octets_new += (uint64_t)m->st->st_size;
	}
	return WINROOT_GO;
}

enum ec adoptbox_compare(const struct adoptbox *b, struct adopted *record, uint64_t *n_new,
			 uint64_t *octets_new, bool *shares, struct err *e)
{
	struct comparison c = { record, n_new, octets_new, shares };

	*n_new = *octets_new = 0;
	*shares = false;
	return winroot_messages(b->tree, b->box, compare, &c, e);
}

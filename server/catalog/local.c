/* local.c - the catalog that is the mail root itself: a directory exists, so the mailbox exists.
 *
 *	domain/lock                  the domain is locked; what the file says is for people
 *	domain/P3_kim.mbx/lock       the mailbox is locked
 *	(hold beside lock)           and takes no mail for now
 *	domain/P3_kim.mbx/quota      account = NAME; a copy from another mailbox works as it is
 *	domain/expire                days = 30: fetched mail goes then; days = never
 *
 * Nothing is cached: an administrator who makes or removes these files by hand is obeyed at once. A
 * lock that cannot be looked at is an error, never "not locked". A rule for expiry that cannot be read
 * is none, and no error either: mail goes in and out as ever, and nothing is deleted by it. A quota file
 * that cannot be read is none for those who retrieve, and makes new mail wait: charged to the wrong
 * account it could go over a limit, and nobody may be kept from his mail for that. /
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "server/base/kv.h"
#include "server/base/mem.h"
#include "server/base/utf8.h"
#include "server/catalog/catalog.h"
#include "server/catalog/expire.h"

#define QUOTA_FILE "quota"
#define EXPIRE_FILE "expire"
#define SMALL_FILE_MAX 65536

static const struct flag {
	const char *file, *above;
} flags[] = {
	/* The parent of a mailbox directory is its domain: one path instead of another open. */
	[ENTRY_LOCKED] = { "lock", "../lock" },
	[ENTRY_HELD] = { "hold", "../hold" },
};

struct local {
	struct catalog catalog;
	struct mailroot *root;
};

static struct mailroot *root_of(struct catalog *c)
{
	return ((struct local *)c)->root;
}

static enum ec is_there(int dir, const char *file, bool *there, struct err *e)
{
	*there = faccessat(dir, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return *there || errno == ENOENT ? EC_OK : err_sys(e, "cannot look at %s", file);
}

static bool parse_quota(struct arena *a, const char *p, size_t len, struct entry *out)
{
	struct kv kv;

	if (kv_parse(a, p, len, &kv, NULL) != EC_OK)
		return false;
	const char *account = kv_get(&kv, "account");
	if (!account)
		account = "";
	if (strlen(account) >= sizeof(out->quota))
		return false;
	strcpy(out->quota, account);
	return true;
}

/* Damage that stays is no error of the look-up: whose mailbox it is, and whether it is locked, is known. */
static enum ec read_quota(int dir, struct entry *out, struct err *e)
{
	char *text;
	size_t len;
	bool there;

	/* Most mailboxes have none: do not pay for an arena to learn that. */
	enum ec rc = is_there(dir, QUOTA_FILE, &there, e);
	if (rc != EC_OK || !there)
		return rc;
	struct arena *a = arena_new("quota", 512);
	rc = mailroot_read(a, dir, QUOTA_FILE, SMALL_FILE_MAX, &text, &len, e);
	out->quota_damaged = rc == EC_BROKEN || (rc == EC_OK && !parse_quota(a, text, len, out));
	arena_drop(&a);
	return rc == EC_ABSENT || rc == EC_BROKEN ? EC_OK : rc;
}

static enum ec read_flags(int dir, struct entry *out, struct err *e)
{
	bool *own[] = { [ENTRY_LOCKED] = &out->locked, [ENTRY_HELD] = &out->held };
	bool *above[] = { [ENTRY_LOCKED] = &out->domain_locked, [ENTRY_HELD] = &out->domain_held };
	enum ec rc = EC_OK;

	for (size_t i = 0; rc == EC_OK && i < sizeof(flags) / sizeof(flags[0]); i++) {
		rc = is_there(dir, flags[i].file, own[i], e);
		if (rc == EC_OK && !name_is_domain(&out->name))
			rc = is_there(dir, flags[i].above, above[i], e);
	}
	return rc;
}

static uint32_t parse_expire(struct arena *a, const char *p, size_t len)
{
	uint32_t days;
	struct kv kv;
	const char *text = kv_parse(a, p, len, &kv, NULL) == EC_OK ? kv_get(&kv, "days") : NULL;

	return text && expire_parse(text, &days) ? days : EXPIRE_DAMAGED;
}

static uint32_t read_expire(int domain)
{
	struct arena *a = arena_new("expire", 512);
	char *text;
	size_t len;
	enum ec rc = mailroot_read(a, domain, EXPIRE_FILE, SMALL_FILE_MAX, &text, &len, NULL);
	uint32_t days = rc == EC_OK ? parse_expire(a, text, len) : EXPIRE_DAMAGED;

	arena_drop(&a);
	return rc == EC_ABSENT ? EXPIRE_UNSET : days;
}

/* Most domains have no rule, so a mailbox pays for one look. */
static uint32_t read_expire_above(int mailbox)
{
	uint32_t days = EXPIRE_DAMAGED;
	bool there;

	if (is_there(mailbox, "../" EXPIRE_FILE, &there, NULL) != EC_OK)
		return EXPIRE_DAMAGED;
	if (!there)
		return EXPIRE_UNSET;
	int domain = openat(mailbox, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (domain < 0)
		return EXPIRE_DAMAGED;
	days = read_expire(domain);
	close(domain);
	return days;
}

static enum ec read_entry(int dir, struct entry *out, struct err *e)
{
	enum ec rc = read_flags(dir, out, e);

	out->expire_days = name_is_domain(&out->name) ? read_expire(dir) : read_expire_above(dir);
	return rc == EC_OK && !name_is_domain(&out->name) ? read_quota(dir, out, e) : rc;
}

static enum ec local_find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	int dir;
	enum ec rc = mailroot_dir(root_of(c), n, &dir, e);

	if (rc != EC_OK)
		return rc;
	*out = (struct entry){ .name = *n, .expire_days = EXPIRE_UNSET };
	rc = read_entry(dir, out, e);
	close(dir);
	return rc;
}

/* fd: of a file whose presence is the answer. False: nobody can tell without waiting. */
static bool told(int fd, bool *there)
{
	*there = fd >= 0;
	if (fd < 0)
		return errno == ENOENT;
	close(fd);
	return true;
}

/* Also that the mailbox itself is there: in memory its name is, once a file was looked for in it. Opening it would cost thrice
 * as much. */
static bool told_here(struct mailroot *root, const struct name *n, const char *file, bool *there)
{
	return told(mailroot_file_now(root, n, file), there) && mailroot_there(root, n);
}

/* The domain is spelled our way, because its mailbox was found by it. */
static bool told_above(struct mailroot *root, const struct name *n, const char *file, bool *there)
{
	struct name domain = { 0 };

	strcpy(domain.domain, n->domain);
	return told(mailroot_file_now(root, &domain, file), there);
}

/* What has a file that must be read is not told from memory. */
static bool tell_retriever(struct mailroot *root, struct entry *out)
{
	const char *lock = flags[ENTRY_LOCKED].file;
	bool has_rule;

	return told_here(root, &out->name, lock, &out->locked) &&
	       told_above(root, &out->name, lock, &out->domain_locked) &&
	       told_above(root, &out->name, EXPIRE_FILE, &has_rule) && !has_rule;
}

static bool tell_deliverer(struct mailroot *root, struct entry *out)
{
	const char *hold = flags[ENTRY_HELD].file;
	bool has_account;

	return told_here(root, &out->name, hold, &out->held) &&
	       told_above(root, &out->name, hold, &out->domain_held) &&
	       told(mailroot_file_now(root, &out->name, QUOTA_FILE), &has_account) && !has_account;
}

static enum ec local_find_now(struct catalog *c, const struct name *n, enum find_use use,
			      struct entry *out)
{
	struct mailroot *root = root_of(c);

	*out = (struct entry){ .name = *n, .expire_days = EXPIRE_UNSET };
	return (use == FIND_TO_DELIVER ? tell_deliverer : tell_retriever)(root, out) ? EC_OK
										     : EC_BUSY;
}

/* With its mail there it is there. */
static enum ec refuse_again(struct mailroot *root, const struct name *n, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];
	int dir;
	enum ec rc = mailroot_dir(root, n, &dir, e);

	if (rc != EC_OK)
		return rc;
	close(dir);
	return err_set(e, EC_EXISTS, "there is a mailbox %s already", name_text(n, text));
}

static enum ec local_add(struct catalog *c, const struct name *n, struct draft **draft,
			 struct err *e)
{
	if (name_is_domain(n))
		return mailroot_add_domain(root_of(c), n, e);
	return draft && *draft ? draft_commit(draft, e) : refuse_again(root_of(c), n, e);
}

static enum ec local_remove(struct catalog *c, const struct name *n, struct err *e)
{
	return mailroot_remove(root_of(c), n, e);
}

static enum ec put_flag(struct mailroot *root, int dir, const char *file, struct err *e)
{
	char text[96], when[32];
	time_t now = time(NULL);
	struct tm tm;
	bool there;
	enum ec rc = is_there(dir, file, &there, e);

	if (rc != EC_OK || there)
		return rc;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	int len = snprintf(text, sizeof(text), "since = %s\nuid = %u\n", when, getuid());
	return mailroot_replace(root, dir, file, text, (size_t)len, 0640, e);
}

static enum ec local_set_flag(struct catalog *c, const struct name *n, enum entry_flag flag,
			      bool on, struct err *e)
{
	const char *file = flags[flag].file;
	int dir;
	enum ec rc = mailroot_dir(root_of(c), n, &dir, e);

	if (rc != EC_OK)
		return rc;
	rc = on ? put_flag(root_of(c), dir, file, e) : mailroot_unlink(dir, file, e);
	close(dir);
	return rc;
}

/* As all that write one have it, so that it can be copied from one mailbox to another. */
static char *quota_text(struct arena *a, const char *account)
{
	return kv_edit(a, "", 0, "account", account);
}

enum ec catalog_local_link(struct draft *d, const char *account, struct err *e)
{
	struct arena *a = arena_new("quota", 512);
	char *text = quota_text(a, account);
	enum ec rc = draft_put(d, QUOTA_FILE, text, strlen(text), e);

	arena_drop(&a);
	return rc;
}

static enum ec put_quota(struct mailroot *root, int dir, const char *account, struct err *e)
{
	struct arena *a = arena_new("quota", 512);
	char *text = quota_text(a, account);
	enum ec rc = mailroot_replace(root, dir, QUOTA_FILE, text, strlen(text), 0640, e);

	arena_drop(&a);
	return rc;
}

static enum ec local_set_quota(struct catalog *c, const struct name *n, const char *account,
			       struct err *e)
{
	size_t len = account ? strlen(account) : 0;
	int dir;

	if (name_is_domain(n))
		return err_set(e, EC_USAGE,
			       "a quota account belongs to a mailbox, not to a domain");
	if (len > NAME_TEXT_MAX || has_control(account ? account : "", len))
		return err_set(e, EC_USAGE, "that is no account name");
	enum ec rc = mailroot_dir(root_of(c), n, &dir, e);
	if (rc != EC_OK)
		return rc;
	rc = len > 0 ? put_quota(root_of(c), dir, account, e) : mailroot_unlink(dir, QUOTA_FILE, e);
	close(dir);
	return rc;
}

static enum ec put_expire(struct mailroot *root, int dir, uint32_t days, struct err *e)
{
	char text[40], rule[EXPIRE_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "days = %s\n", expire_text(days, rule));

	return mailroot_replace(root, dir, EXPIRE_FILE, text, (size_t)len, 0640, e);
}

static enum ec local_set_expire(struct catalog *c, const struct name *n, uint32_t days,
				struct err *e)
{
	int dir;
	enum ec rc = expire_check(n, days, e);

	if (rc == EC_OK)
		rc = mailroot_dir(root_of(c), n, &dir, e);
	if (rc != EC_OK)
		return rc;
	rc = days == EXPIRE_UNSET ? mailroot_unlink(dir, EXPIRE_FILE, e)
				  : put_expire(root_of(c), dir, days, e);
	close(dir);
	return rc;
}

/* A listing goes on behind an entry that is damaged, and tells of the first one at its end. */
struct listing {
	struct catalog *c;
	bool (*fn)(void *ctx, const struct entry *);
	void *ctx;
	enum ec rc;
	struct err *e;
};

static bool list_one(void *ctx, const struct name *n)
{
	struct listing *l = ctx;
	struct entry entry = { .name = *n, .expire_days = EXPIRE_UNSET };
	struct err why;
	enum ec rc = local_find(l->c, n, &entry, &why);

	if (rc == EC_ABSENT) /* removed meanwhile */
		return true;
	if (rc != EC_OK && l->rc == EC_OK)
		l->rc = err_set(l->e, rc, "%s", why.text);
	return l->fn(l->ctx, &entry);
}

static enum ec local_each(struct catalog *c, const struct name *domain,
			  bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	struct listing l = { .c = c, .fn = fn, .ctx = ctx, .e = e };
	enum ec rc = mailroot_each(root_of(c), domain, list_one, &l, e);

	return rc == EC_OK ? l.rc : rc;
}

static enum ec local_names(struct catalog *c, const struct name *domain,
			   bool (*fn)(void *ctx, const struct name *), void *ctx, struct err *e)
{
	return mailroot_each(root_of(c), domain, fn, ctx, e);
}

static void local_close(struct catalog **c)
{
	free(*c);
	*c = NULL;
}

static const struct catalog_ops local_ops = {
	.name = "local",
	.find = local_find,
	.find_now = local_find_now,
	.add = local_add,
	.remove = local_remove,
	.set_flag = local_set_flag,
	.set_quota = local_set_quota,
	.set_expire = local_set_expire,
	.each = local_each,
	.names = local_names,
	.close = local_close,
};

enum ec catalog_local_open(struct mailroot *root, struct catalog **out, struct err *e)
{
	struct local *l = mem_new(sizeof(*l));

	(void)e;
	*l = (struct local){ .catalog = { .ops = &local_ops }, .root = root };
	*out = &l->catalog;
	return EC_OK;
}

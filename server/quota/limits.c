/* limits.c - whose word counts: an administrator's, the entry's, the table's, the settings'.
 *
 * The table is read each time and never remembered (table.c says why); it is the accounts that may be far away, and so they are
 * asked once a minute for each account, and only if their answer matters: not if they keep no limits and none is set anywhere,
 * and never a password file, which knows neither administrators nor limits. So a host without limits pays for one open of a
 * file that is not there.
 *
 * A limit that was changed in an entry by another process is seen by a file that grows by an octet with each change: its size
 * counts them. Looking at it costs a microsecond, nobody has to be told, and neither clocks nor inode numbers have to be trusted
 * to differ. It is touched last: whoever asked before that finds it grown and asks again.
 *
 * A limit replaces the whole of the next weaker one. An account limited to 500M in the table may hold any number of messages,
 * whatever the settings say: otherwise nobody could exempt it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "server/quota/known.h"
#include "server/quota/limits.h"
#include "server/quota/recent.h"
#include "server/quota/table.h"
#include "server/store/account.h"

#define CHANGES_FILE "changes"

struct limits {
	struct mailroot *root;
	struct accounts *accounts;
	struct known *known;
	struct recent *recent;
};

void limits_open(struct mailroot *root, struct accounts *accounts, struct limits **out)
{
	struct limits *l = mem_new(sizeof(*l));

	*l = (struct limits){
		.root = root, .accounts = accounts, .known = known_new(), .recent = recent_new()
	};
	*out = l;
}

void limits_close(struct limits **l)
{
	if (!*l)
		return;
	known_free(&(*l)->known);
	recent_free(&(*l)->recent);
	free(*l);
	*l = NULL;
}

/* ---- changes, counted over all processes ---- */

/* None was ever made, or it cannot be seen: then changes are seen after a minute. */
static uint64_t count_changes(const struct limits *l)
{
	int fd = quota_open(l->root, CHANGES_FILE, O_RDONLY);
	struct stat st = { 0 };

	if (fd < 0)
		return 0;
	fstat(fd, &st);
	close(fd);
	return (uint64_t)st.st_size;
}

static int open_changes(int dir)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC;

	return openat(dir, CHANGES_FILE, flags, 0640);
}

static enum ec note_change(const struct limits *l, struct err *e)
{
	static const char late[] = "the limit is set, but others see it after a minute only";
	int dir, fd;
	enum ec rc = quota_dir(l->root, &dir, e);

	if (rc != EC_OK)
		return rc;
	fd = open_changes(dir);
	close(dir);
	if (fd < 0)
		return err_sys(e, "%s: .quota/%s", late, CHANGES_FILE);
	if (mailroot_own(l->root, fd, 0640) < 0 || file_write_all(fd, "\n", 1) < 0)
		rc = err_sys(e, "%s: .quota/%s", late, CHANGES_FILE);
	close(fd);
	return rc;
}

/* ---- what the accounts say ---- */

/* A bare name is a user of this computer who has no mailbox; which domain he is asked for in makes no difference then. False:
 * no account can have this name. */
static bool account_name(const struct limits *l, const char *account, struct name *out)
{
	char text[NAME_TEXT_MAX + 1];
	bool bare = !strchr(account, '@');
	int len = snprintf(text, sizeof(text), "%s%s", account, bare ? "@localhost" : "");

	if (len < 0 || (size_t)len >= sizeof(text))
		return false;
	if (bare && l->accounts->ops->rule != NAME_SYSTEM)
		return false;
	return name_parse(out, text, (size_t)len, l->accounts->ops->rule, NULL) == EC_OK;
}

/* EC_ABSENT: nobody, who is no administrator and has no limit. */
static enum ec find_account(const struct limits *l, const char *account, struct account *out,
			    struct err *e)
{
	struct name name;

	if (!account_name(l, account, &name))
		return EC_ABSENT;
	enum ec rc = l->accounts->ops->find(l->accounts, &name, out, e);

	if (rc == EC_REFUSED) /* somebody else's mailbox has the user: this one's is nobody */
		return EC_ABSENT;
	/* Who cannot be read cannot sign in either, administrator or not. Mail must not wait for that, unless his limit is
	 * what cannot be read. */
	return rc == EC_BROKEN && !l->accounts->keeps_limits ? EC_ABSENT : rc;
}

static enum ec ask(const struct limits *l, const char *account, struct answer *out, struct err *e)
{
	struct account who;
	enum ec rc = find_account(l, account, &who, e);

	*out = (struct answer){ 0 };
	if (rc != EC_OK)
		return rc == EC_ABSENT ? EC_OK : rc;
	out->admin = who.admin;
	out->has_limit = l->accounts->keeps_limits && who.has_limit;
	out->limit = who.limit;
	return EC_OK;
}

static enum ec ask_or_remember(const struct limits *l, const char *account, struct answer *out,
			       struct err *e)
{
	uint64_t changes = l->accounts->keeps_limits ? count_changes(l) : 0;
	uint64_t now_ms = clock_mono_ms();
	struct answer answer;
	enum known_age age = known_ask(l->known, account, changes, now_ms, out);

	if (age == KNOWN_FRESH)
		return EC_OK;
	enum ec rc = ask(l, account, &answer, e);

	if (rc == EC_OK) {
		known_keep(l->known, account, changes, now_ms + KNOWN_MS, &answer);
		*out = answer;
	} else if (age == KNOWN_OLD) {
		known_keep(l->known, account, changes, now_ms + KNOWN_RETRY_MS, out);
		rc = EC_OK;
	}
	return rc;
}

static bool accounts_matter(const struct limits *l, const struct quota_limit *found)
{
	if (l->accounts->keeps_limits)
		return true;
	return l->accounts->ops->rule != NAME_FILE && quota_limits(found);
}

/* ---- all together ---- */

static enum ec find_kept(const struct limits *l, const char *account,
			 const struct quota_limit *standard, struct quota_limit *out,
			 enum limit_from *from, struct err *e)
{
	enum ec rc = limit_table_read(l->root, account, out, e);

	*from = LIMIT_TABLE;
	if (rc != EC_ABSENT)
		return rc;
	*out = *standard;
	*from = quota_limits(standard) ? LIMIT_SETTINGS : LIMIT_NONE;
	return EC_OK;
}

static enum ec find_limit(const struct limits *l, const char *account,
			  const struct quota_limit *standard, struct quota_limit *out,
			  enum limit_from *from, struct err *e)
{
	struct answer said = { 0 };
	enum ec rc = find_kept(l, account, standard, out, from, e);

	if (rc == EC_OK && accounts_matter(l, out))
		rc = ask_or_remember(l, account, &said, e);
	if (rc != EC_OK)
		return rc;
	if (said.admin) {
		*out = (struct quota_limit){ 0 };
		*from = LIMIT_ADMIN;
	} else if (said.has_limit) {
		*out = said.limit;
		*from = LIMIT_ENTRY;
	}
	return EC_OK;
}

/* Whatever hinders us, the account is neither absent nor refused: words that an MTA would take for an answer. */
static enum ec as_trouble(enum ec rc)
{
	return rc == EC_BUSY || rc == EC_BROKEN ? rc : EC_TEMP;
}

enum ec limits_find(struct limits *l, const char *account, const struct quota_limit *standard,
		    struct quota_limit *out, enum limit_from *from, struct err *e)
{
	struct err why;
	enum ec rc = find_limit(l, account, standard, out, from, &why);

	if (rc == EC_OK)
		return EC_OK;
	*out = (struct quota_limit){ 0 };
	*from = LIMIT_NONE;
	return err_set(e, as_trouble(rc), "%s", why.text);
}

enum ec limits_charge(struct limits *l, const struct entry *mailbox, const struct conf *conf,
		      char account[NAME_TEXT_MAX + 1], struct charge *out, struct err *e)
{
	const struct quota_limit standard = { conf->quota_bytes, conf->quota_messages };
	enum limit_from from;

	if (mailbox->quota_damaged)
		return err_set(
			e, EC_BROKEN,
			"the quota account of %.100s cannot be read: set it anew with winpop "
			"createquotafile",
			name_text(&mailbox->name, account));
	if (*mailbox->quota)
		strcpy(account, mailbox->quota);
	else
		name_text(&mailbox->name, account);
	*out = (struct charge){ .account = account };
	return limits_find(l, account, &standard, &out->limit, &from, e);
}

enum ec limits_charge_now(struct limits *l, const struct entry *mailbox, const struct conf *conf,
			  char account[NAME_TEXT_MAX + 1], struct charge *out)
{
	const struct quota_limit standard = { conf->quota_bytes, conf->quota_messages };

	name_text(&mailbox->name, account);
	if (accounts_matter(l, &standard) || !limit_table_has_none(l->root, account))
		return EC_BUSY;
	*out = (struct charge){ .account = account, .limit = standard };
	return EC_OK;
}

/* ---- room ---- */

void limits_left(struct limits *l, const struct charge *c)
{
	if (quota_limits(&c->limit))
		recent_keep(l->recent, c->account, &c->after, clock_mono_ms());
}

static bool roomy(uint64_t holds, uint64_t more, uint64_t limit)
{
	uint64_t most = limit - limit / 8;

	return limit == 0 || (holds <= most && more <= most - holds);
}

bool limits_roomy(struct limits *l, const struct charge *c, uint64_t octets)
{
	struct quota_usage holds;

	return recent_ask(l->recent, c->account, clock_mono_ms(), &holds) &&
	       roomy(holds.octets, octets, c->limit.octets) &&
	       roomy(holds.messages, 1, c->limit.messages);
}

/* ---- changes ---- */

static enum ec set_in_table(const struct limits *l, const char *account,
			    const struct quota_limit *limit, struct err *e)
{
	return limit ? limit_table_write(l->root, account, limit, e)
		     : limit_table_drop(l->root, account, e);
}

/* What the table says of it would come to light again when the entry's is taken away. */
static enum ec set_in_entry(const struct limits *l, const struct account *who, const char *account,
			    const struct quota_limit *limit, struct err *e)
{
	enum ec rc = l->accounts->ops->set_limit(l->accounts, &who->name, limit, e);

	if (rc == EC_OK)
		rc = limit_table_drop(l->root, account, e);
	return rc == EC_OK ? note_change(l, e) : rc;
}

enum ec limits_set(struct limits *l, const char *account, const struct quota_limit *limit,
		   enum limit_from *kept, struct err *e)
{
	struct account who = { 0 };
	enum ec rc = find_account(l, account, &who, e);
	bool entry = rc == EC_OK && l->accounts->keeps_limits;

	if (rc != EC_OK && rc != EC_ABSENT)
		return rc;
	if (who.admin && limit)
		return err_set(e, EC_REFUSED, "%.100s is an administrator and cannot be limited",
			       account);
	*kept = entry ? LIMIT_ENTRY : LIMIT_TABLE;
	return entry ? set_in_entry(l, &who, account, limit, e)
		     : set_in_table(l, account, limit, e);
}

enum ec limits_each(struct limits *l,
		    bool (*fn)(void *ctx, const char *account, const struct quota_limit *),
		    void *ctx, struct err *e)
{
	return limit_table_each(l->root, fn, ctx, e);
}

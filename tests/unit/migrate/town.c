#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/unit/migrate/town.h"

static struct town *town_of(struct accounts *to)
{
	return (struct town *)((char *)to - offsetof(struct town, to));
}

/* ---- mailboxes and their passwords: only read, so without a lock ---- */

static const struct resident *resident_of(const struct town *t, const struct name *n)
{
	for (size_t i = 0; i < t->n_residents; i++)
		if (name_equal(&t->residents[i].name, n))
			return &t->residents[i];
	return NULL;
}

static enum ec from_reveal(struct accounts *a, const struct account *who, enum secret_kind kind,
			   struct secret *out, struct err *e)
{
	const struct resident *r = resident_of((struct town *)a, &who->name);

	assert_int_equal(kind, SECRET_CLEAR);
	if (!r || !r->password[0])
		return err_set(e, EC_ABSENT, "there is no account");
	secret_set(out, r->password, strlen(r->password));
	return EC_OK;
}

static const struct accounts_ops from_ops = { .name = "town", .reveal = from_reveal };

static struct town *town_of_boxes(struct catalog *c)
{
	return (struct town *)((char *)c - offsetof(struct town, boxes));
}

static enum ec boxes_find(struct catalog *c, const struct name *n, struct entry *out, struct err *e)
{
	const struct resident *r = resident_of(town_of_boxes(c), n);

	if (name_is_domain(n)) {
		*out = (struct entry){ .name = *n, .expire_days = EXPIRE_UNSET };
		return EC_OK;
	}
	if (!r)
		return err_set(e, EC_ABSENT, "there is no such mailbox");
	if (r->damaged)
		return err_set(e, EC_BROKEN, "quota file of %s is damaged", n->local);
	*out = (struct entry){ .name = *n, .expire_days = EXPIRE_UNSET };
	return EC_OK;
}

static bool tell_domain(const struct town *t, size_t i, bool (*fn)(void *, const struct entry *),
			void *ctx)
{
	const struct name *n = &t->residents[i].name;
	struct entry found = { .name = { .local = "" } };

	if (i > 0 && strcmp(t->residents[i - 1].name.domain, n->domain) == 0)
		return true;
	strcpy(found.name.domain, n->domain);
	return fn(ctx, &found);
}

static enum ec boxes_each(struct catalog *c, const struct name *domain,
			  bool (*fn)(void *ctx, const struct entry *), void *ctx, struct err *e)
{
	struct town *t = town_of_boxes(c);
	enum ec rc = EC_OK;

	for (size_t i = 0; i < t->n_residents; i++) {
		const struct resident *r = &t->residents[i];
		const struct entry found = { .name = r->name, .expire_days = EXPIRE_UNSET };

		if (!domain && !tell_domain(t, i, fn, ctx))
			return rc;
		if (!domain || strcmp(domain->domain, r->name.domain) != 0)
			continue;
		if (r->damaged && rc == EC_OK)
			rc = err_set(e, EC_BROKEN, "quota file of %s is damaged", r->name.local);
		if (!fn(ctx, &found))
			return rc;
	}
	return rc;
}

static const struct catalog_ops boxes_ops = { .name = "town",
					      .find = boxes_find,
					      .each = boxes_each };

/* ---- the directory's entries; with the lock held ---- */

static size_t slot_of(const char *text)
{
	size_t h = 5381;

	for (; *text; text++)
		h = h * 33 + (unsigned char)(*text | 0x20);
	return h % TOWN_SLOTS;
}

static struct town_entry *by_mail(struct town *t, const char *mail)
{
	struct town_entry *en = t->by_mail[slot_of(mail)];

	while (en && (!en->used || strcasecmp(en->mail, mail) != 0))
		en = en->by_mail;
	return en;
}

static struct town_entry *by_logon(struct town *t, const char *logon)
{
	struct town_entry *en = t->by_logon[slot_of(logon)];

	while (en && (!en->used || strcasecmp(en->logon, logon) != 0))
		en = en->by_logon;
	return en;
}

/* An entry without a mail address could be anybody's who is called so. */
static struct town_entry *meant_by(struct town *t, const struct name *n)
{
	char text[NAME_TEXT_MAX + 1];
	struct town_entry *en = by_mail(t, name_text(n, text));

	if (en)
		return en;
	en = by_logon(t, n->local);
	return en && !en->mail[0] ? en : NULL;
}

static struct town_entry *add_entry(struct town *t, const char *mail, const char *logon)
{
	struct town_entry *en = &t->entries[t->n_entries++];

	assert_true(t->n_entries <= TOWN_MOST);
	assert_null(by_logon(t, logon));
	*en = (struct town_entry){ .used = true, .enabled = true };
	strcpy(en->mail, mail);
	strcpy(en->logon, logon);
	en->by_mail = t->by_mail[slot_of(mail)];
	t->by_mail[slot_of(mail)] = en;
	en->by_logon = t->by_logon[slot_of(logon)];
	t->by_logon[slot_of(logon)] = en;
	return en;
}

const char *town_key(const struct town_entry *en, char out[ACCOUNT_KEY_MAX + 1])
{
	snprintf(out, ACCOUNT_KEY_MAX + 1, "uid=%s,ou=people,dc=example", en->logon);
	return out;
}

static struct town_entry *by_key(struct town *t, const struct account *who)
{
	char logon[NAME_TEXT_MAX + 1] = "";

	if (!*who->key)
		return meant_by(t, &who->name);
	sscanf(who->key, "uid=%318[^,]", logon);
	return by_logon(t, logon);
}

static void describe(const struct town_entry *en, const struct name *n, struct account *out)
{
	*out = (struct account){ .name = *n, .enabled = en->enabled };
	strcpy(out->logon, en->logon);
	town_key(en, out->key);
}

/* ---- what goes wrong ---- */

static bool unlucky(struct town *t)
{
	return t->trouble > 0 && (unsigned)rand_r(&t->dice) % t->trouble == 0;
}

static enum ec away(struct town *t, struct err *e)
{
	t->n_troubles++;
	return err_set(e, EC_TEMP, "the directory is away");
}

/* With the lock from here to leave. */
static enum ec enter(struct town *t, const struct name *n, struct err *e)
{
	char text[NAME_TEXT_MAX + 1];

	pthread_mutex_lock(&t->lock);
	t->n_calls++;
	if (t->stop && t->n_calls == t->stop_at)
		mig_stop(t->stop);
	if (t->away || unlucky(t) || (n && strcmp(name_text(n, text), t->stuck) == 0))
		return away(t, e);
	return EC_OK;
}

static enum ec leave(struct town *t, enum ec rc, struct err *e)
{
	if (rc == EC_OK && unlucky(t))
		rc = away(t, e);
	pthread_mutex_unlock(&t->lock);
	return rc;
}

/* ---- accounts ---- */

static enum ec absent(struct err *e)
{
	return err_set(e, EC_ABSENT, "there is no such account");
}

static enum ec to_find(struct accounts *a, const struct name *n, struct account *out, struct err *e)
{
	struct town *t = town_of(a);
	enum ec rc = enter(t, n, e);

	if (rc == EC_OK) {
		const struct town_entry *en = meant_by(t, n);

		if (en)
			describe(en, n, out);
		else
			rc = absent(e);
	}
	return leave(t, rc, e);
}

static enum ec to_resolve(struct accounts *a, const char *typed, size_t len, struct account *out,
			  struct err *e)
{
	struct name n;
	enum ec rc = name_parse(&n, typed, len, NAME_DIRECTORY, e);

	return rc == EC_OK ? to_find(a, &n, out, e) : rc;
}

static enum ec check_password(struct town *t, const struct account *who, const struct secret *s,
			      struct err *e)
{
	struct town_entry *en = by_key(t, who);

	if (en && en->foreign)
		t->n_foreign_touched++;
	if (!en || strlen(en->password) != s->len || memcmp(en->password, s->bytes, s->len) != 0)
		return err_set(e, EC_DENIED, "wrong name or password");
	return en->enabled ? EC_OK : err_set(e, EC_REFUSED, "the account is disabled");
}

static enum ec to_verify(struct accounts *a, const struct account *who, const struct secret *s,
			 struct err *e)
{
	struct town *t = town_of(a);
	enum ec rc = enter(t, &who->name, e);

	if (rc == EC_OK)
		rc = check_password(t, who, s, e);
	return leave(t, rc, e);
}

static bool may_have(struct town *t, const struct account_wish *w, const char *logon)
{
	return !by_logon(t, logon) && !(w->avoid && w->avoid(w->ctx, logon));
}

static void choose_logon(struct town *t, const struct account_wish *w, char out[NAME_TEXT_MAX + 1])
{
	if (w->logon && !by_logon(t, w->logon)) {
		strcpy(out, w->logon);
		return;
	}
	snprintf(out, NAME_TEXT_MAX + 1, "%.20s", w->name.local);
	for (unsigned i = 1; !may_have(t, w, out); i++)
		snprintf(out, NAME_TEXT_MAX + 1, "%.18s%u", w->name.local, i);
}

static enum ec judge_password(const struct secret *s, size_t min, struct err *e)
{
	*e = (struct err){ .class = EC_OK };
	return s && s->len < min ? err_set(e, EC_REFUSED, "the password is too short") : EC_OK;
}

static enum ec look(struct town *t, const struct account_wish *w, const struct secret *s,
		    struct prospect *out, struct err *e)
{
	const struct town_entry *en = meant_by(t, &w->name);

	*out = (struct prospect){ .taken = en != NULL };
	if (en) {
		describe(en, &w->name, &out->there);
		strcpy(out->mark, en->mark);
		return EC_OK;
	}
	if (t->no_container)
		return err_set(e, EC_BROKEN, "there is no ou=people");
	choose_logon(t, w, out->logon);
	judge_password(s, t->min_foreseen, &out->weak);
	return EC_OK;
}

static enum ec to_inspect(struct accounts *a, const struct account_wish *w, const struct secret *s,
			  struct prospect *out, struct err *e)
{
	struct town *t = town_of(a);
	enum ec rc = enter(t, &w->name, e);

	if (rc == EC_OK)
		rc = look(t, w, s, out, e);
	return leave(t, rc, e);
}

static enum ec make(struct town *t, const struct account_wish *w, const struct secret *s,
		    struct err *e)
{
	char logon[NAME_TEXT_MAX + 1], text[NAME_TEXT_MAX + 1];

	t->n_creates++;
	if (t->no_rights)
		return err_set(e, EC_DENIED, "no right to make accounts");
	if (meant_by(t, &w->name))
		return err_set(e, EC_EXISTS, "there is an account already");
	if (judge_password(s, t->min_password, e) != EC_OK)
		return EC_REFUSED;
	choose_logon(t, w, logon);
	struct town_entry *en = add_entry(t, name_text(&w->name, text), logon);
	strcpy(en->mark, w->mark);
	memcpy(en->password, s->bytes, s->len);
	return EC_OK;
}

static enum ec to_create(struct accounts *a, const struct account_wish *w, const struct secret *s,
			 struct draft *draft, struct err *e)
{
	struct town *t = town_of(a);
	enum ec rc = enter(t, &w->name, e);

	assert_null(draft);
	if (rc == EC_OK)
		rc = make(t, w, s, e);
	return leave(t, rc, e);
}

static enum ec change(struct town *t, const struct name *n, const struct secret *s, struct err *e)
{
	struct town_entry *en = meant_by(t, n);

	if (!en)
		return absent(e);
	if (judge_password(s, t->min_password, e) != EC_OK)
		return EC_REFUSED;
	t->n_foreign_touched += en->foreign;
	t->n_passwords++;
	memset(en->password, 0, sizeof(en->password));
	memcpy(en->password, s->bytes, s->len);
	return EC_OK;
}

static enum ec to_set_password(struct accounts *a, const struct name *n, const struct secret *s,
			       struct err *e)
{
	struct town *t = town_of(a);
	enum ec rc = enter(t, n, e);

	if (rc == EC_OK)
		rc = change(t, n, s, e);
	return leave(t, rc, e);
}

static enum ec take_out(struct town *t, const struct account *who, struct err *e)
{
	struct town_entry *en = by_key(t, who);

	if (t->no_rights)
		return err_set(e, EC_DENIED, "no right to remove accounts");
	if (!en)
		return absent(e);
	t->n_foreign_touched += en->foreign;
	t->n_removes++;
	en->used = false;
	return EC_OK;
}

static enum ec to_remove(struct accounts *a, const struct account *who, struct err *e)
{
	struct town *t = town_of(a);
	enum ec rc = enter(t, &who->name, e);

	if (rc == EC_OK)
		rc = take_out(t, who, e);
	return leave(t, rc, e);
}

static const struct accounts_ops to_ops = {
	.name = "town",
	.rule = NAME_DIRECTORY,
	.find = to_find,
	.resolve = to_resolve,
	.verify = to_verify,
	.create = to_create,
	.inspect = to_inspect,
	.set_password = to_set_password,
	.remove = to_remove,
};

/* ---- the town ---- */

struct town *town_new(void)
{
	static const struct log silent = { 0 };
	struct town *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->from = (struct accounts){ .ops = &from_ops, .reveals = 1u << SECRET_CLEAR };
	t->to = (struct accounts){ .ops = &to_ops };
	t->boxes = (struct catalog){ .ops = &boxes_ops };
	pthread_mutex_init(&t->lock, NULL);
	strcpy(t->dir, "/tmp/winpop-town-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->journal, sizeof(t->journal), "%s/.migration", t->dir);
	t->setup = (struct mig_setup){ .from = &t->from,
				       .boxes = &t->boxes,
				       .to = &t->to,
				       .journal = t->journal,
				       .directory = "the town's",
				       .log = &silent,
				       .new_passwords = -1,
				       .threads = 16,
				       .patience_s = 60 };
	return t;
}

void town_free(struct town **tp)
{
	struct town *t = *tp;

	*tp = NULL;
	unlink(t->journal);
	assert_int_equal(rmdir(t->dir), 0);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void town_settle(struct town *t, const char *address, const char *password)
{
	struct resident *r = &t->residents[t->n_residents++];

	assert_true(t->n_residents <= TOWN_MOST);
	assert_int_equal(name_parse(&r->name, address, strlen(address), NAME_FILE, NULL), EC_OK);
	strcpy(r->password, password);
}

struct town_entry *town_hire(struct town *t, const char *mail, const char *logon)
{
	struct town_entry *en = add_entry(t, mail, logon);

	en->foreign = true;
	strcpy(en->password, "somebody else's");
	return en;
}

struct town_entry *town_find(struct town *t, const char *address)
{
	return by_mail(t, address);
}

size_t town_count_ours(const struct town *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_entries; i++)
		n += t->entries[i].used && !t->entries[i].foreign;
	return n;
}

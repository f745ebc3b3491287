#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/unit/migrate/fakedir.h"

static struct fakedir *of_accounts(struct accounts *a)
{
	return (struct fakedir *)a;
}

static struct fakedir *of_catalog(struct catalog *c)
{
	return (struct fakedir *)((char *)c - offsetof(struct fakedir, catalog));
}

/* ---- steps ---- */

static enum ec strike(struct fakedir *f, struct err *e)
{
	f->s->hit = true;
	return err_set(e, f->s->fault.class, "fault %u (%s)", f->s->fault.at,
		       ec_name(f->s->fault.class));
}

static bool is_now(const struct fakedir *f, enum fault_kind kind)
{
	return f->s->fault.kind == kind && f->s->fault.at == f->s->n_steps;
}

enum ec fakedir_step(struct fakedir *f, enum step what, struct err *e)
{
	f->s->n_steps++;
	if (f->s->n_steps == f->s->fault.at)
		f->s->struck = what;
	return is_now(f, FAULT_BEFORE) ? strike(f, e) : EC_OK;
}

enum ec fakedir_stepped(struct fakedir *f, enum ec rc, struct err *e)
{
	if (is_now(f, KILL_AFTER)) {
		f->s->hit = true;
		_exit(99);
	}
	return is_now(f, FAULT_AFTER) ? strike(f, e) : rc;
}

/* ---- entries ---- */

const char *fake_key(const struct fake_entry *en, char out[ACCOUNT_KEY_MAX + 1])
{
	snprintf(out, ACCOUNT_KEY_MAX + 1, "uid=%s" FAKE_BASE, en->logon);
	return out;
}

struct fake_entry *fakedir_by_mail(struct fakedir *f, const char *mail)
{
	for (size_t i = 0; i < FAKE_MOST; i++)
		if (f->s->entries[i].used && strcasecmp(f->s->entries[i].mail, mail) == 0)
			return &f->s->entries[i];
	return NULL;
}

static struct fake_entry *by_name(struct fakedir *f, const struct name *n)
{
	char text[NAME_TEXT_MAX + 1];

	return fakedir_by_mail(f, name_text(n, text));
}

static struct fake_entry *by_logon(struct fakedir *f, const char *logon)
{
	for (size_t i = 0; i < FAKE_MOST; i++)
		if (f->s->entries[i].used && strcasecmp(f->s->entries[i].logon, logon) == 0)
			return &f->s->entries[i];
	return NULL;
}

static struct fake_entry *by_key(struct fakedir *f, const struct account *who)
{
	char key[ACCOUNT_KEY_MAX + 1];

	if (!*who->key)
		return by_name(f, &who->name);
	for (size_t i = 0; i < FAKE_MOST; i++)
		if (f->s->entries[i].used &&
		    strcmp(fake_key(&f->s->entries[i], key), who->key) == 0)
			return &f->s->entries[i];
	return NULL;
}

static struct fake_entry *new_entry(struct fakedir *f)
{
	for (size_t i = 0; i < FAKE_MOST; i++)
		if (!f->s->entries[i].used)
			return &f->s->entries[i];
	fail_msg("the fake directory is full");
	return NULL;
}

struct fake_entry *fakedir_hire(struct fakedir *f, const char *mail, const char *logon,
				const char *password)
{
	struct fake_entry *en = new_entry(f);

	*en = (struct fake_entry){ .used = true, .foreign = true, .enabled = true };
	strcpy(en->mail, mail);
	strcpy(en->logon, logon);
	strcpy(en->password, password);
	en->set_at = ++f->s->clock;
	return en;
}

unsigned fakedir_count_ours(const struct fake_state *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < FAKE_MOST; i++)
		n += s->entries[i].used && !s->entries[i].foreign;
	return n;
}

static void describe(const struct fake_entry *en, struct account *out)
{
	*out = (struct account){ .enabled = en->enabled, .locked_out = en->locked_out };
	strcpy(out->logon, en->logon);
	fake_key(en, out->key);
	name_parse(&out->name, en->mail, strlen(en->mail), NAME_FILE, NULL);
}

static enum ec absent(struct err *e)
{
	return err_set(e, EC_ABSENT, "there is no such account");
}

/* ---- accounts ---- */

static enum ec do_find(struct fakedir *f, const struct name *n, struct account *out, struct err *e)
{
	struct fake_entry *en = by_name(f, n);

	if (!en)
		return absent(e);
	describe(en, out);
	return EC_OK;
}

static enum ec fake_find(struct accounts *a, const struct name *n, struct account *out,
			 struct err *e)
{
	struct fakedir *f = of_accounts(a);
	enum ec rc = fakedir_step(f, STEP_FIND, e);

	return rc == EC_OK ? fakedir_stepped(f, do_find(f, n, out, e), e) : rc;
}

static enum ec do_resolve(struct fakedir *f, const char *typed, struct account *out, struct err *e)
{
	struct fake_entry *en =
		*f->s->misled ? by_logon(f, f->s->misled) : fakedir_by_mail(f, typed);

	if (!en)
		return absent(e);
	describe(en, out);
	return EC_OK;
}

static enum ec fake_resolve(struct accounts *a, const char *typed, size_t len, struct account *out,
			    struct err *e)
{
	struct fakedir *f = of_accounts(a);
	enum ec rc = fakedir_step(f, STEP_RESOLVE, e);

	assert_int_equal(strlen(typed), len);
	return rc == EC_OK ? fakedir_stepped(f, do_resolve(f, typed, out, e), e) : rc;
}

static bool is_password(const struct fake_entry *en, const struct secret *s)
{
	return strlen(en->password) == s->len && memcmp(en->password, s->bytes, s->len) == 0;
}

static enum ec do_verify(struct fakedir *f, const struct account *who, const struct secret *s,
			 struct err *e)
{
	struct fake_entry *en = by_key(f, who);

	if (en && en->foreign)
		f->s->n_foreign_touched++;
	if (!en || f->s->deaf || !is_password(en, s) || en->locked_out) {
		err_set(e, EC_DENIED, "wrong name or password");
		e->detail = en && en->locked_out ? REFUSAL_LOCKED_OUT : REFUSAL_NONE;
		return EC_DENIED;
	}
	if (f->s->must_change || !en->enabled)
		return err_set(e, EC_REFUSED, "the password must be changed first");
	return EC_OK;
}

static enum ec fake_verify(struct accounts *a, const struct account *who, const struct secret *s,
			   struct err *e)
{
	struct fakedir *f = of_accounts(a);
	enum ec rc = fakedir_step(f, STEP_VERIFY, e);

	return rc == EC_OK ? fakedir_stepped(f, do_verify(f, who, s, e), e) : rc;
}

static enum ec fake_reveal(struct accounts *a, const struct account *who, enum secret_kind kind,
			   struct secret *out, struct err *e)
{
	(void)a;
	(void)who;
	(void)kind;
	(void)out;
	return err_set(e, EC_REFUSED, "the directory does not reveal passwords");
}

static void choose_logon(struct fakedir *f, const struct account_wish *w,
			 char out[NAME_TEXT_MAX + 1])
{
	snprintf(out, NAME_TEXT_MAX + 1, "%s", w->logon ? w->logon : w->name.local);
	for (unsigned i = 1; by_logon(f, out); i++)
		snprintf(out, NAME_TEXT_MAX + 1, "%s%u", w->name.local, i);
}

static enum ec weak(const struct fakedir *f, const struct secret *s, struct err *e)
{
	return s->len < f->s->min_password
		       ? err_set(e, EC_REFUSED, "the password is too short for the directory")
		       : EC_OK;
}

static bool has_mark(const struct fakedir *f, const char *mark)
{
	for (size_t i = 0; i < FAKE_MOST; i++)
		if (f->s->entries[i].used && strcmp(f->s->entries[i].mark, mark) == 0)
			return true;
	return false;
}

/* Where reads lag, only the mark keeps it from making a second one. */
static enum ec do_create(struct fakedir *f, const struct account_wish *w, const struct secret *s,
			 struct err *e)
{
	char logon[NAME_TEXT_MAX + 1], text[NAME_TEXT_MAX + 1];

	if (f->s->no_rights)
		return err_set(e, EC_DENIED, "no right to make accounts");
	if (f->s->no_container)
		return err_set(e, EC_BROKEN, "there is no ou=people");
	if (strchr(w->name.local, '+'))
		return err_set(e, EC_USAGE, "no '+' in names here");
	if (by_name(f, &w->name) && (f->s->unseen == 0 || has_mark(f, w->mark)))
		return err_set(e, EC_EXISTS, "there is an account already");
	if (weak(f, s, e) != EC_OK)
		return EC_REFUSED;
	choose_logon(f, w, logon);
	struct fake_entry *en = new_entry(f);
	*en = (struct fake_entry){ .used = true, .enabled = true };
	strcpy(en->mail, name_text(&w->name, text));
	strcpy(en->logon, logon);
	strcpy(en->mark, w->mark ? w->mark : "");
	memcpy(en->password, s->bytes, s->len);
	en->set_at = ++f->s->clock;
	f->s->n_created++;
	return EC_OK;
}

static enum ec fake_create(struct accounts *a, const struct account_wish *w, const struct secret *s,
			   struct draft *draft, struct err *e)
{
	struct fakedir *f = of_accounts(a);
	enum ec rc = fakedir_step(f, STEP_CREATE, e);

	assert_null(draft);
	assert_non_null(w->mark);
	return rc == EC_OK ? fakedir_stepped(f, do_create(f, w, s, e), e) : rc;
}

static enum ec do_inspect(struct fakedir *f, const struct account_wish *w, struct prospect *out,
			  struct err *e)
{
	struct fake_entry *en = by_name(f, &w->name);

	*out = (struct prospect){ 0 };
	if (strchr(w->name.local, '+'))
		return err_set(e, EC_USAGE, "no '+' in names here");
	if (en && !en->foreign && f->s->unseen > 0) {
		f->s->unseen--;
		en = NULL;
	}
	out->taken = en != NULL;
	if (en) {
		describe(en, &out->there);
		out->there.name = w->name;
		strcpy(out->mark, f->s->marks_hidden ? "" : en->mark);
		if (!f->s->timeless)
			snprintf(out->changed, sizeof(out->changed), "%u", en->set_at);
	} else {
		choose_logon(f, w, out->logon);
	}
	return EC_OK;
}

static enum ec fake_inspect(struct accounts *a, const struct account_wish *w,
			    const struct secret *s, struct prospect *out, struct err *e)
{
	struct fakedir *f = of_accounts(a);
	enum ec rc = fakedir_step(f, STEP_INSPECT, e);

	(void)s;
	return rc == EC_OK ? fakedir_stepped(f, do_inspect(f, w, out, e), e) : rc;
}

static enum ec do_set_password(struct fakedir *f, const struct name *n, const struct secret *s,
			       struct err *e)
{
	struct fake_entry *en = by_name(f, n);

	if (!en)
		return absent(e);
	if (en->foreign)
		f->s->n_foreign_touched++;
	if (weak(f, s, e) != EC_OK)
		return EC_REFUSED;
	memset(en->password, 0, sizeof(en->password));
	memcpy(en->password, s->bytes, s->len);
	en->set_at = ++f->s->clock;
	f->s->n_passwords++;
	return EC_OK;
}

static enum ec fake_set_password(struct accounts *a, const struct name *n, const struct secret *s,
				 struct err *e)
{
	struct fakedir *f = of_accounts(a);
	enum ec rc = fakedir_step(f, STEP_SET_PASSWORD, e);

	return rc == EC_OK ? fakedir_stepped(f, do_set_password(f, n, s, e), e) : rc;
}

static enum ec do_remove(struct fakedir *f, const struct account *who, struct err *e)
{
	struct fake_entry *en = by_key(f, who);

	if (!en)
		return absent(e);
	if (en->foreign)
		f->s->n_foreign_touched++;
	*en = (struct fake_entry){ 0 };
	f->s->n_removed++;
	return EC_OK;
}

static enum ec fake_remove(struct accounts *a, const struct account *who, struct err *e)
{
	struct fakedir *f = of_accounts(a);
	enum ec rc = fakedir_step(f, STEP_REMOVE, e);

	return rc == EC_OK ? fakedir_stepped(f, do_remove(f, who, e), e) : rc;
}

static const struct accounts_ops account_ops = {
	.name = "fake",
	.rule = NAME_DIRECTORY,
	.find = fake_find,
	.resolve = fake_resolve,
	.verify = fake_verify,
	.reveal = fake_reveal,
	.create = fake_create,
	.inspect = fake_inspect,
	.set_password = fake_set_password,
	.remove = fake_remove,
};

/* ---- catalog ---- */

static struct fake_domain *domain_of(struct fakedir *f, const char *domain)
{
	for (size_t i = 0; i < sizeof(f->s->domains) / sizeof(f->s->domains[0]); i++)
		if (strcmp(f->s->domains[i].name, domain) == 0)
			return &f->s->domains[i];
	return NULL;
}

static struct fake_entry *box_of(struct fakedir *f, const struct name *n)
{
	struct fake_entry *en = by_name(f, n);

	return en && en->registered ? en : NULL;
}

static enum ec do_entry(struct fakedir *f, const struct name *n, struct entry *out, struct err *e)
{
	struct fake_domain *d = domain_of(f, n->domain);
	struct fake_entry *en = name_is_domain(n) ? NULL : box_of(f, n);

	if (!d || (!en && !name_is_domain(n)))
		return err_set(e, EC_ABSENT, "the directory has no such domain or mailbox");
	*out = (struct entry){ .name = *n };
	out->locked = en ? en->locked : d->locked;
	out->domain_locked = en && d->locked;
	out->held = en ? en->held : d->held;
	out->domain_held = en && d->held;
	out->expire_days = d->has_rule ? d->expire_days : EXPIRE_UNSET;
	strcpy(out->quota, en ? en->quota : "");
	return EC_OK;
}

static enum ec fake_entry_find(struct catalog *c, const struct name *n, struct entry *out,
			       struct err *e)
{
	struct fakedir *f = of_catalog(c);
	enum ec rc = fakedir_step(f, STEP_ENTRIES, e);

	return rc == EC_OK ? fakedir_stepped(f, do_entry(f, n, out, e), e) : rc;
}

static enum ec do_add(struct fakedir *f, const struct name *n, struct err *e)
{
	struct fake_domain *d = domain_of(f, n->domain);
	struct fake_entry *en = by_name(f, n);

	if (name_is_domain(n)) {
		if (d)
			return err_set(e, EC_EXISTS, "the domain exists already");
		strcpy(domain_of(f, "")->name, n->domain);
		return EC_OK;
	}
	if (!d || !en)
		return absent(e);
	if (en->registered)
		return err_set(e, EC_EXISTS, "the mailbox is registered already");
	en->registered = true;
	return EC_OK;
}

static enum ec fake_add(struct catalog *c, const struct name *n, struct draft **draft,
			struct err *e)
{
	struct fakedir *f = of_catalog(c);
	enum ec rc = fakedir_step(f, STEP_ENTRIES, e);

	assert_null(draft);
	return rc == EC_OK ? fakedir_stepped(f, do_add(f, n, e), e) : rc;
}

static enum ec do_flag(struct fakedir *f, const struct name *n, enum entry_flag flag, bool on,
		       struct err *e)
{
	struct fake_domain *d = domain_of(f, n->domain);
	struct fake_entry *en = name_is_domain(n) ? NULL : box_of(f, n);

	if (!d || (!en && !name_is_domain(n)))
		return absent(e);
	if (flag == ENTRY_HELD)
		*(en ? &en->held : &d->held) = on;
	else
		*(en ? &en->locked : &d->locked) = on;
	return EC_OK;
}

static enum ec fake_flag(struct catalog *c, const struct name *n, enum entry_flag flag, bool on,
			 struct err *e)
{
	struct fakedir *f = of_catalog(c);
	enum ec rc = fakedir_step(f, STEP_ENTRIES, e);

	return rc == EC_OK ? fakedir_stepped(f, do_flag(f, n, flag, on, e), e) : rc;
}

static enum ec do_expire(struct fakedir *f, const struct name *n, uint32_t days, struct err *e)
{
	struct fake_domain *d = domain_of(f, n->domain);

	assert_true(name_is_domain(n) && (days <= 36500 || days >= EXPIRE_UNSET));
	if (!d)
		return absent(e);
	d->has_rule = days != EXPIRE_UNSET;
	d->expire_days = days;
	return EC_OK;
}

static enum ec fake_expire(struct catalog *c, const struct name *n, uint32_t days, struct err *e)
{
	struct fakedir *f = of_catalog(c);
	enum ec rc = fakedir_step(f, STEP_ENTRIES, e);

	return rc == EC_OK ? fakedir_stepped(f, do_expire(f, n, days, e), e) : rc;
}

static enum ec do_quota(struct fakedir *f, const struct name *n, const char *account, struct err *e)
{
	struct fake_entry *en = box_of(f, n);

	if (!en)
		return absent(e);
	memset(en->quota, 0, sizeof(en->quota));
	strcpy(en->quota, account ? account : "");
	return EC_OK;
}

static enum ec fake_quota(struct catalog *c, const struct name *n, const char *account,
			  struct err *e)
{
	struct fakedir *f = of_catalog(c);
	enum ec rc = fakedir_step(f, STEP_ENTRIES, e);

	return rc == EC_OK ? fakedir_stepped(f, do_quota(f, n, account, e), e) : rc;
}

static enum ec do_unlist(struct fakedir *f, const struct name *n, struct err *e)
{
	struct fake_entry *en = box_of(f, n);

	if (!en)
		return absent(e);
	en->registered = en->locked = en->held = false;
	memset(en->quota, 0, sizeof(en->quota));
	return EC_OK;
}

static enum ec fake_unlist(struct catalog *c, const struct name *n, struct err *e)
{
	struct fakedir *f = of_catalog(c);
	enum ec rc = fakedir_step(f, STEP_ENTRIES, e);

	return rc == EC_OK ? fakedir_stepped(f, do_unlist(f, n, e), e) : rc;
}

static enum ec fake_remove_mail(struct catalog *c, const struct name *n, struct err *e)
{
	(void)c;
	(void)n;
	(void)e;
	fail_msg("a migration never removes a mailbox");
	return EC_BROKEN;
}

static const struct catalog_ops catalog_ops = {
	.name = "fake",
	.find = fake_entry_find,
	.add = fake_add,
	.remove = fake_remove_mail,
	.set_flag = fake_flag,
	.set_quota = fake_quota,
	.set_expire = fake_expire,
	.unlist = fake_unlist,
};

/* ---- life ---- */

void fakedir_open(struct fakedir *f)
{
	f->accounts = (struct accounts){ .ops = &account_ops };
	f->catalog = (struct catalog){ .ops = &catalog_ops };
	f->s = mmap(NULL, sizeof(*f->s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(f->s != MAP_FAILED);
}

void fakedir_close(struct fakedir *f)
{
	munmap(f->s, sizeof(*f->s));
	f->s = NULL;
}

void fakedir_fault(struct fakedir *f, struct fault fault)
{
	f->s->fault = fault;
	f->s->n_steps = 0;
	f->s->hit = false;
}

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "tests/unit/migrate/scene.h"

#define MARK "winpop-migration-00112233445566778899aabbccddeeff"
#define OLD_PASSWORD "Old-Password-1"

/* ---- steps that are no slots, by the linker's --wrap ---- */

static struct fakedir *stage; /* of the scene that is set up */

enum ec __real_journal_put(struct journal *j, const struct name *n,
			   const struct journal_entry *what, struct err *e);
enum ec __wrap_journal_put(struct journal *j, const struct name *n,
			   const struct journal_entry *what, struct err *e);
enum ec __real_newpass_note(int fd, const struct name *n, const struct secret *s, struct err *e);
enum ec __wrap_newpass_note(int fd, const struct name *n, const struct secret *s, struct err *e);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

enum ec __wrap_journal_put(struct journal *j, const struct name *n,
			   const struct journal_entry *what, struct err *e)
{
	if (!stage)
		return __real_journal_put(j, n, what, e);
	enum ec rc = fakedir_step(stage, STEP_JOURNAL, e);

	return rc == EC_OK ? fakedir_stepped(stage, __real_journal_put(j, n, what, e), e) : rc;
}

enum ec __wrap_newpass_note(int fd, const struct name *n, const struct secret *s, struct err *e)
{
	enum ec rc = fakedir_step(stage, STEP_NOTE, e);

	return rc == EC_OK ? fakedir_stepped(stage, __real_newpass_note(fd, n, s, e), e) : rc;
}

/* Nobody pulls the plug here, and there are thousands. */
int __wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

int __wrap_fdatasync(int fd)
{
	(void)fd;
	return 0;
}

/* ---- situations ---- */

static void past(struct scene *sc, const struct journal_entry *what)
{
	struct name kim = tree_name(KIM);
	struct journal *j;
	struct err e;

	assert_ec(journal_open(sc->journal, "fake", true, &j, &e), EC_OK);
	assert_ec(journal_put(j, &kim, what, &e), EC_OK);
	journal_close(&j);
}

static struct fake_entry *hire_ours(struct scene *sc, const char *password)
{
	struct fake_entry *en = fakedir_hire(&sc->dir, KIM, "kim", password);

	en->foreign = false;
	strcpy(en->mark, MARK);
	return en;
}

static void was_made(struct scene *sc, const char *password, bool new_password)
{
	struct journal_entry made = { .state = JOURNAL_MADE,
				      .mark = MARK,
				      .key = "uid=kim" FAKE_BASE,
				      .new_password = new_password };

	snprintf(made.changed, sizeof(made.changed), "%u", hire_ours(sc, password)->set_at);
	past(sc, &made);
}

static void nothing(struct scene *sc)
{
	(void)sc;
}

static void locked(struct scene *sc)
{
	struct catalog *c = sc->boxes;
	struct name kim = tree_name(KIM), domain = tree_name("example.com");
	struct err e;

	assert_ec(c->ops->set_flag(c, &kim, ENTRY_LOCKED, true, &e), EC_OK);
	assert_ec(c->ops->set_flag(c, &domain, ENTRY_LOCKED, true, &e), EC_OK);
	assert_ec(c->ops->set_flag(c, &kim, ENTRY_HELD, true, &e), EC_OK);
	assert_ec(c->ops->set_flag(c, &domain, ENTRY_HELD, true, &e), EC_OK);
	assert_ec(c->ops->set_expire(c, &domain, 30, &e), EC_OK);
	assert_ec(c->ops->set_quota(c, &kim, "EXAMPLE\\kim", &e), EC_OK);
}

static void logon_taken(struct scene *sc)
{
	fakedir_hire(&sc->dir, "other@example.net", "kim", OLD_PASSWORD);
}

static void taken(struct scene *sc)
{
	fakedir_hire(&sc->dir, KIM, "kimberly", OLD_PASSWORD);
}

static void taken_locked(struct scene *sc)
{
	taken(sc);
	locked(sc);
}

static void taken_registered(struct scene *sc)
{
	taken(sc);
	strcpy(sc->dir.s->domains[0].name, "example.com");
	fakedir_by_mail(&sc->dir, KIM)->registered = true;
}

static void taken_disabled(struct scene *sc)
{
	taken(sc);
	fakedir_by_mail(&sc->dir, KIM)->enabled = false;
}

static void weak(struct scene *sc)
{
	assert_ec(people_change(&sc->people, KIM, WEAK), EC_OK);
}

static void half_made(struct scene *sc)
{
	hire_ours(sc, KIMS_PASSWORD);
	past(sc, &(struct journal_entry){ .state = JOURNAL_INTENT, .mark = MARK });
}

static void half_made_other_password(struct scene *sc)
{
	hire_ours(sc, OLD_PASSWORD);
	past(sc, &(struct journal_entry){ .state = JOURNAL_INTENT, .mark = MARK });
}

static void only_meant(struct scene *sc)
{
	past(sc, &(struct journal_entry){ .state = JOURNAL_INTENT, .mark = MARK });
}

static void meant_but_taken(struct scene *sc)
{
	taken(sc);
	only_meant(sc);
}

static void done_before(struct scene *sc)
{
	was_made(sc, KIMS_PASSWORD, false);
}

static void changed_since(struct scene *sc)
{
	was_made(sc, OLD_PASSWORD, false);
}

static void changed_by_owner(struct scene *sc)
{
	was_made(sc, OLD_PASSWORD, false);
	fakedir_by_mail(&sc->dir, KIM)->set_at = ++sc->dir.s->clock;
}

static void changed_timeless(struct scene *sc)
{
	sc->dir.s->timeless = true;
	changed_by_owner(sc);
}

static void weakened_since(struct scene *sc)
{
	was_made(sc, OLD_PASSWORD, false);
	weak(sc);
}

static void handed_out_before(struct scene *sc)
{
	static const char line[] = KIM "\tHanded-Out-99\n";

	was_made(sc, "Handed-Out-99", true);
	assert_int_equal(write(sc->notes_fd, line, sizeof(line) - 1), sizeof(line) - 1);
}

static void removed_since(struct scene *sc)
{
	was_made(sc, KIMS_PASSWORD, false);
	*fakedir_by_mail(&sc->dir, KIM) = (struct fake_entry){ 0 };
}

static void mark_gone(struct scene *sc)
{
	was_made(sc, KIMS_PASSWORD, false);
	fakedir_by_mail(&sc->dir, KIM)->mark[0] = '\0';
	fakedir_by_mail(&sc->dir, KIM)->foreign = true;
}

static void linked_before(struct scene *sc)
{
	taken(sc);
	past(sc,
	     &(struct journal_entry){ .state = JOURNAL_LINKED, .key = "uid=kimberly" FAKE_BASE });
}

static void leads_elsewhere(struct scene *sc)
{
	fakedir_hire(&sc->dir, "boss@example.net", "boss", OLD_PASSWORD);
	strcpy(sc->dir.s->misled, "boss");
}

static void taken_and_leads_elsewhere(struct scene *sc)
{
	taken(sc);
	leads_elsewhere(sc);
}

static void seen_late(struct scene *sc)
{
	sc->dir.s->unseen = 4;
}

static void done_seen_late(struct scene *sc)
{
	done_before(sc);
	seen_late(sc);
}

static void half_made_seen_late(struct scene *sc)
{
	half_made(sc);
	seen_late(sc);
}

static void proof_fails(struct scene *sc)
{
	sc->dir.s->deaf = true;
}

static void must_change(struct scene *sc)
{
	sc->dir.s->must_change = true;
}

const struct situation situations[] = {
	/* name                   prepare        link   notes  entries want */
	{ "free", nothing, false, false, false, MIG_CREATE },
	{ "free, registered", locked, false, false, true, MIG_CREATE },
	{ "logon name taken", logon_taken, false, false, false, MIG_CREATE },
	{ "only meant", only_meant, false, false, true, MIG_CREATE },
	{ "free, seen late", seen_late, false, false, true, MIG_CREATE },
	{ "half made", half_made, false, false, true, MIG_CREATE },
	{ "half made, other password", half_made_other_password, false, false, false, MIG_CREATE },
	{ "half made, seen late", half_made_seen_late, false, false, false, MIG_CREATE },
	{ "weak", weak, false, false, false, MIG_POLICY },
	{ "weak, new password", weak, false, true, true, MIG_CREATE },
	{ "done", done_before, false, false, false, MIG_DONE },
	{ "done, registered now", done_before, false, false, true, MIG_DONE },
	{ "done, seen late", done_seen_late, false, true, true, MIG_CREATE },
	{ "done, password changed", changed_since, false, false, false, MIG_RENEW },
	{ "done, changed by owner", changed_by_owner, false, true, true, MIG_CONFLICT },
	{ "done, changed, when is not known", changed_timeless, false, false, false, MIG_RENEW },
	{ "done, weak by now", weakened_since, false, false, false, MIG_POLICY },
	{ "done, weak by now, new password", weakened_since, false, true, false, MIG_RENEW },
	{ "done, was handed out", handed_out_before, false, false, false, MIG_DONE },
	{ "done, removed since", removed_since, false, false, false, MIG_CREATE },
	{ "done, mark gone", mark_gone, false, false, false, MIG_CONFLICT },
	{ "done, mark gone, link", mark_gone, true, false, false, MIG_LINK },
	{ "taken", taken, false, false, true, MIG_CONFLICT },
	{ "taken, link", taken, true, false, false, MIG_LINK },
	{ "taken, link, registered", taken_locked, true, false, true, MIG_LINK },
	{ "taken, link, was registered", taken_registered, true, false, true, MIG_LINK },
	{ "taken, link, disabled", taken_disabled, true, false, false, MIG_FAILED },
	{ "taken, link, leads elsewhere", taken_and_leads_elsewhere, true, false, false,
	  MIG_CONFLICT },
	{ "meant but taken", meant_but_taken, false, false, false, MIG_CONFLICT },
	{ "linked", linked_before, true, false, true, MIG_DONE },
	{ "leads elsewhere", leads_elsewhere, false, false, true, MIG_CONFLICT },
	{ "proof fails", proof_fails, false, false, false, MIG_FAILED },
	{ "proof fails, new password", proof_fails, false, true, false, MIG_FAILED },
	{ "must change", must_change, false, false, false, MIG_FAILED },
};
const size_t n_situations = sizeof(situations) / sizeof(situations[0]);

/* ---- files ---- */

static void slurp(const char *path, struct buf *out)
{
	char block[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY);

	buf_drop(out);
	while (fd >= 0 && (n = read(fd, block, sizeof(block))) > 0)
		buf_add(out, block, (size_t)n);
	if (fd >= 0)
		close(fd);
}

/* Nothing in it: no file. */
static void spill(const char *path, const struct buf *from)
{
	unlink(path);
	if (from->len == 0)
		return;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, buf_at(from), from->len), from->len);
	close(fd);
}

static void read_records(struct scene *sc, struct buf *all)
{
	static const char *const files[] = { "example.com/P3_kim.mbx/password",
					     "example.com/P3_lee.mbx/password" };

	for (size_t i = 0; i < 2; i++) {
		struct buf one = { 0 };
		char path[512];

		tree_path(&sc->people.tree, files[i], path);
		slurp(path, &one);
		buf_add(all, buf_at(&one), one.len);
		buf_drop(&one);
	}
}

/* ---- life ---- */

void scene_photograph(const struct scene *sc, struct picture *p)
{
	p->dir = *sc->dir.s;
	slurp(sc->journal, &p->journal);
	slurp(sc->notes, &p->notes);
}

void picture_drop(struct picture *p)
{
	buf_drop(&p->journal);
	buf_drop(&p->notes);
}

void scene_setup(struct scene *sc, const struct situation *is)
{
	struct err e;

	stage = NULL; /* a test that failed may have left one */
	*sc = (struct scene){ .is = is };
	people_setup(&sc->people);
	assert_ec(people_change(&sc->people, KIM, KIMS_PASSWORD), EC_OK);
	assert_ec(people_add(&sc->people, "lee@example.com", "Lees-Password-1"), EC_OK);
	assert_ec(catalog_local_open(sc->people.tree.root, &sc->boxes, &e), EC_OK);
	fakedir_open(&sc->dir);
	sc->dir.s->min_password = 7;
	fakedir_hire(&sc->dir, "lee@example.com", "lee", "Lee-In-The-Directory");
	snprintf(sc->journal, sizeof(sc->journal), "%s/.migration", sc->people.tree.path);
	snprintf(sc->notes, sizeof(sc->notes), "%s.notes", sc->people.tree.path);
	sc->notes_fd = open(sc->notes, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(sc->notes_fd >= 0);
	is->prepare(sc);
	stage = &sc->dir;
	scene_photograph(sc, &sc->was);
	read_records(sc, &sc->records);
}

void scene_teardown(struct scene *sc)
{
	stage = NULL;
	close(sc->notes_fd);
	unlink(sc->notes);
	picture_drop(&sc->was);
	buf_drop(&sc->records);
	fakedir_close(&sc->dir);
	sc->boxes->ops->close(&sc->boxes);
	people_teardown(&sc->people);
}

void scene_restore(struct scene *sc, const struct picture *p)
{
	*sc->dir.s = p->dir;
	spill(sc->journal, &p->journal);
	assert_int_equal(ftruncate(sc->notes_fd, 0), 0);
	lseek(sc->notes_fd, 0, SEEK_SET);
	assert_int_equal(write(sc->notes_fd, buf_at(&p->notes), p->notes.len), p->notes.len);
}

static enum single_end call(struct single *s, enum verb verb, struct single_row *out)
{
	struct account_wish wish = { .name = tree_name(KIM), .logon = "kim" };

	switch (verb) {
	case UNDO: return single_undo(s, &wish.name, out);
	case CHECK: return single_check(s, &wish.name, out);
	default: return single_do(s, &wish, out);
	}
}

enum single_end scene_try(struct scene *sc, enum verb verb, struct single_row *out)
{
	struct mig_setup setup = { .from = sc->people.a,
				   .to = &sc->dir.accounts,
				   .boxes = sc->boxes,
				   .entries = sc->is->entries ? &sc->dir.catalog : NULL,
				   .link = sc->is->link,
				   .new_passwords = sc->is->notes ? sc->notes_fd : -1 };
	struct journal *j;
	struct single s;
	struct err e;

	assert_ec(journal_open(sc->journal, "fake", true, &j, &e), EC_OK);
	single_init(&s, &setup, j);
	s.look_again_ms = 0;
	enum single_end end = call(&s, verb, out);
	single_done(&s);
	journal_close(&j);
	return end;
}

bool scene_try_apart(struct scene *sc, enum verb verb)
{
	struct single_row row;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		scene_try(sc, verb, &row);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), sc->dir.s->hit ? 99 : 0);
	return sc->dir.s->hit;
}

void scene_past(struct scene *sc, struct journal_entry *out)
{
	struct name kim = tree_name(KIM);
	struct journal *j;
	struct err e;

	assert_ec(journal_open(sc->journal, "fake", true, &j, &e), EC_OK);
	journal_get(j, &kim, out);
	journal_close(&j);
}

void scene_noted(struct scene *sc, char out[300])
{
	struct buf all = { 0 };

	slurp(sc->notes, &all);
	buf_add(&all, "", 1);
	out[0] = '\0';
	for (const char *line = buf_at(&all), *nl; (nl = strchr(line, '\n')); line = nl + 1) {
		assert_int_equal(strncmp(line, KIM "\t", sizeof(KIM)), 0);
		snprintf(out, 300, "%.*s", (int)(nl - line - sizeof(KIM)), line + sizeof(KIM));
	}
	assert_true(all.len == 1 || buf_at(&all)[all.len - 2] == '\n'); /* whole lines only */
	buf_drop(&all);
}

/* ---- what must hold ---- */

bool is_success(enum mig_what what)
{
	return what == MIG_CREATE || what == MIG_LINK || what == MIG_DONE || what == MIG_RENEW;
}

static void records_must_be_same(struct scene *sc)
{
	struct buf now = { 0 };

	read_records(sc, &now);
	assert_int_equal(now.len, sc->records.len);
	assert_memory_equal(buf_at(&now), buf_at(&sc->records), now.len);
	buf_drop(&now);
}

static void others_must_be_same(struct scene *sc, bool registration_too)
{
	assert_int_equal(sc->dir.s->n_foreign_touched, 0);
	for (size_t i = 0; i < FAKE_MOST; i++) {
		struct fake_entry was = sc->was.dir.entries[i], now = sc->dir.s->entries[i];
		if (!was.used || !was.foreign)
			continue;
		if (!registration_too) {
			was.registered = now.registered;
			was.locked = now.locked;
			was.held = now.held;
			strcpy(was.quota, now.quota);
		}
		assert_memory_equal(&was, &now, sizeof(was));
	}
}

static const char *kims_secret(const struct scene *sc, char out[300])
{
	const struct account kim = { .name = tree_name(KIM) };
	struct secret s = { 0 };
	struct err e;

	assert_ec(sc->people.a->ops->reveal(sc->people.a, &kim, SECRET_CLEAR, &s, &e), EC_OK);
	snprintf(out, 300, "%s", (const char *)s.bytes);
	secret_drop(&s);
	return out;
}

/* Has anybody been told what it is? The old one of an account that was made earlier counts. */
static bool is_known(struct scene *sc, const char *password)
{
	char secret[300], noted[300];

	scene_noted(sc, noted);
	return strcmp(password, kims_secret(sc, secret)) == 0 || strcmp(password, noted) == 0 ||
	       strcmp(password, OLD_PASSWORD) == 0;
}

/* When a password was set is right or not known: else an owner's would be overwritten, or ours be taken for one. */
static void time_must_be_true(struct scene *sc, const struct fake_entry *en,
			      const struct journal_entry *what)
{
	char set[32];

	snprintf(set, sizeof(set), "%u", en->set_at);
	if (what->state == JOURNAL_MADE && *what->changed && *what->changed != '?' &&
	    sc->is->prepare != changed_by_owner && sc->is->prepare != changed_timeless)
		assert_string_equal(what->changed, set);
}

void must_be_sound(struct scene *sc)
{
	struct journal_entry what;
	unsigned n_ours = 0;

	records_must_be_same(sc);
	others_must_be_same(sc, !sc->is->entries || !is_success(sc->is->want));
	scene_past(sc, &what);
	for (size_t i = 0; i < FAKE_MOST; i++) {
		const struct fake_entry *en = &sc->dir.s->entries[i];
		if (!en->used || en->foreign)
			continue;
		n_ours++;
		assert_string_equal(en->mail, KIM);
		assert_true(what.state == JOURNAL_INTENT || what.state == JOURNAL_MADE);
		assert_string_equal(en->mark, what.mark);
		assert_true(is_known(sc, en->password));
		time_must_be_true(sc, en, &what);
	}
	assert_true(n_ours <= 1);
	if (what.state == JOURNAL_GONE)
		assert_int_equal(n_ours, 0);
}

static void must_be_registered(struct scene *sc, const struct fake_entry *en)
{
	struct name kim = tree_name(KIM);
	struct entry want;
	struct err e;

	assert_ec(sc->boxes->ops->find(sc->boxes, &kim, &want, &e), EC_OK);
	assert_true(en->registered);
	assert_int_equal(en->locked, want.locked);
	assert_int_equal(en->held, want.held);
	assert_string_equal(en->quota, want.quota);
	assert_string_equal(sc->dir.s->domains[0].name, "example.com");
	assert_int_equal(sc->dir.s->domains[0].locked, want.domain_locked);
	assert_int_equal(sc->dir.s->domains[0].held, want.domain_held);
	assert_int_equal(sc->dir.s->domains[0].has_rule, want.expire_days != EXPIRE_UNSET);
	if (want.expire_days != EXPIRE_UNSET)
		assert_int_equal(sc->dir.s->domains[0].expire_days, want.expire_days);
}

void must_work(struct scene *sc, const struct single_row *row)
{
	char key[ACCOUNT_KEY_MAX + 1], password[300];
	struct fake_entry *en = fakedir_by_mail(&sc->dir, KIM);
	struct journal_entry what;

	scene_past(sc, &what);
	assert_non_null(en);
	assert_true(en->enabled);
	assert_string_equal(row->row.key, fake_key(en, key));
	assert_string_equal(row->row.logon, en->logon);
	assert_string_equal(what.key, key);
	assert_int_equal(row->row.why.class, EC_OK);
	if (sc->is->entries)
		must_be_registered(sc, en);
	if (what.state == JOURNAL_LINKED)
		return;
	assert_int_equal(what.state, JOURNAL_MADE);
	assert_string_equal(en->mark, what.mark);
	assert_int_equal(row->row.new_password, what.new_password);
	if (what.new_password)
		scene_noted(sc, password);
	else
		kims_secret(sc, password);
	assert_string_equal(en->password, password);
}

void must_be_undone(struct scene *sc)
{
	struct journal_entry what;

	records_must_be_same(sc);
	others_must_be_same(sc, true);
	assert_int_equal(fakedir_count_ours(sc->dir.s), 0);
	for (size_t i = 0; i < 4; i++) /* a domain may be in use by now */
		if (*sc->was.dir.domains[i].name)
			assert_string_equal(sc->dir.s->domains[i].name,
					    sc->was.dir.domains[i].name);
	scene_past(sc, &what);
	assert_true(what.state == JOURNAL_NONE || what.state == JOURNAL_GONE);
}

/* cmd_migrate.c - migrateToAD: accounts of the password file into the directory.
 *
 * The work is migrate/'s (mig.h); here are what it needs - both sides opened, files of the administrator's - and what people see
 * of it. What was done is in a journal in the mail root, so all that this command need promise about being stopped, killed or cut
 * off is: give it again.
 *
 * One account is shown whatever became of it. Of many, people are shown those that somebody must hear of: ten thousand lines
 * "create" would hide the three that matter. All of them are in the /report, and in answers for programs.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "admin/cmd.h"
#include "admin/handout.h"
#include "admin/identity.h"
#include "admin/interrupt.h"
#include "admin/progress.h"
#include "admin/report.h"
#include "admin/target.h"

enum { ALL, DRY_RUN, LINK, NEWPASSWORD, REGISTER, REPORT, PARALLEL, RATE, UNDO };

#define THREADS_DEFAULT 8
#define THREADS_MAX 64
#define RATE_MAX 100000
#define PATIENCE_S 300 /* a server that is started again is back by then */

typedef enum ec phase_fn(struct mig *m, mig_row_fn *row, mig_progress_fn *progress, void *ctx,
			 struct err *e);

/* What differs between looking, doing and taking back, to people. */
struct mode {
	phase_fn *phase;
	const char *good, *bad; /* keys of the totals */
	const char *not_done;   /* "3 of 9 accounts ..." */
};
static const struct mode look = { mig_plan, "can_migrate", "cannot_migrate",
				  "cannot be migrated as things are" };
static const struct mode carry = { mig_run, "migrated", "not_migrated", "were not migrated" };
static const struct mode take_back = { mig_undo, "undone", "not_undone", "were not taken back" };

struct migration {
	struct wp *w;
	const struct wp_args *a;
	const struct mode *mode;
	struct name name;
	bool one, all;
	unsigned threads, per_second;
	struct target to;
	struct handout passwords;
	struct log log;
	struct mig *mig;
	struct report *rows;
	struct progress *progress;
	struct interrupt stop;
	bool stopped;
	uint64_t began_ms;
	struct err *e;
};

/* ---- the command line ---- */

static enum ec number(const struct migration *m, int which, unsigned long min, unsigned long max,
		      unsigned *out)
{
	const char *text = m->a->given[which];
	char *end;

	if (!text)
		return EC_OK;
	unsigned long n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n < min || n > max)
		return err_set(m->e, EC_USAGE, "/%s: a number between %lu and %lu",
			       m->a->cmd->switches[which].name, min, max);
	*out = (unsigned)n;
	return EC_OK;
}

static enum ec choose_mode(struct migration *m)
{
	const char *const *given = m->a->given;

	m->mode = given[UNDO] ? &take_back : given[DRY_RUN] ? &look : &carry;
	if (given[UNDO] && (given[DRY_RUN] || given[LINK] || given[NEWPASSWORD]))
		return err_set(m->e, EC_USAGE,
			       "/undo goes with none of /dry-run, /link and /newpassword");
	enum ec rc = number(m, PARALLEL, 1, THREADS_MAX, &m->threads);
	return rc == EC_OK ? number(m, RATE, 1, RATE_MAX, &m->per_second) : rc;
}

/* The one mailbox, the domain, or all. */
static enum ec choose_scope(struct migration *m)
{
	struct entry found;

	m->all = m->a->given[ALL] != NULL;
	m->w->target = "/all";
	if (m->all == (m->a->argc > 0))
		return err_set(m->e, EC_USAGE, "name a mailbox or a domain, or give /all");
	if (m->all)
		return EC_OK;
	enum ec rc = wp_name(m->w, m->a->argv[0], &m->name, m->e);
	m->one = rc == EC_OK && !name_is_domain(&m->name);
	return rc == EC_OK ? wp_find(m->w, &m->name, &found, m->e) : rc;
}

static enum ec check_settings(const struct migration *m)
{
	const struct conf *c = m->w->conf;

	if (c->authentication != AUTHN_FILE) {
		wp_hint(m->w, EC_REFUSED,
			"if winpop purgepasswords was not given, winpop set authentication file "
			"is the way back to it");
		return err_set(m->e, EC_REFUSED,
			       "this works only while authentication is the encrypted password "
			       "file");
	}
	if (m->a->given[REGISTER] && c->catalog == CATALOG_DIRECTORY)
		return err_set(m->e, EC_REFUSED,
			       "mailboxes are registered in the directory already: leave out "
			       "/register");
	return EC_OK;
}

/* ---- what it needs ---- */

/* A plan writes no password, and so makes no file for them. */
static enum ec open_passwords(struct migration *m)
{
	const char *path = m->a->given[NEWPASSWORD];

	if (!path)
		return EC_OK;
	if (m->mode == &carry)
		return handout_open(m->w, path, &m->passwords, m->e);
	m->passwords.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return m->passwords.fd < 0 ? err_sys(m->e, "cannot open /dev/null") : EC_OK;
}

/* A report takes the place of what has its name: that must not be the only place where the new passwords are. */
static enum ec check_apart(const struct migration *m, const char *report)
{
	struct stat there, ours;

	identity_root(true);
	bool same = stat(report, &there) == 0 && fstat(m->passwords.fd, &ours) == 0 &&
		    there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
	identity_root(false);
	return same ? err_set(m->e, EC_USAGE,
			      "%s cannot have both the report and the new passwords", report)
		    : EC_OK;
}

static enum ec open_files(struct migration *m)
{
	const char *report = m->a->given[REPORT];
	enum ec rc = report ? report_may_write(report, m->e) : EC_OK;

	if (rc == EC_OK)
		rc = open_passwords(m);
	return rc == EC_OK && report ? check_apart(m, report) : rc;
}

static enum ec open_migration(struct migration *m)
{
	const struct backends *b = &m->w->backends;
	const struct mig_setup setup = {
		.from = b->accounts,
		.boxes = b->catalog,
		.to = m->to.accounts,
		.entries = m->to.entries,
		.journal = target_journal(m->w->mem, m->w->conf),
		.directory = m->to.directory,
		.log = &m->log,
		.link = m->a->given[LINK] != NULL,
		.new_passwords = m->passwords.fd,
		.threads = m->threads,
		.per_second = m->per_second,
		.patience_s = PATIENCE_S,
	};

	return mig_open(&setup, m->all ? NULL : &m->name, &m->mig, m->e);
}

static enum ec open_all(struct migration *m)
{
	enum ec rc = choose_mode(m);

	if (rc == EC_OK)
		rc = check_settings(m);
	if (rc == EC_OK)
		rc = choose_scope(m);
	if (rc == EC_OK)
		rc = open_files(m);
	if (rc == EC_OK)
		rc = target_open(m->w, m->a->given[REGISTER] != NULL, m->threads, &m->to, m->e);
	return rc == EC_OK ? open_migration(m) : rc;
}

static void close_all(struct migration *m)
{
	mig_close(&m->mig);
	target_close(&m->to);
	handout_close(&m->passwords);
	report_free(&m->rows);
	log_close(&m->log.sink);
}

/* ---- rows and progress ---- */

/* Of each account that was changed, and of each that should have been. Others are no event: a command that is given again would
 * fill the log with them. */
static void log_row(const struct migration *m, const struct mig_row *row)
{
	char text[NAME_TEXT_MAX + 1];
	const char *who = name_text(&row->name, text);

	if (row->why.class != EC_OK)
		log_event(&m->log, LV_WARN, "not-migrated", KV("account", who),
			  KV("result", mig_what_words[row->what]), KV("text", row->why.text));
	else if (row->what == MIG_UNDONE)
		log_event(&m->log, LV_INFO, "migration-undone", KV("account", who),
			  KV("entry", row->key));
	else if (row->what != MIG_DONE)
		log_event(&m->log, LV_INFO, "migrated", KV("account", who),
			  KV("result", mig_what_words[row->what]), KV("logon", row->logon),
			  KV("entry", row->key), KV_U("new_password", row->new_password));
}

static void take_row(void *ctx, const struct mig_row *row)
{
	struct migration *m = ctx;

	report_add(m->rows, row);
	if (m->log.sink)
		log_row(m, row);
}

static void watch(void *ctx, const struct mig_progress *now)
{
	struct migration *m = ctx;

	progress_show(m->progress, now);
	if (!interrupt_came(&m->stop))
		return;
	m->stopped = true;
	mig_stop(m->mig);
	if (now->planning)
		progress_say(m->progress, "stopping");
	else
		progress_say(m->progress,
			     "stopping after the accounts in hand (once more: at once)");
}

static enum ec go(struct migration *m, phase_fn *phase)
{
	bool for_programs = m->a->json || m->a->csv;

	report_free(&m->rows);
	m->rows = report_new();
	m->progress = progress_new(stderr, !for_programs);
	enum ec rc = phase(m->mig, take_row, watch, m, m->e);
	progress_end(&m->progress);
	return rc;
}

/* Half a plan is none. */
static enum ec drop_plan(struct migration *m, enum ec rc)
{
	report_free(&m->rows);
	return m->stopped ? wp_hint(m->w, rc, "nothing was done") : rc;
}

/* What is going to be done is said before anything is. */
static enum ec plan_first(struct migration *m)
{
	if (m->one || m->mode != &carry)
		return EC_OK;
	enum ec rc = go(m, mig_plan);
	if (rc != EC_OK)
		return drop_plan(m, rc);
	report_totals(m->rows, m->w->out, "plan");
	return rc;
}

/* ---- the answer ---- */

static void log_run(const struct migration *m, enum ec rc)
{
	const struct report *r = m->rows;

	log_event(&m->log, LV_INFO, m->mode == &take_back ? "migration-undo" : "migration",
		  KV("accounts", m->w->target), KV("directory", m->to.directory),
		  KV_U("created", report_count(r, MIG_CREATE)),
		  KV_U("linked", report_count(r, MIG_LINK)),
		  KV_U("already", report_count(r, MIG_DONE) + report_count(r, MIG_RENEW)),
		  KV_U("undone", report_count(r, MIG_UNDONE)), KV_U("failed", report_failed(r)),
		  KV("result", ec_name(rc)), KV_U("ms", clock_mono_ms() - m->began_ms));
}

static void show_totals(const struct migration *m)
{
	size_t bad = report_failed(m->rows);

	report_totals(m->rows, m->w->out, m->mode == &look ? "plan" : "totals");
	out_field_u(m->w->out, m->mode->good, report_size(m->rows) - bad);
	out_field_u(m->w->out, m->mode->bad, bad);
}

static void show(struct migration *m)
{
	bool all = m->one || m->mode == &look || m->a->json || m->a->csv;

	if (m->mode == &take_back && report_size(m->rows) == 0)
		out_say(m->w->out, "There was nothing to undo.");
	report_accounts(m->rows, m->w->out, all);
	if (!m->one)
		show_totals(m);
	if (m->passwords.path && report_new_passwords(m->rows) > 0)
		out_note(m->w->out, "new passwords are in %s", m->passwords.path);
}

/* What helps, if it is not in use yet. What helps against a conflict depends on what is there, and stands with that. */
static const char *remedy(const struct migration *m, enum mig_what what)
{
	if (what == MIG_POLICY && m->passwords.fd < 0)
		return "/newpassword File makes a new one, or change it with winpop changepwd";
	if (what == MIG_NAME)
		return "a directory cannot have this name: that person needs another mailbox";
	return NULL;
}

/* It is the account that is refused, whatever it was refused for: not this command line, nor who gave it. */
static enum ec judge_one(struct migration *m)
{
	enum mig_what what;
	struct err *e = m->e;

	report_first_failed(m->rows, &what, e);
	m->w->hint = remedy(m, what);
	if (e->class != EC_TEMP && e->class != EC_BUSY && e->class != EC_BROKEN)
		e->class = EC_REFUSED;
	return e->class;
}

/* "Partly" is for those who wanted it so; what ended of itself is trouble, however far it came. */
static enum ec cut_short(struct migration *m, enum ec rc, bool some)
{
	m->w->partly = m->stopped && some;
	return m->stopped || some || rc == EC_TEMP
		       ? wp_hint(m->w, rc, "the same command goes on where this one ended")
		       : rc;
}

static enum ec judge(struct migration *m, enum ec rc)
{
	size_t n = report_size(m->rows), bad = report_failed(m->rows);

	if (rc != EC_OK)
		return cut_short(m, rc, n > bad);
	if (bad == 0)
		return rc;
	if (m->one)
		return judge_one(m);
	m->w->partly = m->mode != &look && bad < n;
	wp_hint(m->w, EC_REFUSED, "the answer says why; give the command again when it is mended");
	return err_set(m->e, EC_REFUSED, "%zu of %zu accounts %s", bad, n, m->mode->not_done);
}

static enum ec save_report(struct migration *m, enum ec rc)
{
	const char *path = m->a->given[REPORT];
	struct err why;

	if (!path || report_write(m->rows, path, &why) == EC_OK)
		return rc;
	if (rc != EC_OK) {
		out_note(m->w->out, "the report was not written: %s", why.text);
		return rc;
	}
	m->w->partly = true;
	return err_set(m->e, why.class, "the report was not written: %s", why.text);
}

static void say_next(const struct migration *m, enum ec rc)
{
	if (rc != EC_OK || !m->all || m->mode != &carry || report_size(m->rows) == 0)
		return;
	out_say(m->w->out,
		"Every account is in the directory. To switch over: winpop set "
		"authentication ad%s",
		m->to.entries ? " catalog directory" : "");
}

static enum ec perform(struct migration *m)
{
	interrupt_hold(&m->stop);
	enum ec rc = plan_first(m);
	if (m->mode != &look)
		m->log.sink = log_open(LOG_TO_SYSLOG, "winpop", (int)m->w->conf->logging);
	if (rc == EC_OK)
		rc = go(m, m->mode->phase);
	interrupt_drop(&m->stop);
	if (rc != EC_OK && m->mode == &look)
		rc = drop_plan(m, rc);
	if (!m->rows)
		return rc;
	show(m);
	rc = judge(m, rc);
	if (m->mode != &look)
		log_run(m, rc);
	rc = save_report(m, rc);
	say_next(m, rc);
	return rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct migration m = {
		.w = w,
		.a = a,
		.threads = THREADS_DEFAULT,
		.passwords.fd = -1,
		.began_ms = clock_mono_ms(),
		.e = e,
	};
	enum ec rc = open_all(&m);

	if (rc == EC_OK)
		rc = perform(&m);
	close_all(&m);
	return rc;
}

const struct wp_cmd wp_migrate = {
	.name = "migrateToAD",
	.args = "{UserName@DomainName | DomainName | /all} [/dry-run] [/link] [/newpassword File] "
		"[/register] [/report File] [/parallel Number] [/rate Number] [/undo]",
	.help = "Migrates accounts of the encrypted password file, with their passwords, to user "
		"accounts of Active Directory or of OpenLDAP.",
	.more = "This command can be used only while authentication is the encrypted password "
		"file. It takes the directory of the settings, which are those that "
		"authentication = ad needs. Each account is made with the password it has, and is "
		"migrated once that password has signed in to the directory. The password file "
		"stays as it is, and people sign in by it until the method is changed with winpop "
		"set authentication.\n"
		"A domain, or all, are planned first and the numbers shown. After an interruption "
		"give the same command again: what was done is in a journal in the mail root.\n"
		"An account that stands in the way is never touched: it is a conflict, unless "
		"/link "
		"is given. Mail, locks and quota stay where they are.",
	.argc_min = 0,
	.argc_max = 1,
	.how = WP_WRITES,
	.needs = WP_CARRY,
	.scope = WP_WHOLE,
	.switches = { { "all", NULL, false, "All accounts of all domains" },
		      { "dry-run", NULL, false,
			"Only shows what would happen to each account; nothing is touched" },
		      { "link", NULL, false,
			"Takes the account that is there already, with the password it has, where "
			"it "
			"has the mailbox's address or logon name" },
		      { "newpassword", "File", false,
			"Gives a random password to accounts whose own the directory's policy "
			"refuses, and writes address and password to this file, which nobody else "
			"may read" },
		      { "register", NULL, false,
			"Registers mailboxes, their locks and quota accounts in the directory too, "
			"for catalog = directory" },
		      { "report", "File", false,
			"Writes what became of every account to this file: .csv, .json, else "
			"text" },
		      { "parallel", "Number", false,
			"Accounts in hand at a time, 1 to 64; 8 unless given" },
		      { "rate", "Number", false, "Begins at most so many accounts in a second" },
		      { "undo", NULL, false,
			"Removes from the directory what this command made there, and nothing "
			"else" } },
	.run = run,
};

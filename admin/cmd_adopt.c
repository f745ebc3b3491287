/* cmd_adopt.c - the mail of an original server, from a copy of its mail root.
 *
 * What was found is shown first, as a plan; with /dry-run that is all. The passwords that the plan wants are brought together
 * before anything is done: from a file, made, or asked for, so that nobody is called back to the terminal in the middle of it.
 *
 * The tree may be readable by root alone, and a person's file with passwords always is their own. So both are opened as who started
 * winpop, and everything in the mail root is made as its owner.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "admin/cmd.h"
#include "admin/handout.h"
#include "admin/identity.h"
#include "admin/interrupt.h"
#include "admin/progress.h"
#include "migrate/adopt.h"
#include "migrate/passlist.h"
#include "server/base/buf.h"
#include "server/base/utf8.h"

enum { DRY_RUN, MERGE, PASSWORDS, NEWPASSWORD };

struct adoption {
	struct wp *w;
	const struct wp_args *a;
	const char *path; /* links resolved */
	int fd;
	bool in_place; /* it is the mail root itself */
	struct adopt *adopt;
	struct passlist *passwords;
	struct handout handout;
	struct interrupt stop;
	bool stopped;
	struct progress *progress;
	struct mig_progress so_far;
	const struct name **wanted; /* those for whom nobody gave a password */
	size_t n_wanted;
	size_t n_lost; /* odd things that may hold mail */
	struct err *e;
};

/* ---- the tree ---- */

/* Mail may be in there that nobody gets, which is no success. */
static bool may_hold_mail(enum winroot_why why)
{
	return why == WINROOT_UNREADABLE || why == WINROOT_TWIN || why == WINROOT_BAD_NAME;
}

static void as_reader(void *ctx, bool on)
{
	const struct adoption *ad = ctx;

	/* In place, what the service cannot read is just what is to be found out. */
	if (!ad->in_place)
		identity_root(on);
}

/* Names come in any encoding; one that is not ours is shown octet by octet, so that the file can be found. */
static const char *readable(struct adoption *ad, const char *path)
{
	struct buf text = { 0 };

	if (utf8_valid(path, strlen(path)))
		return path;
	for (; *path; path++) {
		if ((unsigned char)*path >= 0x80)
			buf_fmt(&text, "\\x%02X", (unsigned char)*path);
		else
			buf_add(&text, path, 1);
	}
	const char *shown = arena_str(ad->w->mem, buf_at(&text), text.len);
	buf_drop(&text);
	return shown;
}

static void show_odd(void *ctx, const char *path, enum winroot_why why, int error)
{
	struct adoption *ad = ctx;
	struct out *o = ad->w->out;

	ad->n_lost += may_hold_mail(why);
	out_record(o);
	out_field(o, "left", readable(ad, path));
	out_field(o, "why",
		  error ? arena_fmt(ad->w->mem, "%s: %s", winroot_why_words[why], strerror(error))
			: winroot_why_words[why]);
	out_end(o);
}

static enum ec open_tree(struct adoption *ad)
{
	struct stat theirs, ours;

	identity_root(true);
	char *real = realpath(ad->a->argv[0], NULL);
	ad->path = arena_strz(ad->w->mem, real ? real : ad->a->argv[0]);
	ad->fd = open(ad->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum ec rc = ad->fd < 0 ? err_sys(ad->e, "cannot open %s", ad->path) : EC_OK;
	identity_root(false);
	free(real);
	if (rc == EC_OK)
		ad->in_place = fstat(ad->fd, &theirs) == 0 &&
			       stat(ad->w->conf->mailroot, &ours) == 0 &&
			       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
	return rc;
}

static enum ec give_password(void *ctx, const struct name *n, struct secret *out, struct err *e)
{
	const struct adoption *ad = ctx;
	const struct secret *s = passlist_get(ad->passwords, n);

	if (!s)
		return err_set(e, EC_ABSENT, "it needs a password");
	secret_set(out, s->bytes, s->len);
	return EC_OK;
}

static bool is_stopped(void *ctx)
{
	struct adoption *ad = ctx;

	ad->stopped = ad->stopped || interrupt_came(&ad->stop);
	return ad->stopped;
}

static enum ec look(struct adoption *ad)
{
	const struct backends *b = &ad->w->backends;
	const struct winroot_eye eye = {
		.as_reader = as_reader, .odd = show_odd, .own = ad->in_place, .ctx = ad
	};
	const struct adopt_setup setup = {
		.root = b->root,
		.store = b->store,
		.catalog = b->catalog,
		.accounts = b->accounts,
		.mailroot = ad->w->conf->mailroot,
		.from = ad->path,
		.merge = ad->a->given[MERGE] != NULL,
		.password = give_password,
		.stop = is_stopped,
		.ctx = ad,
	};
	int fd = ad->fd;

	ad->fd = -1;
	out_list(ad->w->out, "odd");
	enum ec rc = adopt_open(&setup, fd, &eye, &ad->adopt, ad->e);
	out_end(ad->w->out);
	return rc;
}

/* ---- what is told ---- */

static void show_domains(const struct adoption *ad)
{
	const struct winroot *t = adopt_tree(ad->adopt);
	struct out *o = ad->w->out;

	out_list(o, "domains");
	for (size_t i = 0; i < t->n_domains; i++) {
		const struct winroot_domain *d = &t->domains[i];
		out_record(o);
		out_field(o, "domain", d->name.domain);
		out_field_u(o, "mailboxes", d->n_boxes);
		out_field_u(o, "messages", d->n_msgs);
		out_field_u(o, "octets", d->octets);
		out_field_u(o, "odd", d->n_odd);
		out_end(o);
	}
	out_end(o);
}

static bool show_row(void *ctx, const struct adopt_row *row)
{
	struct adoption *ad = ctx;
	struct out *o = ad->w->out;
	char text[NAME_TEXT_MAX + 1];

	out_record(o);
	out_field(o, "mailbox", name_text(&row->box->name, text));
	out_field(o, "result", adopt_what_words[row->what]);
	out_field_u(o, "found", row->box->n_msgs);
	out_field_u(o, "new", row->n_new);
	out_field_u(o, "there", row->n_before);
	out_field_u(o, "octets", row->octets_new);
	out_field(o, "why", row->why.class == EC_OK ? "-" : row->why.text);
	out_end(o);
	return true;
}

static void show_plan(struct adoption *ad)
{
	out_list(ad->w->out, "plan");
	adopt_each(ad->adopt, show_row, ad);
	out_end(ad->w->out);
}

static enum ec check_room(struct adoption *ad)
{
	uint64_t needed = 0, available = 0;
	enum ec rc = adopt_room(ad->adopt, &needed, &available, ad->e);
	out_field_u(ad->w->out, "octets_needed", needed);
	out_field_u(ad->w->out, "octets_available", available);
	return rc;
}

static bool show_finished(void *ctx, const struct adopt_row *row)
{
	return !row->finished || show_row(ctx, row);
}

static bool count_row(void *ctx, const struct adopt_row *row)
{
	struct adoption *ad = ctx;

	ad->so_far.done++;
	ad->so_far.failed += row->why.class != EC_OK;
	progress_show(ad->progress, &ad->so_far);
	return true;
}

static void show_totals(struct adoption *ad, const struct adopt_totals *t)
{
	struct out *o = ad->w->out;

	out_field_u(o, "domains_added", t->domains_new);
	out_field_u(o, "mailboxes_added", t->n_rows[ADOPT_NEW]);
	out_field_u(o, "messages_found", t->n_found);
	out_field_u(o, "messages_adopted", t->n_new);
	out_field_u(o, "messages_there", t->n_before);
	out_field_u(o, "messages_left", t->n_missing);
	out_field_u(o, "octets_found", t->octets_found);
	out_field_u(o, "octets_adopted", t->octets_new);
}

/* ---- passwords ---- */

static enum ec read_passwords(struct adoption *ad)
{
	const char *path = ad->a->given[PASSWORDS];

	if (!path)
		return EC_OK;
	identity_root(true);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum ec rc = fd < 0 ? err_sys(ad->e, "cannot open %s", path) : EC_OK;
	identity_root(false);
	if (rc == EC_OK)
		rc = passlist_read(ad->passwords, fd, path, ad->e);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* What an earlier run made stays as it was handed out. */
static enum ec open_handout(struct adoption *ad)
{
	const char *path = ad->a->given[NEWPASSWORD];
	enum ec rc = handout_open(ad->w, path, &ad->handout, ad->e);

	return rc == EC_OK ? passlist_read(ad->passwords, ad->handout.fd, path, ad->e) : rc;
}

/* Listed before the first one is made: the list of passwords is not looked through and added to in turns. */
static bool want_password(void *ctx, const struct adopt_row *row)
{
	struct adoption *ad = ctx;

	if (row->needs_password && !passlist_get(ad->passwords, &row->box->name))
		ad->wanted[ad->n_wanted++] = &row->box->name;
	return true;
}

static void list_wanted(struct adoption *ad)
{
	size_t n_boxes = adopt_tree(ad->adopt)->n_boxes;

	ad->n_wanted = 0;
	ad->wanted = arena_alloc(ad->w->mem, (n_boxes + 1) * sizeof(*ad->wanted));
	adopt_each(ad->adopt, want_password, ad);
}

static enum ec ask_password(struct adoption *ad, const struct name *n)
{
	struct wp *w = ad->w;
	struct secret s = { 0 };
	const char *what = arena_fmt(w->mem, "Password for %s", wp_text(w, n));
	enum ec rc = w->ask->secret(w->ask->ctx, what, &s, ad->e);

	if (rc == EC_OK && s.len == 0)
		rc = err_set(ad->e, EC_USAGE, "the password must not be empty");
	if (rc == EC_OK)
		passlist_put(ad->passwords, n, &s);
	secret_drop(&s);
	return rc;
}

static enum ec ask_passwords(struct adoption *ad)
{
	struct wp *w = ad->w;
	const char *need = arena_fmt(w->mem, "%zu %s a password", ad->n_wanted,
				     ad->n_wanted == 1 ? "mailbox needs" : "mailboxes need");
	struct err why;

	if (w->ask->confirm(w->ask->ctx, arena_fmt(w->mem, "%s. Type now?", need), &why) != EC_OK) {
		wp_hint(w, EC_REFUSED,
			"/newpassword File makes new ones, /passwords File reads \"address TAB "
			"password\"");
		return err_set(ad->e, EC_REFUSED, "%s; nothing was changed", need);
	}
	enum ec rc = EC_OK;
	for (size_t i = 0; i < ad->n_wanted && rc == EC_OK; i++)
		rc = ask_password(ad, ad->wanted[i]);
	return rc;
}

static enum ec make_passwords(struct adoption *ad)
{
	enum ec rc = open_handout(ad);

	if (rc != EC_OK)
		return rc;
	list_wanted(ad); /* some may be in the file */
	for (size_t i = 0; i < ad->n_wanted && rc == EC_OK; i++)
		rc = passlist_make(ad->passwords, ad->handout.fd, ad->wanted[i], ad->e);
	if (rc == EC_OK)
		out_note(ad->w->out, "new passwords are in %s", ad->handout.path);
	return rc;
}

static enum ec get_passwords(struct adoption *ad)
{
	list_wanted(ad);
	if (ad->n_wanted == 0)
		return EC_OK;
	return ad->a->given[NEWPASSWORD] ? make_passwords(ad) : ask_passwords(ad);
}

/* ---- the whole ---- */

static enum ec judge(struct adoption *ad, const struct adopt_totals *t, enum ec rc)
{
	size_t left = t->n_rows[ADOPT_LEFT] + t->n_rows[ADOPT_NO_ACCOUNT] + t->n_rows[ADOPT_FAILED];

	ad->w->partly = t->n_new + t->n_before + t->domains_new + t->n_rows[ADOPT_NEW] +
				t->n_rows[ADOPT_PASSWORD] >
			0;
	if (rc != EC_OK)
		return wp_hint(ad->w, rc, "the same command goes on where this one ended");
	if (left > 0)
		return err_set(ad->e, EC_REFUSED, "%zu %s left; the answer says why", left,
			       left == 1 ? "mailbox was" : "mailboxes were");
	if (t->n_missing > 0)
		return err_set(ad->e, EC_BROKEN, "%ju of the messages could not be read",
			       (uintmax_t)t->n_missing);
	if (ad->n_lost > 0)
		return err_set(ad->e, EC_REFUSED,
			       "%zu of the odd things may hold mail; the answer says which",
			       ad->n_lost);
	out_say(ad->w->out, ad->in_place ? "The mail root is in order." : "The mail was adopted.");
	return EC_OK;
}

static enum ec adopt_all(struct adoption *ad)
{
	bool for_programs = ad->a->json || ad->a->csv;
	struct adopt_totals totals;

	interrupt_hold(&ad->stop);
	ad->so_far.total = adopt_tree(ad->adopt)->n_boxes;
	ad->progress = progress_new(stderr, !for_programs);
	enum ec rc = adopt_run(ad->adopt, count_row, ad, &totals, ad->e);
	progress_end(&ad->progress);
	out_list(ad->w->out, "mailboxes");
	adopt_each(ad->adopt, show_finished, ad);
	out_end(ad->w->out);
	show_totals(ad, &totals);
	rc = judge(ad, &totals, rc);
	interrupt_drop(&ad->stop);
	return rc;
}

static enum ec work(struct adoption *ad)
{
	bool dry = ad->a->given[DRY_RUN] != NULL;
	enum ec rc = read_passwords(ad);

	if (rc == EC_OK)
		rc = open_tree(ad);
	if (rc == EC_OK)
		rc = look(ad);
	if (rc != EC_OK)
		return rc;
	show_domains(ad);
	if (dry)
		show_plan(ad);
	rc = check_room(ad);
	if (rc == EC_OK && !dry)
		rc = get_passwords(ad);
	return rc == EC_OK && !dry ? adopt_all(ad) : rc;
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct adoption ad = { .w = w, .a = a, .fd = -1, .e = e, .passwords = passlist_new() };

	ad.handout.fd = -1;
	w->target = a->argv[0];
	enum ec rc = work(&ad);
	adopt_close(&ad.adopt);
	handout_close(&ad.handout);
	passlist_free(&ad.passwords);
	if (ad.fd >= 0)
		close(ad.fd);
	return rc;
}

const struct wp_cmd wp_adopt = {
	.name = "adopt",
	.args = "Path [/dry-run] [/merge] [/passwords File] [/newpassword File]",
	.help = "Takes over the mail of an original server from a copy of its mail root.",
	.more = "Path holds the directories of the domains (mailroot\\Mailbox of the original), in "
		"it "
		"DomainName/P3_UserName.mbx/*.eml in any letter case. What is found is shown, odd "
		"things with why they are left; then domains and mailboxes that do not exist are "
		"added and the messages copied into them, each as it is, under its name and with "
		"its "
		"time: order and UIDLs are those of the tree. Path is only read. A mailbox that is "
		"there already is left, unless it was adopted from there: then it gets what is new "
		"in Path. So the command may be given again after anything that ended it, and "
		"after "
		"the tree was copied again; messages that were fetched and deleted meanwhile do "
		"not "
		"come back.\n"
		"With the encrypted password file every new mailbox needs a password: of a file, "
		"made, or asked for. With the other methods the account must be there; mailboxes "
		"without one are listed and left. If Path is the mail root itself, only passwords "
		"that are missing are set.",
	.argc_min = 1,
	.argc_max = 1,
	.path = true,
	.how = WP_WRITES,
	.needs = WP_KEYS,
	.scope = WP_HOST,
	.extra = true,
	.switches = { { "dry-run", NULL, false, "Shows what would be done, and does nothing" },
		      { "merge", NULL, false,
			"Adds the messages also to mailboxes that were not adopted from there" },
		      { "passwords", "File", false,
			"Lines \"address TAB password\"; nobody else may be able to read it" },
		      { "newpassword", "File", false,
			"Makes random passwords and writes them to this file" } },
	.run = run,
};

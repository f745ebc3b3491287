/* report.c - see report.h. The file has the columns of the answer and some more; it is made by the same writers (out.h). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/file.h"
#include "server/base/mem.h"
#include "admin/identity.h"
#include "admin/report.h"

#define FILE_MODE 0640

struct line {
	const char *mailbox, *logon, *entry, *why;
	enum mig_what what;
	enum ec class;
	bool altered, new_password;
};

struct report {
	struct arena *mem;
	struct buf lines; /* struct line */
	size_t n, n_failed, n_new, n_of[MIG_WHAT_COUNT];
	bool sorted;
};

struct report *report_new(void)
{
	struct report *r = mem_new(sizeof(*r));

	r->mem = arena_new("report", 16384);
	return r;
}

void report_free(struct report **r)
{
	if (!*r)
		return;
	arena_drop(&(*r)->mem);
	buf_drop(&(*r)->lines);
	free(*r);
	*r = NULL;
}

/* Nothing is ever eaten from the front of the buffer: lines begin where its memory does. */
static struct line *lines_of(const struct report *r)
{
	return (struct line *)(void *)r->lines.mem;
}

void report_add(struct report *r, const struct mig_row *row)
{
	char text[NAME_TEXT_MAX + 1];
	const struct line line = {
		.mailbox = arena_strz(r->mem, name_text(&row->name, text)),
		.logon = arena_strz(r->mem, row->logon ? row->logon : ""),
		.entry = arena_strz(r->mem, row->key ? row->key : ""),
		.why = arena_strz(r->mem, row->why.class == EC_OK ? "" : row->why.text),
		.what = row->what,
		.class = row->why.class,
		.altered = row->altered,
		.new_password = row->new_password,
	};

	buf_add(&r->lines, &line, sizeof(line));
	r->n++;
	r->n_of[row->what]++;
	r->n_failed += line.class != EC_OK;
	r->n_new += line.class == EC_OK && line.new_password;
	r->sorted = false;
}

size_t report_count(const struct report *r, enum mig_what what)
{
	return r->n_of[what];
}

size_t report_size(const struct report *r)
{
	return r->n;
}

size_t report_failed(const struct report *r)
{
	return r->n_failed;
}

size_t report_new_passwords(const struct report *r)
{
	return r->n_new;
}

/* A domain's mailboxes stand together. */
static int compare(const void *a, const void *b)
{
	const char *x = ((const struct line *)a)->mailbox, *y = ((const struct line *)b)->mailbox;
	int order = strcmp(strchrnul(x, '@'), strchrnul(y, '@'));

	return order ? order : strcmp(x, y);
}

static void sort(struct report *r)
{
	if (!r->sorted && r->n > 0)
		qsort(lines_of(r), r->n, sizeof(struct line), compare);
	r->sorted = true;
}

bool report_first_failed(struct report *r, enum mig_what *what, struct err *why)
{
	sort(r);
	for (size_t i = 0; i < r->n; i++) {
		const struct line *l = &lines_of(r)[i];
		if (l->class == EC_OK)
			continue;
		*what = l->what;
		err_set(why, l->class, "%s", l->why);
		return true;
	}
	return false;
}

void report_totals(const struct report *r, struct out *o, const char *key)
{
	out_list(o, key);
	for (int k = 0; k < MIG_WHAT_COUNT; k++) {
		if (r->n_of[k] == 0)
			continue;
		out_record(o);
		out_field(o, "result", mig_what_words[k]);
		out_field_u(o, "accounts", r->n_of[k]);
		out_end(o);
	}
	out_end(o);
}

/* What an account is like says nothing any more once it is gone. */
static bool is_like_no_other(const struct line *l)
{
	return l->what != MIG_UNDONE && (l->altered || l->new_password);
}

static bool must_be_heard(const struct line *l)
{
	return l->class != EC_OK || is_like_no_other(l);
}

static const char *remark(const struct line *l)
{
	static const char *const of[2][2] = { { "-", "new password" },
					      { "another logon name",
						"another logon name, new password" } };

	if (l->class != EC_OK)
		return l->why;
	return is_like_no_other(l) ? of[l->altered][l->new_password] : "-";
}

void report_accounts(struct report *r, struct out *o, bool all)
{
	sort(r);
	out_list(o, "accounts");
	for (size_t i = 0; i < r->n; i++) {
		const struct line *l = &lines_of(r)[i];
		if (!all && !must_be_heard(l))
			continue;
		out_record(o);
		out_field(o, "mailbox", l->mailbox);
		out_field(o, "result", mig_what_words[l->what]);
		out_field(o, "logon", *l->logon ? l->logon : "-");
		out_field(o, "why", remark(l));
		out_end(o);
	}
	out_end(o);
}

/* ---- the file ---- */

static void put_whole(const struct report *r, struct out *o)
{
	out_list(o, "accounts");
	for (size_t i = 0; i < r->n; i++) {
		const struct line *l = &lines_of(r)[i];
		out_record(o);
		out_field(o, "mailbox", l->mailbox);
		out_field(o, "result", mig_what_words[l->what]);
		out_field(o, "logon", l->logon);
		out_field(o, "altered", l->altered ? "yes" : "no");
		out_field(o, "new_password", l->new_password ? "yes" : "no");
		out_field(o, "entry", l->entry);
		out_field(o, "class", ec_name(l->class));
		out_field(o, "why", l->why);
		out_end(o);
	}
	out_end(o);
}

/* "" if there is none. */
static const char *extension(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');

	return dot ? dot : "";
}

static struct out *writer_for(const char *path, FILE *to)
{
	if (strcasecmp(extension(path), ".csv") == 0)
		return out_csv(to, stderr);
	if (strcasecmp(extension(path), ".json") == 0)
		return out_json(to);
	return out_text(to, stderr, OUT_ALIGNED);
}

/* Whoever writes .xlsx expects something else than text. */
static enum ec check_extension(const char *path, struct err *e)
{
	static const char *const known[] = { "", ".csv", ".json", ".txt" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcasecmp(extension(path), known[i]) == 0)
			return EC_OK;
	}
	return err_set(e, EC_USAGE, "a report is .csv, .json or .txt, not %s", path);
}

/* A report takes the place of what has its name: of a device, or of the link /dev/stdout, that would be a disaster. */
static enum ec check_place(const char *path, struct err *e)
{
	struct stat st;
	const char *base;
	int dir = file_open_parent(AT_FDCWD, path, &base);

	if (dir < 0)
		return err_sys(e, "cannot write %s", path);
	bool taken = fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode);
	close(dir);
	if (taken)
		return err_set(e, EC_USAGE, "%s is no plain file: name one for the report", path);
	return identity_may_write(path, e);
}

enum ec report_may_write(const char *path, struct err *e)
{
	identity_root(true);
	enum ec rc = check_extension(path, e);
	if (rc == EC_OK)
		rc = check_place(path, e);
	identity_root(false);
	return rc;
}

enum ec report_write(struct report *r, const char *path, struct err *e)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		die("out of memory");
	struct out *o = writer_for(path, to);
	sort(r);
	put_whole(r, o);
	enum ec rc = out_close(&o, NULL, NULL, e);
	fclose(to);
	identity_root(true);
	if (rc == EC_OK)
		rc = file_replace_at(AT_FDCWD, path, text, len, FILE_MODE, e);
	identity_root(false);
	free(text);
	return rc;
}

/* history.c - one write(2) to a descriptor in append mode per action: lines of several processes never mix, and nobody waits.
 *
 * It is not forced to the disk: a script that adds 100,000 mailboxes would pay for it, and the system log has the same. A
 * disk that was full, or a crash, may leave half a line; the next one then begins with a line's end, so that only
 * the half is lost.
 *
 * A new file is begun under a lock, by whoever finds the old one full and still in its place. Who had it open
 * already appends to what is `.history.1` now: the order stays right.
 *
 * Root writes with the file system's rights of the mail root's owner: in a directory that another user can
 * rearrange, root has no business.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/utf8.h"
#include "admin/history.h"

#define NOW_FILE ".history"
#define OLD_FILE ".history.1"
#define READ_MAX (HISTORY_BYTES_MAX + (1u << 20)) /* late writers may go over a little */
#define FILE_FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

/* ---- writing ---- */

static const char *user_name(uid_t uid, char out[32])
{
	struct passwd *pw = getpwuid(uid);

	if (pw)
		return pw->pw_name;
	snprintf(out, 32, "%u", (unsigned)uid);
	return out;
}

/* Arguments may hold anything; JSON holds UTF-8 only. */
static void put(json_t *line, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(line, key,
				    json_string(utf8_valid(value, strlen(value)) ? value : "?"));
}

static char *line_of(const struct history_act *a)
{
	char when[CLOCK_TEXT_LEN + 1] = "", uid[32];
	json_t *line = json_object();

	clock_text(clock_wall_us(), when);
	put(line, "time", when);
	put(line, "who", a->name ? a->name : a->sudo_user ? a->sudo_user : user_name(a->uid, uid));
	json_object_set_new(line, "uid", json_integer((json_int_t)a->uid));
	put(line, "from", a->from ? a->from : "shell");
	put(line, "as", a->as);
	put(line, "command", a->command);
	put(line, "target", a->target);
	put(line, "result", ec_name(a->result));
	put(line, "text", a->text);
	char *text = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	if (!text)
		die("out of memory");
	return text;
}

/* 0: nobody; -1 with errno. */
static int begin_anew(int dir, int fd)
{
	struct stat ours, there;
	int rc = 0;

	if (flock(fd, LOCK_EX) < 0 || fstat(fd, &ours) < 0)
		return -1;
	/* Somebody else may have been faster: then what stands there is new, and must not replace the old one. */
	if (fstatat(dir, NOW_FILE, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == ours.st_ino)
		rc = renameat(dir, NOW_FILE, dir, OLD_FILE);
	return rc;
}

static int open_now(int dir, off_t *size)
{
	int fd = openat(dir, NOW_FILE, O_RDWR | O_APPEND | O_CREAT | FILE_FLAGS, 0640);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = st.st_size;
		return fd;
	}
	close(fd);
	errno = EINVAL;
	return -1;
}

static int open_with_room(int dir, off_t *size)
{
	int fd = open_now(dir, size);

	if (fd < 0 || *size < (off_t)HISTORY_BYTES_MAX)
		return fd;
	int rc = begin_anew(dir, fd);
	close(fd);
	return rc < 0 ? -1 : open_now(dir, size);
}

static bool was_cut(int fd, off_t size)
{
	char last = '\n';

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static enum ec append(int dir, const char *text, struct err *e)
{
	struct buf line = { 0 };
	enum ec rc = EC_OK;
	off_t size;
	int fd = open_with_room(dir, &size);

	if (fd < 0)
		return err_sys(e, "cannot open " NOW_FILE " in the mail root");
	buf_addz(&line, was_cut(fd, size) ? "\n" : "");
	buf_addz(&line, text);
	buf_addz(&line, "\n");
	ssize_t n = write(fd, buf_at(&line), line.len);
	if (n < 0)
		rc = err_sys(e, "cannot write " NOW_FILE " in the mail root");
	else if ((size_t)n < line.len)
		rc = err_set(e, EC_TEMP, "no room for " NOW_FILE " in the mail root");
	close(fd);
	buf_drop(&line);
	return rc;
}

static enum ec open_root(const char *mailroot, int *fd, struct err *e)
{
	*fd = open(mailroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, "mail root %s", mailroot) : EC_OK;
}

enum ec history_note(const char *mailroot, const struct history_act *act, struct err *e)
{
	struct stat st;
	int dir;
	enum ec rc = open_root(mailroot, &dir, e);

	if (rc != EC_OK)
		return rc;
	char *text = line_of(act);
	bool is_root = geteuid() == 0 && fstat(dir, &st) == 0 && st.st_uid != 0;
	if (is_root) {
		setfsgid(st.st_gid);
		setfsuid(st.st_uid);
	}
	rc = append(dir, text, e);
	if (is_root) {
		setfsuid(0);
		setfsgid(getegid());
	}
	free(text);
	close(dir);
	return rc;
}

/* ---- reading ---- */

struct place { /* where an answer ended: the file, and the beginning of the last line shown */
	uintmax_t ino, at;
};
struct reading {
	const struct history_query *q;
	struct place after; /* ino 0: not asked for */
	bool found;         /* or not asked for */
	uint64_t n;
	struct place last;
	bool is_more;
};

static bool is_time(const char *z)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	size_t i = 0;

	for (; z[i] && i < sizeof(form) - 1; i++) {
		bool digit = z[i] >= '0' && z[i] <= '9';
		if (form[i] == 'd' ? !digit : z[i] != form[i])
			return false;
	}
	return i >= 4 && !z[i];
}

static enum ec take_before(struct reading *r, struct err *e)
{
	const char *z = r->q->before;
	int len = 0;

	r->found = true;
	if (!z || is_time(z))
		return EC_OK;
	if (sscanf(z, "c%jx.%jx%n", &r->after.ino, &r->after.at, &len) != 2 || z[len])
		return err_set(e, EC_USAGE,
			       "\"%.40s\" is no time: write it like 2026-11-21 or "
			       "2026-11-21T14:40, or what an answer had as \"more\"",
			       z);
	r->found = false;
	return EC_OK;
}

static bool is_late(const struct reading *r, const char *time)
{
	return r->q->before && !r->after.ino && strcmp(time, r->q->before) >= 0;
}

static const char *text_of(const json_t *line, const char *key)
{
	const char *z = json_string_value(json_object_get(line, key));

	return z ? z : "";
}

/* False: enough. */
static bool take_line(struct reading *r, const char *p, size_t len, struct place at)
{
	const char *about = r->q->about;

	if (about && !memmem(p, len, about, strlen(about)))
		return true;
	json_t *json = json_loadb(p, len, 0, NULL);
	struct history_line line = {
		.time = text_of(json, "time"),
		.who = text_of(json, "who"),
		.from = text_of(json, "from"),
		.command = text_of(json, "command"),
		.target = text_of(json, "target"),
		.result = text_of(json, "result"),
		.text = text_of(json, "text"),
	};

	if (*line.time && *line.command && !is_late(r, line.time) &&
	    r->q->wants(r->q->ctx, line.target)) {
		r->is_more = r->n == r->q->limit;
		if (!r->is_more) {
			r->n++;
			r->last = at;
			r->q->show(r->q->ctx, &line);
		}
	}
	json_decref(json);
	return !r->is_more;
}

static void take_lines(struct reading *r, const char *p, size_t len, uintmax_t ino)
{
	if (r->after.ino == ino) {
		r->found = true;
		len = r->after.at < len ? (size_t)r->after.at : len;
	}
	while (r->found && len > 0) {
		const char *lf = memrchr(p, '\n', len - 1);
		size_t begin = lf ? (size_t)(lf - p) + 1 : 0;

		if (!take_line(r, p + begin, len - begin, (struct place){ ino, begin }))
			return;
		len = begin;
	}
}

static enum ec read_all(int fd, struct buf *out, struct err *e)
{
	ssize_t n;

	while (out->len < READ_MAX && (n = read(fd, buf_room(out, 1u << 16), 1u << 16)) != 0) {
		if (n < 0 && errno != EINTR)
			return err_sys(e, "cannot read the history");
		buf_grew(out, n > 0 ? (size_t)n : 0);
	}
	return EC_OK;
}

/* *ino: of the file read before, which may have got this one's name meanwhile. */
static enum ec read_file(struct reading *r, int dir, const char *file, uintmax_t *ino,
			 struct err *e)
{
	int fd = openat(dir, file, O_RDONLY | FILE_FLAGS);
	struct buf all = { 0 };
	enum ec rc = EC_OK;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? EC_OK
				       : err_sys(e, "cannot open %s in the mail root", file);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino != *ino) {
		*ino = st.st_ino;
		rc = read_all(fd, &all, e);
		if (rc == EC_OK)
			take_lines(r, buf_at(&all), all.len, st.st_ino);
	}
	buf_drop(&all);
	close(fd);
	return rc;
}

enum ec history_read(const char *mailroot, const struct history_query *q,
		     char more[HISTORY_CURSOR_MAX], struct err *e)
{
	struct reading r = { .q = q };
	uintmax_t ino = 0;
	int dir;
	enum ec rc = take_before(&r, e);

	*more = '\0';
	if (rc == EC_OK)
		rc = open_root(mailroot, &dir, e);
	if (rc != EC_OK)
		return rc;
	rc = read_file(&r, dir, NOW_FILE, &ino, e);
	if (rc == EC_OK && !r.is_more)
		rc = read_file(&r, dir, OLD_FILE, &ino, e);
	close(dir);
	if (rc == EC_OK && !r.found)
		rc = err_set(e, EC_ABSENT, "what was before \"%.40s\" is no longer kept",
			     q->before);
	if (rc == EC_OK && r.is_more)
		snprintf(more, HISTORY_CURSOR_MAX, "c%jx.%jx", r.last.ino, r.last.at);
	return rc;
}

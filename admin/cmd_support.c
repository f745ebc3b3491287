/* cmd_support.c - everything that somebody who is asked for help wants to know, in one file of plain text, without secrets.
 *
 * Plain text, since whoever sends it to strangers shall be able to read it first. It is gathered from the commands that an
 * administrator would be told to run, and from what the system says; all of it goes through mask.h once, at the end, so that no
 * part can forget to. Names of mailboxes stand in it only where something is wrong with one; mail and its subjects nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "server/base/buf.h"
#include "server/base/file.h"
#include "server/conf/options.h"
#include "admin/identity.h"
#include "admin/inner.h"
#include "admin/mask.h"
#include "admin/run.h"
#include "admin/setup_log.h"

enum { TO };
#define FILE_MAX_BYTES (4 << 20)
#define TAIL_BYTES (32 << 10) /* of a log */
#define LOG_LINES "300"

struct bundle {
	struct wp *w;
	struct conf *conf; /* NULL: cannot be read */
	struct buf text;
};

static void title(struct bundle *s, const char *text)
{
	buf_fmt(&s->text, "\n==== %s\n\n", text);
}

/* ---- the computer ---- */

static void put_program(struct bundle *s, const char *const argv[])
{
	const char *words[12] = { run_find(s->w->mem, argv[0]) }, *said = "";
	struct err why;

	for (size_t i = 1; argv[i]; i++)
		words[i] = argv[i];
	if (!words[0])
		return;
	enum ec rc = run_program(s->w->mem, words, &said, &why);
	buf_fmt(&s->text, "%s%s%s\n", said, rc == EC_OK ? "" : why.text, rc == EC_OK ? "" : "\n");
}

static void put_tail(struct bundle *s, const char *path, size_t max)
{
	char *text;
	size_t len;
	struct err why;

	if (file_read_at(s->w->mem, AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, &why) != EC_OK)
		buf_fmt(&s->text, "%s\n", why.text);
	else
		buf_addz(&s->text, len > max ? text + len - max : text);
}

static void put_versions(struct bundle *s)
{
	char stamp[40];
	time_t now = time(NULL);
	struct tm tm;
	struct utsname uts = { 0 };

	uname(&uts);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	buf_fmt(&s->text, "winpop " WINPOP_VERSION ", %s\n%s %s %s, %ld processors\n", stamp,
		uts.sysname, uts.release, uts.machine, sysconf(_SC_NPROCESSORS_ONLN));
	title(s, "/etc/os-release");
	put_tail(s, "/etc/os-release", TAIL_BYTES);
}

static void put_limits(struct bundle *s)
{
	struct rlimit files = { 0 };
	const char *const unit[] = {
		"systemctl",
		"show",
		"winpopd.service",
		"winpop-console.service",
		"--property=Id,ActiveState,SubState,UnitFileState,NRestarts,ExecMainStatus,"
		"LimitNOFILE,MemoryCurrent",
		NULL
	};

	getrlimit(RLIMIT_NOFILE, &files);
	title(s, "limits and units");
	buf_fmt(&s->text, "open files of this shell: %ju, at most %ju\n", (uintmax_t)files.rlim_cur,
		(uintmax_t)files.rlim_max);
	if (access("/run/systemd/system", F_OK) == 0)
		put_program(s, unit);
	else
		buf_addz(&s->text, "systemd does not run here\n");
}

static void put_mailroot(struct bundle *s)
{
	const char *path = s->conf->mailroot;
	struct statvfs fs;
	struct stat st;

	title(s, "mail root");
	if (stat(path, &st) < 0 || statvfs(path, &fs) < 0) {
		buf_fmt(&s->text, "%s: %s\n", path, strerrordesc_np(errno));
		return;
	}
	buf_fmt(&s->text, "%s: owner %u:%u, mode %o\n", path, (unsigned)st.st_uid,
		(unsigned)st.st_gid, (unsigned)(st.st_mode & 07777));
	buf_fmt(&s->text, "free: %ju of %ju MB, %ju of %ju files\n",
		(uintmax_t)(fs.f_bavail * fs.f_frsize >> 20),
		(uintmax_t)(fs.f_blocks * fs.f_frsize >> 20), (uintmax_t)fs.f_favail,
		(uintmax_t)fs.f_files);
	put_program(s, (const char *[]){ "findmnt", "--target", path, NULL });
}

/* ---- ourselves ---- */

static void put_settings(struct bundle *s)
{
	title(s, "settings that are not the default");
	for (size_t i = 0; i < n_options; i++) {
		const char *value = option_text(s->w->mem, &options[i], s->conf);
		const char *preset = options[i].preset ? options[i].preset : "";
		if (strcmp(value, preset) != 0)
			buf_fmt(&s->text, "%s = %s\n", options[i].name, value);
	}
}

/* What is wrong may be shown with a value, and that may be anything: its place has to do. */
static void put_no_settings(struct bundle *s, const struct err *why)
{
	const char *line = strstr(why->text, " line ");

	title(s, "settings");
	buf_fmt(&s->text, "%s cannot be read (%s%.*s); winpopd --check says why\n", s->w->conf_path,
		ec_name(why->class), line ? (int)strcspn(line, ":") : 0, line ? line : "");
}

static void put_command(struct bundle *s, const char *const words[])
{
	const char *answer, *name = "winpop";
	struct err why;

	for (size_t i = 0; words[i]; i++)
		name = arena_fmt(s->w->mem, "%s %s", name, words[i]);
	title(s, name);
	enum ec rc = inner_run(s->w, words, NULL, &answer, &why);
	buf_addz(&s->text, answer);
	if (rc != EC_OK)
		buf_fmt(&s->text, "%s: %s%s%s\n", ec_name(rc), why.text, s->w->hint ? "; " : "",
			s->w->hint ? s->w->hint : "");
	s->w->hint = NULL;
}

static void put_commands(struct bundle *s)
{
	put_command(s, (const char *[]){ "status", NULL });
	put_command(s, (const char *[]){ "stat", NULL });
	put_command(s, (const char *[]){ "check", NULL });
	if (*s->conf->directory_servers)
		put_command(s, (const char *[]){ "checkdirectory", NULL });
	if (run_find(s->w->mem, "postconf"))
		put_command(s, (const char *[]){ "mta", "postfix", "/check", NULL });
}

static void put_logs(struct bundle *s)
{
	title(s, "log of the service");
	put_program(s, (const char *[]){ "journalctl", "--quiet", "--no-pager", "--unit=winpopd",
					 "--unit=winpop-console", "--lines=" LOG_LINES, NULL });
	title(s, SETUP_LOG);
	put_tail(s, SETUP_LOG, TAIL_BYTES);
}

/* ---- the file ---- */

/* Whoever may not read them cannot have them in his text either. */
static void learn(struct bundle *s, struct mask *m)
{
	const struct conf *c = s->conf;

	if (!c)
		return;
	mask_learn_file(m, c->key_file);
	mask_learn_file(m, c->tls_key);
	mask_learn_file(m, c->console_key);
	mask_learn_file(m, c->directory_password_file);
}

static void gather(struct bundle *s)
{
	struct err why;
	enum ec rc = conf_load(s->w->conf_path, &s->conf, &why);

	put_versions(s);
	put_limits(s);
	if (rc == EC_OK) {
		put_settings(s);
		put_mailroot(s);
		put_commands(s);
	} else {
		put_no_settings(s, &why);
	}
	put_logs(s);
}

static const char *default_name(struct arena *mem)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", gmtime_r(&now, &tm));
	return arena_fmt(mem, "winpop-support-%s.txt", stamp);
}

static enum ec run(struct wp *w, const struct wp_args *a, struct err *e)
{
	struct bundle s = { .w = w };
	struct mask m = { 0 };
	const char *to = a->given[TO] ? a->given[TO] : default_name(w->mem);

	gather(&s);
	learn(&s, &m);
	const char *text = mask_text(&m, w->mem, arena_str(w->mem, buf_at(&s.text), s.text.len));
	enum ec rc = file_replace_at(AT_FDCWD, to, text, strlen(text), 0600, e);
	mask_drop(&m);
	buf_wipe(&s.text);
	conf_unref(&s.conf);
	if (rc != EC_OK)
		return rc;
	out_field(w->out, "file", to);
	out_say(w->out,
		"Read it before you send it to anybody: what looked like a secret says " MASKED
		", names of domains and computers stand as they are.");
	return EC_OK;
}

const struct wp_cmd wp_support = {
	.name = "support",
	.args = "[/to File]",
	.help = "Gathers what somebody who helps wants to know, without secrets.",
	.more = "One file of plain text with versions, settings, status, statistics, the outcome "
		"of the "
		"checks (mail root, directory, Postfix), limits, and the end of the logs. There "
		"are no "
		"passwords, keys, hashes or tokens in it, and nothing of any mail. It is made in "
		"the "
		"directory you are in, unless /to names another file. Run by root it holds most.",
	.how = WP_READS,
	.needs = WP_FILE,
	.scope = WP_HOST,
	.extra = true,
	.switches = { { "to", "File", false, "The file to make" } },
	.run = run,
};

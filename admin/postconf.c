/* postconf.c - see postconf.h.
 *
 * Three listings say all there is to know, one process each; changes are one process for each kind of line. Before the first
 * change both files are copied to a name of their own, so that the way back does not depend on us.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "server/base/file.h"
#include "admin/postconf.h"
#include "admin/run.h"

#define WORDS_MAX (PF_WANTS_MAX + 8)
#define FILE_MAX_BYTES (1 << 20)

/* What is looked at with its default and its variables replaced. */
static const char *const looked_at[] = {
	"config_directory",
	"queue_directory",
	"mail_owner",
	"mydestination",
	"relay_domains",
	"virtual_alias_domains",
	"smtputf8_enable",
	"mailbox_size_limit",
	"virtual_mailbox_domains",
	"virtual_mailbox_maps",
	"smtpd_recipient_restrictions",
};
#define N_LOOKED_AT (sizeof(looked_at) / sizeof(looked_at[0]))

/* A command line that grows. */
struct words {
	const char *at[WORDS_MAX + N_LOOKED_AT];
	size_t n;
};

static void word(struct words *w, const char *text)
{
	w->at[w->n++] = text;
	w->at[w->n] = NULL;
}

static enum ec begin(struct arena *mem, const char *name, const char *dir, struct words *w,
		     struct err *e)
{
	const char *program = run_find(mem, name);

	*w = (struct words){ 0 };
	if (!program)
		return err_set(e, EC_ABSENT, "Postfix is not installed: there is no %s", name);
	word(w, program);
	if (dir) {
		word(w, "-c");
		word(w, dir);
	}
	return EC_OK;
}

/* ---- reading ---- */

static const char *trimmed(struct arena *mem, const char *p, size_t len)
{
	while (len > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		len--;
	}
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	return arena_str(mem, p, len);
}

/* "name = value" */
static void read_setting(struct arena *mem, const char *line, size_t len, struct pf_pair *out)
{
	const char *sign = memchr(line, '=', len);
	size_t name = sign ? (size_t)(sign - line) : len;

	out->key = trimmed(mem, line, name);
	out->value = sign ? trimmed(mem, sign + 1, len - name - 1) : "";
}

/* "submission inet n - y - - smtpd ...": its name is the first two words. */
static void read_service(struct arena *mem, const char *line, size_t len, struct pf_pair *out)
{
	size_t name = strcspn(line, " \t"), gap = strspn(line + name, " \t");
	size_t type = strcspn(line + name + gap, " \t");

	out->key = arena_fmt(mem, "%.*s/%.*s", (int)name, line, (int)type, line + name + gap);
	out->value = trimmed(mem, line, len);
}

typedef void read_fn(struct arena *mem, const char *line, size_t len, struct pf_pair *out);

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		n++;
	return n;
}

static struct pf_list read_lines(struct arena *mem, const char *text, read_fn *read)
{
	size_t room = count_lines(text);
	struct pf_list l = { .at = arena_alloc(mem, (room + 1) * sizeof(*l.at)) };

	for (const char *lf; (lf = strchr(text, '\n')) != NULL; text = lf + 1) {
		if (lf > text)
			read(mem, text, (size_t)(lf - text), &l.at[l.n++]);
	}
	return l;
}

static enum ec list(struct arena *mem, const char *dir, const char *how, read_fn *read,
		    struct pf_list *out, struct err *e)
{
	struct words w;
	const char *text;
	enum ec rc = begin(mem, "postconf", dir, &w, e);

	if (rc != EC_OK)
		return rc;
	word(&w, how);
	for (size_t i = 0; strcmp(how, "-x") == 0 && i < N_LOOKED_AT; i++)
		word(&w, looked_at[i]);
	rc = run_program(mem, w.at, &text, e);
	if (rc == EC_OK)
		*out = read_lines(mem, text, read);
	return rc;
}

enum ec postconf_read(struct arena *mem, const char *dir, struct pf_now *out, struct err *e)
{
	*out = (struct pf_now){ 0 };
	enum ec rc = list(mem, dir, "-n", read_setting, &out->set, e);
	if (rc == EC_OK)
		rc = list(mem, dir, "-x", read_setting, &out->worth, e);
	if (rc == EC_OK)
		rc = list(mem, dir, "-M", read_service, &out->services, e);
	if (rc == EC_OK)
		rc = list(mem, dir, "-P", read_setting, &out->options, e);
	if (rc != EC_OK)
		return rc;
	out->queue = pf_get(&out->worth, "queue_directory");
	out->owner = pf_get(&out->worth, "mail_owner");
	if (!out->queue || !out->owner)
		return err_set(e, EC_BROKEN, "postconf does not say where Postfix has its queue");
	return EC_OK;
}

/* ---- writing ---- */

static enum ec keep(struct arena *mem, const char *path, const char *stamp, struct err *e)
{
	struct stat st;
	char *text;
	size_t len;
	enum ec rc = file_read_at(mem, AT_FDCWD, path, FILE_MAX_BYTES, &text, &len, e);

	if (rc == EC_OK && stat(path, &st) < 0)
		rc = err_sys(e, "cannot look at %s", path);
	if (rc == EC_OK)
		rc = file_replace_at(AT_FDCWD, arena_fmt(mem, "%s.%s", path, stamp), text, len,
				     st.st_mode & 0777, e);
	return rc;
}

enum ec postconf_keep(struct arena *mem, const struct pf_now *now, const char *as,
		      const char **kept, struct err *e)
{
	const char *dir = pf_get(&now->worth, "config_directory");
	const char *main_cf = arena_fmt(mem, "%s/main.cf", dir), *stamp;
	char text[32];
	time_t seconds = time(NULL);
	struct tm tm;

	strftime(text, sizeof(text), "%Y%m%d-%H%M%S", gmtime_r(&seconds, &tm));
	stamp = arena_fmt(mem, "%s-%s", as, text);
	enum ec rc = keep(mem, main_cf, stamp, e);

	if (rc == EC_OK)
		rc = keep(mem, arena_fmt(mem, "%s/master.cf", dir), stamp, e);
	if (rc == EC_OK)
		*kept = arena_fmt(mem, "%s/*.%s", dir, stamp);
	return rc;
}

/* All lines of one kind that are not as they should be, in one command. */
static enum ec tell(struct arena *mem, const char *dir, enum pf_kind kind,
		    const struct pf_want *wants, size_t n, struct err *e)
{
	static const char *const how[] = {
		[PF_MAIN] = "-e", [PF_SERVICE] = "-M", [PF_OPTION] = "-P"
	};
	struct words w;
	const char *text;
	size_t first;
	enum ec rc = begin(mem, "postconf", dir, &w, e);

	if (rc != EC_OK)
		return rc;
	word(&w, how[kind]);
	first = w.n;
	for (size_t i = 0; i < n; i++) {
		if (wants[i].kind == kind && wants[i].state != PF_GOOD)
			word(&w, arena_fmt(mem, "%s=%s", wants[i].key, wants[i].value));
	}
	return w.n > first ? run_program(mem, w.at, &text, e) : EC_OK;
}

enum ec postconf_write(struct arena *mem, const char *dir, const struct pf_now *now,
		       const struct pf_want *wants, size_t n, const char **kept, struct err *e)
{
	enum ec rc = EC_OK;
	bool any = false;

	*kept = "";
	for (size_t i = 0; i < n; i++)
		any |= wants[i].state != PF_GOOD;
	if (any)
		rc = postconf_keep(mem, now, "before-winpop", kept, e);
	for (enum pf_kind kind = PF_MAIN; any && kind <= PF_OPTION && rc == EC_OK; kind++)
		rc = tell(mem, dir, kind, wants, n, e);
	return rc;
}

bool postconf_is_running(struct arena *mem, const char *dir)
{
	struct words w;
	const char *text;

	if (begin(mem, "postfix", dir, &w, NULL) != EC_OK)
		return false;
	word(&w, "status");
	return run_program(mem, w.at, &text, NULL) == EC_OK;
}

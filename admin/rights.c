/* rights.c - see rights.h. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/file.h"
#include "server/base/name.h"
#include "server/base/utf8.h"
#include "admin/rights.h"

#define BLANKS " \t"
#define GROUPS_MAX 65536

enum kind { ACCOUNT, SYSTEM_GROUP, DIRECTORY_GROUP };

struct row {
	enum kind kind;
	struct name account;
	const char *group;
	struct scope scope;
	struct row *next;
};
struct rights {
	struct arena *mem;
	struct row *rows;
};

/* ---- one line ---- */

static enum ec take_word(struct arena *mem, const char **p, const char **out, struct err *e)
{
	const char *end = *p + strcspn(*p, BLANKS);

	if (end == *p)
		return err_set(e, EC_USAGE, "a name is missing");
	*out = arena_str(mem, *p, (size_t)(end - *p));
	*p = end;
	return EC_OK;
}

/* group:"CN=a \"b\", ..."; what is escaped in a DN stays as it is. */
static enum ec take_dn(struct arena *mem, const char **p, const char **out, struct err *e)
{
	bool opened = **p == '"';
	const char *from = *p + opened, *end = from;

	while (*end && *end != '"')
		end += *end == '\\' && end[1] ? 2 : 1;
	if (!opened || *end != '"' || end == from)
		return err_set(e, EC_USAGE, "write group:\"CN=...\", with its quotes");
	*out = arena_str(mem, from, (size_t)(end - from));
	*p = end + 1;
	return strchr(BLANKS, **p) ? EC_OK
				   : err_set(e, EC_USAGE, "put a blank behind the group's quote");
}

static enum ec take_account(struct arena *mem, const char **p, struct name *out, struct err *e)
{
	const char *word = NULL;
	enum ec rc = take_word(mem, p, &word, e);

	if (rc != EC_OK)
		return rc;
	if (!strchr(word, '@'))
		return err_set(e, EC_USAGE,
			       "\"%.80s\" is neither user@domain, nor %%group, nor group:\"DN\"",
			       word);
	return name_parse(out, word, strlen(word), NAME_FILE, e);
}

static enum ec take_who(struct arena *mem, const char **p, struct row *out, struct err *e)
{
	static const char directory[] = "group:";
	size_t len = sizeof(directory) - 1;

	if (**p == '%') {
		out->kind = SYSTEM_GROUP;
		++*p;
		return take_word(mem, p, &out->group, e);
	}
	if (strncmp(*p, directory, len) == 0) {
		out->kind = DIRECTORY_GROUP;
		*p += len;
		return take_dn(mem, p, &out->group, e);
	}
	out->kind = ACCOUNT;
	return take_account(mem, p, &out->account, e);
}

static enum ec take_domain(struct arena *mem, const char **p, const char **out, struct err *e)
{
	struct name n;
	const char *word = NULL;
	enum ec rc = take_word(mem, p, &word, e);

	if (rc == EC_OK && strcmp(word, "*") == 0)
		return err_set(e, EC_USAGE, "* stands alone: it is every domain and the server");
	if (rc == EC_OK)
		rc = name_parse_domain(&n, word, strlen(word), e);
	if (rc == EC_OK)
		*out = arena_strz(mem, n.domain);
	return rc;
}

static const char *skip(const char *p)
{
	return p + strspn(p, BLANKS);
}

static bool is_all(const char *p)
{
	return *p == '*' && !*skip(p + 1);
}

static enum ec take_domains(struct arena *mem, const char *p, struct scope *out, struct err *e)
{
	const char **domains = arena_alloc(mem, (strlen(p) / 2 + 1) * sizeof(*domains));
	enum ec rc = EC_OK;

	*out = (struct scope){ .whole = is_all(p), .domains = domains };
	if (out->whole)
		return EC_OK;
	for (; *p && rc == EC_OK; p = skip(p))
		rc = take_domain(mem, &p, &domains[out->n_domains++], e);
	if (rc == EC_OK && out->n_domains == 0)
		rc = err_set(e, EC_USAGE, "it does not say which domains, or * for all");
	return rc;
}

static enum ec take_line(struct rights *r, const char *line, struct err *e)
{
	const char *p = skip(line);
	struct row *row = arena_alloc(r->mem, sizeof(*row));

	if (!*p || *p == '#')
		return EC_OK;
	enum ec rc = take_who(r->mem, &p, row, e);
	if (rc == EC_OK)
		rc = take_domains(r->mem, skip(p), &row->scope, e);
	if (rc == EC_OK) {
		row->next = r->rows;
		r->rows = row;
	}
	return rc;
}

/* ---- the file ---- */

/* A control octet would end a name early, or hide what follows it from whoever looks at the file. */
static enum ec check_octets(const char *p, size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7F)
			return err_set(e, EC_USAGE, "it has a control character");
	}
	return utf8_valid(p, len) ? EC_OK : err_set(e, EC_USAGE, "it is not UTF-8");
}

enum ec rights_parse(struct arena *mem, const char *text, size_t len, struct rights **out,
		     struct err *e)
{
	struct rights *r = arena_alloc(mem, sizeof(*r));
	const char *end = text + len;
	unsigned line = 1;

	*r = (struct rights){ .mem = mem };
	*out = NULL;
	for (const char *p = text; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl ? nl : end;
		size_t n = (size_t)(stop - p);
		struct err why;
		n -= n > 0 && p[n - 1] == '\r';
		enum ec rc = check_octets(p, n, &why);
		if (rc == EC_OK)
			rc = take_line(r, arena_str(mem, p, n), &why);
		if (rc != EC_OK)
			return err_set(e, rc, "line %u: %s", line, why.text);
		p = stop + 1;
	}
	*out = r;
	return EC_OK;
}

/* Ours too, for a console that does not run as root: then it can do no more than we. */
static enum ec check_owner(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at %s", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(e, EC_BROKEN,
			       "%s does not belong to root: whoever it belongs to could give "
			       "himself rights",
			       path);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(e, EC_BROKEN, "%s can be written by others than root: chmod go-w %s",
			       path, path);
	return EC_OK;
}

static enum ec parse_file(struct arena *mem, int fd, const char *path, struct rights **out,
			  struct err *e)
{
	struct err why;
	char *text;
	size_t len;
	enum ec rc = check_owner(fd, path, e);

	if (rc == EC_OK)
		rc = file_read_fd(mem, fd, path, RIGHTS_BYTES_MAX, &text, &len, e);
	if (rc != EC_OK)
		return rc;
	rc = rights_parse(mem, text, len, out, &why);
	return rc == EC_OK ? EC_OK : err_set(e, EC_BROKEN, "%s %s", path, why.text);
}

enum ec rights_load(struct arena *mem, const char *path, struct rights **out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*out = NULL;
	if (fd < 0 && errno == EACCES)
		return err_set(e, EC_DENIED, "not permitted to read %s", path);
	if (fd < 0)
		return err_sys(e, "cannot open %s", path);
	enum ec rc = parse_file(mem, fd, path, out, e);
	close(fd);
	return rc;
}

/* ---- whose ---- */

struct question {
	struct name name; /* if an address asks, else empty */
	bool (*is_member)(void *ctx, enum rights_group kind, const char *group);
	void *ctx;
};

static bool is_his(const struct row *row, const struct question *q)
{
	switch (row->kind) {
	case ACCOUNT: return q->name.domain[0] && name_equal(&row->account, &q->name);
	case SYSTEM_GROUP: return q->is_member(q->ctx, RIGHTS_SYSTEM_GROUP, row->group);
	case DIRECTORY_GROUP: return q->is_member(q->ctx, RIGHTS_DIRECTORY_GROUP, row->group);
	}
	return false;
}

static bool gives_more(const struct scope *has, const struct scope *more)
{
	bool is_more = more->whole;

	for (size_t i = 0; i < more->n_domains; i++)
		is_more |= !scope_has(has, more->domains[i]);
	return is_more;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, and each once: they are listed in this order. */
static void add(struct arena *mem, struct scope *to, const struct scope *more)
{
	size_t n = 0, most = to->n_domains + more->n_domains;
	const char **all = arena_alloc(mem, (most + 1) * sizeof(*all));

	for (; n < to->n_domains; n++)
		all[n] = to->domains[n];
	for (size_t i = 0; i < more->n_domains; i++)
		all[n++] = more->domains[i];
	qsort(all, n, sizeof(*all), compare);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || strcmp(all[kept - 1], all[i]) != 0)
			all[kept++] = all[i];
	}
	*to = (struct scope){ to->whole || more->whole, kept, all };
}

enum ec rights_of(const struct rights *r, const char *who,
		  bool (*is_member)(void *ctx, enum rights_group kind, const char *group),
		  void *ctx, struct scope *out, struct err *e)
{
	struct question q = { .is_member = is_member, .ctx = ctx };
	bool any = false;

	*out = (struct scope){ 0 };
	if (strchr(who, '@') && name_parse(&q.name, who, strlen(who), NAME_FILE, e) != EC_OK)
		return e ? e->class = EC_DENIED : EC_DENIED;
	for (const struct row *row = r->rows; row && !out->whole; row = row->next) {
		if (!gives_more(out, &row->scope) || !is_his(row, &q))
			continue;
		add(r->mem, out, &row->scope);
		any = true;
	}
	if (out->whole)
		*out = (struct scope){ .whole = true };
	return any ? EC_OK : err_set(e, EC_DENIED, "%.120s has no rights here", who);
}

/* ---- groups of this computer ---- */

static enum ec look_for(const struct passwd *user, gid_t wanted, bool *is, struct err *e)
{
	int n = 64, room = n;
	gid_t *gids = NULL;

	do {
		room = n;
		gids = reallocarray(gids, (size_t)room, sizeof(*gids));
		if (!gids)
			die("out of memory");
	} while (getgrouplist(user->pw_name, user->pw_gid, gids, &n) < 0 && n > room &&
		 n <= GROUPS_MAX);
	bool all = n >= 0 && n <= room;
	for (int i = 0; all && i < n; i++)
		*is |= gids[i] == wanted;
	free(gids);
	return all ? EC_OK
		   : err_set(e, EC_TEMP, "the groups of user %s cannot be told", user->pw_name);
}

enum ec rights_in_group(const char *user, const char *group, bool *is, struct err *e)
{
	*is = false;
	const struct group *gr = getgrnam(group);
	gid_t gid = gr ? gr->gr_gid : 0;
	const struct passwd *pw = gr ? getpwnam(user) : NULL;

	return pw ? look_for(pw, gid, is, e) : EC_OK;
}

/* tokens.c - see tokens.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server/base/b64.h"
#include "server/base/buf.h"
#include "server/base/clock.h"
#include "server/base/crypto.h"
#include "server/base/file.h"
#include "server/base/name.h"
#include "server/base/secret.h"
#include "admin/tokens.h"

#define FILE_NAME "console.tokens"
#define FILE_MODE 0600
#define FILE_BYTES_MAX (1u << 20)
#define RANDOM_BYTES 32

/* ---- the text of the file ---- */

static bool is_token_name(const char *p)
{
	size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return len > 0 && len <= TOKEN_NAME_MAX && !p[len];
}

static bool read_second(const char *p, int64_t *out)
{
	char *end;

	errno = 0;
	*out = *p >= '0' && *p <= '9' ? strtoll(p, &end, 10) : -1;
	return *out >= 0 && errno == 0 && !*end;
}

static bool read_scope(struct arena *mem, char **at, struct scope *out)
{
	const char **domains = arena_alloc(mem, (strlen(*at) + 1) * sizeof(*domains));
	struct name n;

	*out = (struct scope){ .whole = strcmp(*at, "*") == 0, .domains = domains };
	for (char *one; !out->whole && (one = strsep(at, " "));) {
		if (name_parse_domain(&n, one, strlen(one), NULL) != EC_OK)
			return false;
		domains[out->n_domains++] = arena_strz(mem, n.domain);
	}
	return out->whole || out->n_domains > 0;
}

/* Written by us alone, so there is one way to write it. */
static bool read_row(struct arena *mem, char *line, struct token *out)
{
	enum { NAME, HASH, MADE, ENDS, BY, N_WORDS };
	char *word[N_WORDS];

	for (int i = 0; i < N_WORDS; i++) {
		word[i] = strsep(&line, " ");
		if (!word[i] || !line)
			return false;
	}
	if (!is_token_name(word[NAME]) || strlen(word[HASH]) != 2 * sizeof(out->hash) ||
	    !hex_decode(out->hash, word[HASH], strlen(word[HASH])) || !*word[BY])
		return false;
	strcpy(out->name, word[NAME]);
	out->by = word[BY];
	return read_second(word[MADE], &out->made_s) && read_second(word[ENDS], &out->ends_s) &&
	       read_scope(mem, &line, &out->scope);
}

static size_t count_lines(const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += p[i] == '\n';
	return n;
}

enum ec tokens_parse(struct arena *mem, const char *text, size_t len, struct tokens *out,
		     struct err *e)
{
	size_t n = count_lines(text, len);

	*out = (struct tokens){ 0 };
	if (len > 0 && (text[len - 1] != '\n' || memchr(text, '\0', len)))
		return err_set(e, EC_BROKEN, "it is cut off, or no text");
	if (n > TOKENS_MAX)
		return err_set(e, EC_BROKEN, "it has more than %d tokens", TOKENS_MAX);
	out->rows = arena_alloc(mem, (n + 1) * sizeof(*out->rows));
	for (char *copy = arena_str(mem, text, len); out->n < n; out->n++) {
		if (!read_row(mem, strsep(&copy, "\n"), &out->rows[out->n]))
			return err_set(e, EC_BROKEN, "line %zu is not a token's", out->n + 1);
	}
	return EC_OK;
}

static void write_row(struct buf *b, const struct token *t)
{
	char hash[2 * sizeof(t->hash)];

	hex_encode(hash, t->hash, sizeof(t->hash));
	buf_fmt(b, "%s %.*s %jd %jd %s", t->name, (int)sizeof(hash), hash, (intmax_t)t->made_s,
		(intmax_t)t->ends_s, t->by);
	if (t->scope.whole)
		buf_addz(b, " *");
	for (size_t i = 0; !t->scope.whole && i < t->scope.n_domains; i++)
		buf_fmt(b, " %s", t->scope.domains[i]);
	buf_addz(b, "\n");
}

char *tokens_text(const struct tokens *all, size_t *len)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < all->n; i++)
		write_row(&b, &all->rows[i]);
	*len = b.len;
	return buf_take(&b);
}

/* ---- the file ---- */

/* Beside the file of rights, in a directory of root's. */
static enum ec open_place(const struct conf *c, int *dir, struct err *e)
{
	const char *base;

	*dir = file_open_parent(AT_FDCWD, c->console_rights, &base);
	if (*dir >= 0)
		return EC_OK;
	return err_sys(e, "cannot open the directory of %s", c->console_rights);
}

static enum ec check_owner(int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at " FILE_NAME);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 077))
		return err_set(e, EC_BROKEN,
			       "others can read or write " FILE_NAME
			       ": chmod go= it, and give it back to root");
	return EC_OK;
}

static enum ec read_open(struct arena *mem, int fd, struct tokens *out, struct err *e)
{
	struct err why;
	char *text;
	size_t len;
	enum ec rc = check_owner(fd, e);

	if (rc == EC_OK)
		rc = file_read_fd(mem, fd, FILE_NAME, FILE_BYTES_MAX, &text, &len, e);
	if (rc != EC_OK)
		return rc;
	rc = tokens_parse(mem, text, len, out, &why);
	return rc == EC_OK ? EC_OK : err_set(e, rc, FILE_NAME ": %s", why.text);
}

static enum ec read_at(struct arena *mem, int dir, struct tokens *out, struct err *e)
{
	int fd = openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);

	*out = (struct tokens){ 0 };
	if (fd < 0 && errno == ENOENT)
		return tokens_parse(mem, "", 0, out, e);
	if (fd < 0 && errno == EACCES)
		return err_set(e, EC_DENIED, "not permitted to read " FILE_NAME "; run it as root");
	if (fd < 0)
		return err_sys(e, "cannot open " FILE_NAME);
	enum ec rc = read_open(mem, fd, out, e);
	close(fd);
	return rc;
}

enum ec tokens_load(const struct conf *c, struct arena *mem, struct tokens *out, struct err *e)
{
	int dir;
	enum ec rc = open_place(c, &dir, e);

	*out = (struct tokens){ 0 };
	if (rc != EC_OK)
		return rc;
	rc = read_at(mem, dir, out, e);
	close(dir);
	return rc;
}

/* ---- finding ---- */

enum ec token_find(const struct conf *c, struct arena *mem, const char *text, const char **who,
		   struct scope *out, struct err *e)
{
	const struct token *found = NULL;
	unsigned char hash[32];
	struct tokens all;
	enum ec rc = tokens_load(c, mem, &all, e);

	if (rc != EC_OK)
		return rc;
	sha256(hash, text, strlen(text));
	/* All are looked at, whichever it is. */
	for (size_t i = 0; i < all.n; i++)
		found = same_bytes(hash, all.rows[i].hash, sizeof(hash)) ? &all.rows[i] : found;
	if (!found || (found->ends_s > 0 && found->ends_s <= clock_wall_s()))
		return err_set(e, EC_DENIED, "there is no such token, or its time is over");
	*who = arena_fmt(mem, "token:%s", found->name);
	*out = found->scope;
	return EC_OK;
}

/* ---- changing ---- */

struct change {
	struct arena *mem;
	int dir; /* its lock is on the directory: the file is replaced */
	struct tokens now;
};

static void change_end(struct change *ch)
{
	if (ch->dir >= 0)
		close(ch->dir);
	arena_drop(&ch->mem);
}

static enum ec change_begin(const struct conf *c, struct change *ch, struct err *e)
{
	*ch = (struct change){ .mem = arena_new("tokens", 4096), .dir = -1 };
	enum ec rc = open_place(c, &ch->dir, e);

	while (rc == EC_OK && flock(ch->dir, LOCK_EX) < 0) {
		if (errno != EINTR)
			rc = err_sys(e, "cannot lock the directory of " FILE_NAME);
	}
	if (rc == EC_OK)
		rc = read_at(ch->mem, ch->dir, &ch->now, e);
	if (rc != EC_OK)
		change_end(ch);
	return rc;
}

static enum ec change_write(const struct change *ch, struct err *e)
{
	size_t len;
	char *text = tokens_text(&ch->now, &len);
	enum ec rc = file_replace_at(ch->dir, FILE_NAME, text, len, FILE_MODE, e);

	free(text);
	return rc;
}

static bool has(const struct tokens *all, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < all->n; i++)
		found |= strcmp(all->rows[i].name, name) == 0;
	return found;
}

/* Every one of this name. False: there is none. */
static bool take_out(struct tokens *all, const char *name)
{
	size_t n = all->n, kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (strcmp(all->rows[i].name, name) != 0)
			all->rows[kept++] = all->rows[i];
	}
	all->n = kept;
	return kept < n;
}

static void make_text(char text[TOKEN_TEXT_LEN + 1])
{
	unsigned char random[RANDOM_BYTES];
	char b64[B64_ENC_LEN(RANDOM_BYTES)];

	random_bytes(random, sizeof(random));
	b64_encode(b64, random, sizeof(random));
	for (size_t i = 0; i < sizeof(b64); i++) /* RFC 4648, section 5: fit for a URL */
		b64[i] = b64[i] == '+' ? '-' : b64[i] == '/' ? '_' : b64[i];
	memcpy(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
	memcpy(text + strlen(TOKEN_PREFIX), b64, TOKEN_TEXT_LEN - strlen(TOKEN_PREFIX));
	text[TOKEN_TEXT_LEN] = '\0';
	wipe(random, sizeof(random));
	wipe(b64, sizeof(b64));
}

static enum ec check_wish(const struct change *ch, const struct token *wish, struct err *e)
{
	if (!is_token_name(wish->name))
		return err_set(e, EC_USAGE,
			       "a token is called by letters, digits, '.', '-' and '_', at most %d",
			       TOKEN_NAME_MAX);
	if (has(&ch->now, wish->name))
		return err_set(e, EC_EXISTS, "there is a token %s already", wish->name);
	if (ch->now.n >= TOKENS_MAX)
		return err_set(e, EC_REFUSED, "there are %d tokens already", TOKENS_MAX);
	return EC_OK;
}

enum ec tokens_add(const struct conf *c, const struct token *wish, char text[TOKEN_TEXT_LEN + 1],
		   struct err *e)
{
	struct change ch;
	enum ec rc = change_begin(c, &ch, e);

	if (rc != EC_OK)
		return rc;
	rc = check_wish(&ch, wish, e);
	if (rc == EC_OK) {
		struct token *row = &ch.now.rows[ch.now.n++]; /* there is room for one */
		*row = *wish;
		make_text(text);
		sha256(row->hash, text, TOKEN_TEXT_LEN);
		row->made_s = clock_wall_s();
		rc = change_write(&ch, e);
	}
	if (rc != EC_OK)
		wipe(text, TOKEN_TEXT_LEN + 1);
	change_end(&ch);
	return rc;
}

enum ec tokens_delete(const struct conf *c, const char *name, struct err *e)
{
	struct change ch;
	enum ec rc = change_begin(c, &ch, e);

	if (rc != EC_OK)
		return rc;
	rc = take_out(&ch.now, name) ? change_write(&ch, e)
				     : err_set(e, EC_ABSENT, "there is no token %.80s", name);
	change_end(&ch);
	return rc;
}

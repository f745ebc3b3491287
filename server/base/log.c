/* log.c - one event, one line, one write(2).
 *
 * A line is built in a fixed buffer on the stack: no allocation and no lock, and short enough
 * (below PIPE_BUF) that the kernel never mixes two of them in a pipe. A value or field that does
 * not fit is cut and marked with "...", so that no foreign text can push the others out of sight.
 *
 * Counters live in a small open-addressed table keyed by what the event's name says. A slot is
 * claimed once by compare-and-swap and never given back, so that counting is a hash, a comparison
 * and one relaxed addition.
 */
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/counter.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "server/base/utf8.h"

#define N_EVENTS 512 /* a power of two, several times the events we have */
#define LINE_BYTES 4000
#define VALUE_BYTES 512 /* of one value, after escaping */

struct tally {
	const char *_Atomic name; /* NULL: free */
	struct counter n;
};

struct log_sink {
	enum log_to to;
	bool prefix; /* "<N>" for the journal in place of time and level */
	_Atomic int level;
	char *program; /* openlog(3) keeps the pointer */
	void (*capture)(void *ctx, const char *line);
	void *capture_ctx;
	struct tally tallies[N_EVENTS];
	struct counter untallied; /* events that found the table full */
};

static const struct {
	const char *word;
	int priority;
} levels[] = {
	[LV_CRIT] = { "crit", LOG_CRIT },
	[LV_WARN] = { "warn", LOG_WARNING },
	[LV_INFO] = { "info", LOG_INFO },
	[LV_TRACE] = { "trace", LOG_DEBUG },
};

/* ---- counters ---- */

static uint32_t hash(const char *z) /* FNV-1a */
{
	uint32_t h = 2166136261u;

	while (*z)
		h = (h ^ (unsigned char)*z++) * 16777619u;
	return h;
}

static struct counter *counter_of(struct log_sink *s, const char *event)
{
	uint32_t at = hash(event);

	for (unsigned i = 0; i < N_EVENTS; i++) {
		struct tally *t = &s->tallies[(at + i) % N_EVENTS];
		const char *name = atomic_load_explicit(&t->name, memory_order_acquire);

		/* On failure `name` is what another thread put there; it may be ours. */
		if (!name && atomic_compare_exchange_strong(&t->name, &name, event))
			return &t->n;
		if (name == event || strcmp(name, event) == 0)
			return &t->n;
	}
	return &s->untallied;
}

void log_each_count(struct log_sink *s, void (*fn)(void *ctx, const char *event, uint64_t n),
		    void *ctx)
{
	for (unsigned i = 0; i < N_EVENTS; i++) {
		const char *name = atomic_load_explicit(&s->tallies[i].name, memory_order_acquire);
		if (name)
			fn(ctx, name, counter_get(&s->tallies[i].n));
	}
	if (counter_get(&s->untallied) > 0)
		fn(ctx, "other", counter_get(&s->untallied));
}

/* ---- a line ---- */

struct line {
	char at[LINE_BYTES];
	size_t len;
	bool full; /* a field did not fit; "..." stands at the end */
};

#define TAIL sizeof(" ...\n") /* always kept free */

static bool put(struct line *l, const char *p, size_t len)
{
	if (len > sizeof(l->at) - TAIL - l->len)
		return false;
	memcpy(l->at + l->len, p, len);
	l->len += len;
	return true;
}

/* Writes the form of the character at p that is safe inside quotes to out, at most 8 octets; moves
 * *step over it. */
static size_t escape(char out[8], const char *p, size_t len, size_t *step)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t n = utf8_step(p, len);
	bool c1 = n == 2 && u[0] == 0xC2 && u[1] < 0xA0; /* a terminal obeys these too */

	*step = n && !c1 ? n : 1;
	if (n == 0 || c1 || u[0] < 32 || u[0] == 127)
		return (size_t)snprintf(out, 8, "\\x%02x", u[0]);
	if (*p == '"' || *p == '\\') {
		out[0] = '\\';
		out[1] = *p;
		return 2;
	}
	memcpy(out, p, n);
	return n;
}

/* "value", or "start of val"... when there is no room for more. */
static bool put_quoted(struct line *l, const char *p, size_t len)
{
	size_t room = VALUE_BYTES, step;
	char one[8];

	if (!put(l, "\"", 1))
		return false;
	while (len > 0) {
		size_t n = escape(one, p, len, &step);
		if (n > room || !put(l, one, n))
			return put(l, "\"...", 4);
		room -= n;
		p += step;
		len -= step;
	}
	return put(l, "\"", 1);
}

static bool put_number(struct line *l, const struct log_kv *kv)
{
	char digits[24];
	int n = kv->type == KV_INT ? snprintf(digits, sizeof(digits), "%jd", (intmax_t)kv->u)
				   : snprintf(digits, sizeof(digits), "%ju", (uintmax_t)kv->u);

	return put(l, digits, (size_t)n);
}

static bool put_value(struct line *l, const struct log_kv *kv)
{
	switch (kv->type) {
	case KV_STR: return put_quoted(l, kv->s, strlen(kv->s));
	case KV_BYTES: return put_quoted(l, kv->s, kv->len);
	default: return put_number(l, kv);
	}
}

static void put_field(struct line *l, const struct log_kv *kv)
{
	size_t was = l->len;

	if (l->full || (kv->type == KV_STR && !kv->s))
		return;
	if (put(l, " ", 1) && put(l, kv->key, strlen(kv->key)) && put(l, "=", 1) &&
	    put_value(l, kv))
		return;
	l->len = was;
	l->full = true;
}

/* Session ids and addresses are ours and plain; should one not be, it is quoted as any value. */
static void put_plain(struct line *l, const char *key, const char *z)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._:/%@[]-";

	if (!z)
		return;
	if (*z == '\0' || z[strspn(z, plain)] != '\0' || strlen(z) > VALUE_BYTES) {
		put_field(l, &KV(key, z));
		return;
	}
	put(l, " ", 1);
	put(l, key, strlen(key));
	put(l, "=", 1);
	put(l, z, strlen(z));
}

static void put_prefix(struct line *l, const struct log_sink *s, enum lv lv)
{
	char text[48];
	struct tm tm;

	if (s->capture || s->to == LOG_TO_SYSLOG)
		return;
	if (s->prefix) {
		put(l, text, (size_t)snprintf(text, sizeof(text), "<%d>", levels[lv].priority));
		return;
	}
	uint64_t now = clock_wall_us();
	time_t seconds = (time_t)(now / 1000000);
	gmtime_r(&seconds, &tm);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03uZ %s ",
			      (unsigned)(now / 1000 % 1000), levels[lv].word);
	put(l, text, n);
}

static void build(struct line *l, const struct log *log, enum lv lv, const char *event,
		  const struct log_kv *kv)
{
	l->len = 0;
	l->full = false;
	put_prefix(l, log->sink, lv);
	put(l, "event=", 6);
	put(l, event, strlen(event));
	put_plain(l, "sid", log->sid);
	put_plain(l, "peer", log->peer);
	for (; kv->type != KV_END; kv++)
		put_field(l, kv);
	if (l->full) {
		memcpy(l->at + l->len, " ...", 4);
		l->len += 4;
	}
}

/* ---- where it goes ---- */

/* Nothing can be done about a log that cannot be written; the service goes on. */
static void emit_stderr(struct line *l)
{
	const char *p = l->at;
	size_t left = l->len + 1;

	l->at[l->len] = '\n';
	while (left > 0) {
		ssize_t n = write(STDERR_FILENO, p, left);
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
}

static void emit(struct log_sink *s, enum lv lv, struct line *l)
{
	if (!s->capture && s->to != LOG_TO_SYSLOG) {
		emit_stderr(l);
		return;
	}
	l->at[l->len] = '\0';
	if (s->capture)
		s->capture(s->capture_ctx, l->at);
	else
		syslog(levels[lv].priority, "%s", l->at);
}

bool log_on(const struct log *l, enum lv lv)
{
	return l && l->sink &&
	       (int)lv <= atomic_load_explicit(&l->sink->level, memory_order_relaxed);
}

void log_write(const struct log *l, enum lv lv, const char *event, const struct log_kv *kv)
{
	struct line line;

	if (!l || !l->sink)
		return;
	counter_add(counter_of(l->sink, event), 1);
	if (!log_on(l, lv))
		return;
	int saved = errno; /* error paths log before they look at errno */
	build(&line, l, lv, event, kv);
	emit(l->sink, lv, &line);
	errno = saved;
}

/* ---- the sink ---- */

/* systemd names the journal's socket in JOURNAL_STREAM; it is ours only if stderr is that very
 * socket (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
	const char *z = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	return z && sscanf(z, "%ju:%ju", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

struct log_sink *log_open(enum log_to to, const char *program, int level)
{
	struct log_sink *s = mem_new(sizeof(*s));

	s->to = to;
	s->prefix = to == LOG_TO_JOURNAL || (to == LOG_TO_STDERR && stderr_is_journal());
	s->program = mem_strz(program);
	log_set_level(s, level);
	if (to == LOG_TO_SYSLOG)
		openlog(s->program, LOG_PID | LOG_NDELAY, LOG_MAIL);
	return s;
}

void log_set_level(struct log_sink *s, int level)
{
	atomic_store_explicit(&s->level, level, memory_order_relaxed);
}

void log_capture(struct log_sink *s, void (*fn)(void *ctx, const char *line), void *ctx)
{
	s->capture = fn;
	s->capture_ctx = ctx;
}

void log_close(struct log_sink **s)
{
	if (!*s)
		return;
	if ((*s)->to == LOG_TO_SYSLOG)
		closelog();
	free((*s)->program);
	free(*s);
	*s = NULL;
}

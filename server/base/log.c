/* log.c - one event, one line, one write(2).
 *
 * A line is built in a fixed buffer on the stack: no allocation and no lock, and short enough
 * (below PIPE_BUF) that the kernel never mixes two of them in a pipe. A value or field that does
 * not fit is cut and marked with "...", so that no foreign text can push the others out of sight.
 * It is formatted by hand: a session logs twice, and stdio took as long for that as the write.
 * Lines are not gathered: what was logged is read after a crash.
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
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/counter.h"
#include "server/base/digits.h"
#include "server/base/log.h"
#include "server/base/mem.h"
#include "server/base/meter.h"
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
	struct meters *meters;
};

static const struct {
	const char *word;
	int priority;
	int from; /* `logging` */
} levels[] = {
	[LV_CRIT] = { "crit", LOG_CRIT, 1 },   [LV_WARN] = { "warn", LOG_WARNING, 2 },
	[LV_INFO] = { "info", LOG_INFO, 3 },   [LV_TRACE] = { "trace", LOG_DEBUG, 4 },
	[LV_NOTE] = { "note", LOG_NOTICE, 1 },
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

/* What may stand in quotes as it is, and what needs none. */
enum { QUOTED = 1, BARE = 2 };
#define BOTH (QUOTED | BARE)
static const unsigned char safe[256] = {
	[' ' ... '!'] = QUOTED, ['#' ... '$'] = QUOTED, ['%'] = BOTH,
	['&' ... ','] = QUOTED, ['-' ... ':'] = BOTH,   [';' ... '?'] = QUOTED,
	['@' ... '['] = BOTH,   [']'] = BOTH,           ['^'] = QUOTED,
	['_'] = BOTH,           ['`'] = QUOTED,         ['a' ... 'z'] = BOTH,
	['{' ... '~'] = QUOTED,
};

static size_t span(const char *p, size_t len, unsigned of)
{
	size_t n = 0;

	while (n < len && safe[(unsigned char)p[n]] & of)
		n++;
	return n;
}

/* Writes the form of the character at p that is safe inside quotes to out; moves *step over it. */
static size_t escape(char out[4], const char *p, size_t len, size_t *step)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *u = (const unsigned char *)p;
	size_t n = utf8_step(p, len);
	bool c1 = n == 2 && u[0] == 0xC2 && u[1] < 0xA0; /* a terminal obeys these too */

	*step = n && !c1 ? n : 1;
	out[0] = '\\';
	if (n == 0 || c1 || u[0] < 32 || u[0] == 127) {
		out[1] = 'x';
		out[2] = hex[u[0] >> 4];
		out[3] = hex[u[0] & 15];
		return 4;
	}
	if (*p == '"' || *p == '\\') {
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
	char one[4];

	if (!put(l, "\"", 1))
		return false;
	while (len > 0) {
		const char *from = p;
		size_t n = step = span(p, len < room ? len : room, QUOTED);
		if (n == 0) {
			n = escape(one, p, len, &step);
			from = one;
		}
		if (n > room)
			return put(l, "\"...", 4);
		if (!put(l, from, n))
			return false;
		room -= n;
		p += step;
		len -= step;
	}
	return put(l, "\"", 1);
}

static bool put_number(struct line *l, const struct log_kv *kv)
{
	bool negative = kv->type == KV_INT && (int64_t)kv->u < 0;
	uint64_t u = negative ? -kv->u : kv->u;
	char text[1 + DECIMAL_MAX] = "-", *number = text + negative;

	return put(l, text, (size_t)(decimal_put(number, u) - text));
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
	size_t len = z ? strlen(z) : 0;

	if (!z)
		return;
	if (len == 0 || len > VALUE_BYTES || span(z, len, BARE) < len) {
		put_field(l, &KV(key, z));
		return;
	}
	put(l, " ", 1);
	put(l, key, strlen(key));
	put(l, "=", 1);
	put(l, z, len);
}

static void put_prefix(struct line *l, const struct log_sink *s, enum lv lv)
{
	char text[CLOCK_TEXT_LEN];

	if (s->capture || s->to == LOG_TO_SYSLOG)
		return;
	if (s->prefix) {
		put(l, (const char[]){ '<', (char)('0' + levels[lv].priority), '>' }, 3);
		return;
	}
	clock_text(clock_wall_us(), text);
	put(l, text, sizeof(text));
	put(l, " ", 1);
	put(l, levels[lv].word, strlen(levels[lv].word));
	put(l, " ", 1);
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

struct meters *log_meters(const struct log *l)
{
	return l && l->sink ? l->sink->meters : NULL;
}

bool log_on(const struct log *l, enum lv lv)
{
	return l && l->sink &&
	       levels[lv].from <= atomic_load_explicit(&l->sink->level, memory_order_relaxed);
}

void log_write(const struct log *l, enum lv lv, const char *event, const struct log_kv *kv)
{
	struct line line;

	if (!l || !l->sink)
		return;
	counter_add(counter_of(l->sink, event), 1);
	meter_add(l->sink->meters, METER_LOGGED + lv, 1);
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
	s->meters = meters_new();
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
	meters_free(&(*s)->meters);
	free((*s)->program);
	free(*s);
	*s = NULL;
}

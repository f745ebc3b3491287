/* log.h - events with names and fields.
 *
 *	log_event(l, LV_INFO, "signin", KV("account", who), KV_U("ms", ms));
 * gives	event=signin sid=a1 peer=192.0.2.7 account="kim@example.com" ms=12
 *
 * An event name is a stable word that administrators match on; it is also a counter (counter.h).
 * The logger escapes every value (control octets, quotes, invalid UTF-8): one event is always one
 * line. A struct secret fits no KV. Nothing is formatted when the level is off. Thread: any; lines
 * never mix.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_sink;
struct meters;

/* winpop's `logging` 0..3 shows nothing, CRIT, +WARN, +INFO; TRACE is for developers (level 4). NOTE is no trouble, and written
 * wherever anything is: the service is ready, it stops. */
enum lv { LV_CRIT = 1, LV_WARN, LV_INFO, LV_TRACE, LV_NOTE };
enum log_to { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_JOURNAL };

/* A context: cheap to make, holds what its events inherit. Strings are lent and must outlive it. */
struct log {
	struct log_sink *sink; /* NULL: silent */
	const char *sid;       /* session id or NULL */
	const char *peer;      /* peer address or NULL */
};

struct log_kv {
	const char *key;
	enum { KV_END, KV_STR, KV_BYTES, KV_UINT, KV_INT } type;
	const char *s;
	size_t len;
	uint64_t u;
};
#define KV(k, v)                                                                                   \
	((struct log_kv){ .key = (k), .type = KV_STR, .s = (v) }) /* NULL value: field left out */
#define KV_B(k, p, n) ((struct log_kv){ .key = (k), .type = KV_BYTES, .s = (p), .len = (n) })
#define KV_U(k, v) ((struct log_kv){ .key = (k), .type = KV_UINT, .u = (uint64_t)(v) })
#define KV_I(k, v) ((struct log_kv){ .key = (k), .type = KV_INT, .u = (uint64_t)(int64_t)(v) })

#define log_event(l, lv, event, ...)                                                               \
	log_write((l), (lv), (event),                                                              \
		  (const struct log_kv[]){ __VA_ARGS__ __VA_OPT__(, ){ .type = KV_END } })

struct log_sink *log_open(enum log_to to, const char *program, int level);
void log_set_level(struct log_sink *s, int level); /* live, from any thread */
void log_close(struct log_sink **s);
/* What is counted beside events (meter.h): the sink's own; NULL: a silent log. */
struct meters *log_meters(const struct log *l);
bool log_on(const struct log *l, enum lv lv);
void log_write(const struct log *l, enum lv lv, const char *event, const struct log_kv *kv);
/* For tests: every line goes to fn instead. */
void log_capture(struct log_sink *s, void (*fn)(void *ctx, const char *line), void *ctx);
/* Counters of events seen since start (also of those below the level): fn is called once per name.
 */
void log_each_count(struct log_sink *s, void (*fn)(void *ctx, const char *event, uint64_t n),
		    void *ctx);

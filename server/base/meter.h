/* meter.h - numbers and times that hot paths leave behind for those who watch the service.
 *
 * Every processor has cells of its own, on cache lines that no other writes: leaving a number is one relaxed addition, with no
 * lock, no system call and nobody to fight with; the sums are made by whoever reads. Clocks are the caller's: he times what he
 * timed anyway. The log's sink has one of these (log_meters), so whoever can say what happens can also count it.
 *
 * What is counted is named here and nowhere else by a number; what it is called outside is metrics' business
 * (server/ops/metrics.c). Labels come from fixed sets, so no foreign text makes a series.
 * Thread: any. Sums are exact, not instantaneous.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "server/base/err.h"

struct meters;

/* Ways to sign in, as the log writes them; the last is whatever else there may be. */
enum meter_mech {
	MECH_IS_USER,
	MECH_IS_APOP,
	MECH_IS_PLAIN,
	MECH_IS_LOGIN,
	MECH_IS_CRAM_MD5,
	MECH_IS_SCRAM_SHA_1,
	MECH_IS_SCRAM_SHA_1_PLUS,
	MECH_IS_SCRAM_SHA_256,
	MECH_IS_SCRAM_SHA_256_PLUS,
	MECH_IS_NTLM,
	MECH_IS_GSSAPI,
	MECH_IS_EXTERNAL,
	MECH_IS_OTHER,
	METER_MECHS
};
enum meter_result {
	SIGNIN_OK,
	SIGNIN_WRONG,     /* a guess, for all we know */
	SIGNIN_REFUSED,   /* the right password does not do, or no password in the clear */
	SIGNIN_MALFORMED, /* no honest client sends this */
	SIGNIN_LOCKED,    /* the mailbox or its domain, by an administrator */
	SIGNIN_DELAYED,   /* login_delay */
	SIGNIN_IN_USE,
	SIGNIN_MISSING, /* an account without a mailbox */
	SIGNIN_BUSY,
	SIGNIN_TROUBLE, /* ours: what we need is away, or broken */
	METER_RESULTS
};

/* The cells. A family with labels is a block, its last cell's successor is the next. */
enum meter {
	METER_SIGNINS,
	METER_SMTP_SIGNINS = METER_SIGNINS + METER_MECHS * METER_RESULTS,
	METER_TLS_OK = METER_SMTP_SIGNINS + METER_MECHS * METER_RESULTS,
	METER_TLS_FAILED,
	METER_DENIED_ADDRESS, /* one address has too many */
	METER_DENIED_SLOTS,
	METER_RETRIEVED, /* messages */
	METER_RETRIEVED_OCTETS,
	METER_REMOVED,
	METER_EXPIRED,
	METER_DELIVERIES, /* by enum ec */
	METER_DELIVERED_OCTETS = METER_DELIVERIES + EC_COUNT,
	METER_QUOTA_WARNINGS,
	METER_DIRECTORY_FAILURES,  /* a server was put aside */
	METER_DIRECTORY_FAILOVERS, /* work that was done again on another connection */
	METER_LOGGED,              /* events by enum lv, 0 is none */
	METER_COUNTS = METER_LOGGED + 6
};
enum meter_span { SPAN_SIGNIN, SPAN_RETRIEVAL, SPAN_DELIVERY, SPAN_DIRECTORY, METER_SPANS };

/* Upper bounds of a span's buckets, in microseconds; what took longer than the last is in one more. */
#define METER_BOUNDS 18
extern const uint64_t meter_bound_us[METER_BOUNDS];

struct meters *meters_new(void);
void meters_free(struct meters **m);

/* NULL counts nothing, here and below. */
void meter_add(struct meters *m, unsigned which, uint64_t by);
void meter_signin(struct meters *m, unsigned family, const char *mech, enum meter_result result);
void meter_span(struct meters *m, enum meter_span which, uint64_t us);

uint64_t meter_sum(const struct meters *m, unsigned which);
struct meter_spread { /* of a span: how many took no longer than each bound, and not than the one before */
	uint64_t n[METER_BOUNDS + 1], us;
};
void meter_spread(const struct meters *m, enum meter_span which, struct meter_spread *out);

enum meter_mech meter_mech_of(const char *name); /* NULL, and names never seen: MECH_IS_OTHER */
const char *meter_mech_name(enum meter_mech mech);
const char *meter_result_name(enum meter_result result);
/* Of what the proof of a password came to. */
enum meter_result meter_result_of(enum ec class);

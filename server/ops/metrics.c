/* metrics.c - the text, and the names of what was counted.
 *
 * The two formats differ in little: where the _total of a counter stands in its head, and that OpenMetrics ends with a word, so that
 * half an answer is not taken for a whole one. Integers are written as such: a double's seventeen digits would do too, but nobody
 * could read them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/meter.h"
#include "server/ops/histogram.h"
#include "server/ops/metrics.h"

static const char *const type_word[] = {
	[METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter", [METRIC_HISTOGRAM] = "histogram"
};

void metrics_begin(struct metrics *m, enum metrics_form form)
{
	*m = (struct metrics){ .form = form };
}

void metrics_family(struct metrics *m, const char *name, enum metric type, const char *help)
{
	bool total = type == METRIC_COUNTER && m->form == METRICS_CLASSIC;
	const char *tail = total ? "_total" : "";

	m->name = name;
	m->type = type;
	buf_fmt(&m->text, "# HELP %s%s %s.\n# TYPE %s%s %s\n", name, tail, help, name, tail,
		type_word[type]);
}

/* OpenMetrics 1.0, ABNF of label-value. */
static void put_value(struct buf *b, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			buf_addz(b, "\\n");
		else if (*value == '"' || *value == '\\')
			buf_add(b, (const char[]){ '\\', *value }, 2);
		else
			buf_add(b, value, 1);
	}
}

static void put_head(struct metrics *m, va_list ap)
{
	const char *label, *open = "{";

	buf_addz(&m->text, m->name);
	if (m->type == METRIC_COUNTER)
		buf_addz(&m->text, "_total");
	while ((label = va_arg(ap, const char *))) {
		buf_fmt(&m->text, "%s%s=\"", open, label);
		put_value(&m->text, va_arg(ap, const char *));
		buf_addz(&m->text, "\"");
		open = ",";
	}
	buf_addz(&m->text, *open == ',' ? "} " : " ");
}

void metrics_row(struct metrics *m, double value, ...)
{
	va_list ap;

	va_start(ap, value);
	put_head(m, ap);
	va_end(ap);
	buf_fmt(&m->text, "%.15g\n", value);
}

void metrics_row_n(struct metrics *m, uint64_t value, ...)
{
	va_list ap;

	va_start(ap, value);
	put_head(m, ap);
	va_end(ap);
	buf_fmt(&m->text, "%llu\n", (unsigned long long)value);
}

char *metrics_end(struct metrics *m)
{
	if (m->form == METRICS_OPEN)
		buf_addz(&m->text, "# EOF\n");
	return buf_take(&m->text);
}

const char *metrics_content_type(enum metrics_form form)
{
	return form == METRICS_OPEN ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				    : "text/plain; version=0.0.4; charset=utf-8";
}

enum metrics_form metrics_form_for(const char *accept)
{
	return accept && strstr(accept, "application/openmetrics-text") ? METRICS_OPEN
									: METRICS_CLASSIC;
}

/* ---- what was counted ---- */

/* Families whose rows are cells of the meters, one behind the other. */
static const struct counted {
	const char *name, *label, *help; /* label NULL: there is one row */
	unsigned first, n;
	const char *const *value;
} counted[] = {
	{ "winpop_tls_handshakes", "result", "TLS handshakes of POP3 connections", METER_TLS_OK, 2,
	  (const char *const[]){ "ok", "failed" } },
	{ "winpop_connections_denied", "why", "POP3 connections that were closed at once",
	  METER_DENIED_ADDRESS, 2, (const char *const[]){ "address", "slots" } },
	{ "winpop_retrieved_messages", NULL, "Messages sent to clients by RETR", METER_RETRIEVED, 1,
	  NULL },
	{ "winpop_retrieved_octets", NULL, "Octets of messages sent to clients by RETR",
	  METER_RETRIEVED_OCTETS, 1, NULL },
	{ "winpop_removed_messages", NULL, "Messages that clients deleted", METER_REMOVED, 1,
	  NULL },
	{ "winpop_expired_messages", NULL, "Messages that were removed because they had expired",
	  METER_EXPIRED, 1, NULL },
	{ "winpop_delivered_octets", NULL, "Octets of messages put into mailboxes",
	  METER_DELIVERED_OCTETS, 1, NULL },
	{ "winpop_quota_refusals", NULL, "Deliveries refused because a quota account was full",
	  METER_DELIVERIES + EC_QUOTA, 1, NULL },
	{ "winpop_quota_warnings", NULL, "Warnings put into mailboxes that are nearly full",
	  METER_QUOTA_WARNINGS, 1, NULL },
	{ "winpop_directory_failures", NULL, "Times that a directory server was put aside",
	  METER_DIRECTORY_FAILURES, 1, NULL },
	{ "winpop_directory_failovers", NULL,
	  "Directory operations that were begun again on another connection",
	  METER_DIRECTORY_FAILOVERS, 1, NULL },
	{ "winpop_log_events", "level", "Events by level, whether written or not",
	  METER_LOGGED + LV_CRIT, 5,
	  (const char *const[]){ "crit", "warn", "info", "trace", "note" } },
};

static void put_counted(struct metrics *m, const struct meters *from)
{
	for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
		const struct counted *c = &counted[i];

		metrics_family(m, c->name, METRIC_COUNTER, c->help);
		for (unsigned k = 0; k < c->n; k++)
			metrics_row_n(m, meter_sum(from, c->first + k), c->label,
				      c->label ? c->value[k] : NULL, NULL);
	}
}

/* Pairs that never happened are left out, but for the sum of what matters most: each way's right and wrong passwords. */
static void put_signins(struct metrics *m, const struct meters *from, const char *name,
			unsigned first, const char *help)
{
	metrics_family(m, name, METRIC_COUNTER, help);
	for (unsigned mech = 0; mech < METER_MECHS; mech++) {
		for (unsigned result = 0; result < METER_RESULTS; result++) {
			uint64_t n = meter_sum(from, first + mech * METER_RESULTS + result);

			if (n > 0 || result <= SIGNIN_WRONG)
				metrics_row_n(m, n, "mechanism", meter_mech_name(mech), "result",
					      meter_result_name(result), NULL);
		}
	}
}

/* Classes that no delivery ends with have no row. */
static void put_deliveries(struct metrics *m, const struct meters *from)
{
	static const enum ec shown[] = { EC_OK,   EC_ABSENT, EC_REFUSED, EC_QUOTA,
					 EC_BUSY, EC_TEMP,   EC_BROKEN };
	uint64_t rest = 0;

	metrics_family(m, "winpop_deliveries", METRIC_COUNTER,
		       "Recipients of mail, by what became of it");
	for (unsigned class = 0; class < EC_COUNT; class ++)
		rest += meter_sum(from, METER_DELIVERIES + class);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		uint64_t n = meter_sum(from, METER_DELIVERIES + shown[i]);

		rest -= n < rest ? n : rest;
		metrics_row_n(m, n, "result", ec_name(shown[i]), NULL);
	}
	metrics_row_n(m, rest, "result", "other", NULL);
}

static void put_event(void *ctx, const char *event, uint64_t n)
{
	metrics_row_n(ctx, n, "event", event, NULL);
}

void metrics_counted(struct metrics *m, struct log_sink *sink)
{
	const struct log log = { .sink = sink };
	const struct meters *from = log_meters(&log);

	put_signins(m, from, "winpop_signins", METER_SIGNINS, "POP3 sign-ins, by what came of it");
	put_signins(m, from, "winpop_smtp_signins", METER_SMTP_SIGNINS,
		    "Sign-ins of the MTA's clients, by what came of it");
	put_deliveries(m, from);
	put_counted(m, from);
	histograms_put(m, from);
	metrics_family(m, "winpop_events", METRIC_COUNTER,
		       "Events of the log by name, whether written or not");
	log_each_count(sink, put_event, m);
}

/* metrics.h - numbers as OpenMetrics text, or as the older text format of Prometheus.
 *
 * A family has a name, a type and a help text, and rows of one number each; this writes them so that a scraper takes them. What
 * the log and its meters have counted has its names here; whoever knows more (how many sessions there are now) adds families of
 * his own. Both formats come from the same calls, so no number can be in one of them only.
 *
 *	metrics_begin(&m, METRICS_OPEN);
 *	metrics_family(&m, "winpop_sessions", METRIC_GAUGE, "POP3 sessions now, by state");
 *	metrics_row(&m, 3, "state", "signed_in");
 *	metrics_counted(&m, sink);
 *	text = metrics_end(&m);
 *
 * Label values are escaped; names are ours. Thread: one at a time.
 */
#pragma once
#include <stdint.h>
#include "server/base/buf.h"
#include "server/base/log.h"

enum metrics_form {
	METRICS_OPEN,    /* application/openmetrics-text; version=1.0.0 */
	METRICS_CLASSIC, /* text/plain; version=0.0.4 */
};
enum metric { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

struct metrics {
	enum metrics_form form;
	struct buf text;
	const char *name; /* of the present family; lent */
	enum metric type;
};

void metrics_begin(struct metrics *m, enum metrics_form form);
/* name: without the _total of counters, which is put behind it. help: a sentence without its full stop. */
void metrics_family(struct metrics *m, const char *name, enum metric type, const char *help);
/* Pairs of label and value, then NULL. */
void metrics_row(struct metrics *m, double value, ...) __attribute__((sentinel));
void metrics_row_n(struct metrics *m, uint64_t value, ...) __attribute__((sentinel));
/* Everything that was counted beside the log. */
void metrics_counted(struct metrics *m, struct log_sink *sink);
/* What the kernel knows of this process. */
void metrics_process(struct metrics *m);
/* malloc'ed. */
char *metrics_end(struct metrics *m);

const char *metrics_content_type(enum metrics_form form);
/* What a client takes that says so in Accept (NULL: it does not say). */
enum metrics_form metrics_form_for(const char *accept);

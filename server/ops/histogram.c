/* histogram.c - buckets that add up.
 *
 * A meter counts each time in one bucket, which is one addition where it is measured; scrapers want each bucket to hold the ones
 * before it too. That sum is made here, and so count and last bucket cannot differ, whatever was added meanwhile.
 */
#include <stdio.h>
#include "server/ops/histogram.h"

static const struct {
	const char *name, *help;
} spans[METER_SPANS] = {
	[SPAN_SIGNIN] = { "winpop_signin_seconds",
			  "What the service took for a POP3 sign-in, from PASS, APOP or AUTH to "
			  "its "
			  "answer, without waiting for the client and penalties" },
	[SPAN_RETRIEVAL] = { "winpop_retrieval_seconds",
			     "From RETR to the last octet of the message handed to the kernel" },
	[SPAN_DELIVERY] = { "winpop_delivery_seconds",
			    "From the end of a message that came by LMTP to its answers" },
	[SPAN_DIRECTORY] = { "winpop_directory_operation_seconds",
			     "What one operation with the directory took" },
};

static void put_bucket(struct buf *b, const char *name, double bound_s, uint64_t n)
{
	buf_fmt(b, "%s_bucket{le=\"%.15g\"} %llu\n", name, bound_s, (unsigned long long)n);
}

static void put(struct metrics *m, const char *name, const struct meter_spread *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < METER_BOUNDS; i++) {
		n += s->n[i];
		put_bucket(&m->text, name, (double)meter_bound_us[i] / 1e6, n);
	}
	n += s->n[METER_BOUNDS];
	buf_fmt(&m->text, "%s_bucket{le=\"+Inf\"} %llu\n%s_count %llu\n%s_sum %.15g\n", name,
		(unsigned long long)n, name, (unsigned long long)n, name, (double)s->us / 1e6);
}

void histograms_put(struct metrics *m, const struct meters *from)
{
	for (unsigned i = 0; i < METER_SPANS; i++) {
		struct meter_spread s;

		meter_spread(from, i, &s);
		metrics_family(m, spans[i].name, METRIC_HISTOGRAM, spans[i].help);
		put(m, spans[i].name, &s);
	}
}

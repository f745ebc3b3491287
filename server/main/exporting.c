/* exporting.c - metrics and health over HTTP, on the keeper's loop: it serves no session, and a scrape delays none. */
#include <string.h>
#include "server/main/figures.h"
#include "server/ops/exporter.h"

static char *metrics(void *ctx, enum metrics_form form)
{
	return figures_metrics(ctx, form);
}

static bool health(void *ctx, struct err *why)
{
	return figures_health(ctx, why);
}

enum ec exporting_open(struct winpopd *w, struct err *e)
{
	const struct exporter_setup setup = {
		.loop = w->keeper,
		.addresses = w->conf->metrics_address,
		.port = w->conf->metrics_port,
		.metrics = metrics,
		.health = health,
		.ctx = w,
	};

	return setup.port ? exporter_new(&setup, &w->exporter, e) : EC_OK;
}

/* The old one has to go first: they may share an address. So this comes after everything that could refuse the new settings, and
 * an address that cannot be had costs metrics, not the reload. */
void exporting_renew(struct winpopd *w, const struct conf *was)
{
	struct err e;

	if (was->metrics_port == w->conf->metrics_port &&
	    strcmp(was->metrics_address, w->conf->metrics_address) == 0)
		return;
	exporter_free(&w->exporter);
	if (exporting_open(w, &e) != EC_OK)
		log_event(&w->log, LV_CRIT, "metrics-failed", KV("class", ec_name(e.class)),
			  KV("text", e.text));
}

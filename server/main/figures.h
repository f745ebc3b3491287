/* figures.h - how the service is, in numbers: for `winpop status` and for metrics, from one table. Thread: the keeper's. */
#pragma once
#include "server/main/winpopd.h"
#include "server/ops/metrics.h"

struct json_t;

void figures_status(struct winpopd *w, struct json_t *reply);
/* malloc'ed; everything there is to tell. */
char *figures_metrics(struct winpopd *w, enum metrics_form form);
/* Should clients be sent here? False: why not. */
bool figures_health(const struct winpopd *w, struct err *why);

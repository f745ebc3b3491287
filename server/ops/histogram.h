/* histogram.h - times that were measured, as families of metrics. Private to server/ops. */
#pragma once
#include "server/base/meter.h"
#include "server/ops/metrics.h"

void histograms_put(struct metrics *m, const struct meters *from);

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_METRICS_SELF_H
#define OTR_METRICS_SELF_H

/* metrics_self.h - what otrace itself loses and costs, as metrics. */

#include "exporters/series.h"

struct otr_buf;

/* Appends them. */
void otr_metrics_self(struct otr_buf *out, enum otr_page page);

#endif /* OTR_METRICS_SELF_H */

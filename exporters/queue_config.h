/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_QUEUE_CONFIG_H
#define OTR_QUEUE_CONFIG_H

/* queue_config.h - OTEL_BSP_*, and which exporter a URL is for. */

#include <stddef.h>
#include <stdint.h>

struct otr_destination;
struct otr_err;
struct otr_exporter_ops;

struct otr_queue_config {
	size_t queue_max, batch_max; /* spans */
	uint64_t delay_ns;	     /* before a batch that is not full goes */
	uint64_t push_ns;	     /* one try; UINT64_MAX: no limit */
};

/* Reads OTEL_BSP_*; what is no number or out of range is warned of and ignored. */
void otr_queue_config_read(struct otr_queue_config *cfg);

/* The row of otr_exporters[] for the scheme of `dest`, or NULL with the reason in
 * `err`. The variable for all signals gives way to that for traces. */
const struct otr_exporter_ops *otr_exporter_of(struct otr_destination *dest, struct otr_err *err);

#endif /* OTR_QUEUE_CONFIG_H */

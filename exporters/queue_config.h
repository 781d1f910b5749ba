/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_QUEUE_CONFIG_H
#define OTR_QUEUE_CONFIG_H

/* queue_config.h - OTEL_BSP_*: the bounds of a queue. */

#include <stddef.h>
#include <stdint.h>

struct otr_queue_config {
	size_t queue_max, batch_max; /* spans */
	uint64_t delay_ns;	     /* how long a batch that is not full waits */
	uint64_t push_ns;	     /* for one push; UINT64_MAX: no limit */
};

/* Reads OTEL_BSP_*. Warns of a value that is no number or out of range, and ignores it. */
void otr_queue_config_read(struct otr_queue_config *cfg);

#endif /* OTR_QUEUE_CONFIG_H */

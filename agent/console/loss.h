/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_LOSS_H
#define OTR_CONSOLE_LOSS_H

/* loss.h - what was lost, in words. */

#include <stdint.h>

#include "agent/base/loss.h"

struct otr_buf;

/* The losses that LOST lines have reported. */
struct otr_losses_shown {
	uint64_t sum[OTR_LOSS_MAX];
	uint64_t share[OTR_LOSS_SHARES]; /* by cause and service, as otr_loss_shares() gives them */
};

/* Which losses: all, those that make holes in traces, those between queue and backend. */
enum otr_losses {
	OTR_LOSSES_ALL,
	OTR_LOSSES_HOLES,
	OTR_LOSSES_SENT,
};

/* Appends "312 events (ring), 4 spans (cut: web 3, cart 1)". Unless `which` is ALL, the losses in
 * `shown` do not count. Returns the sum. */
uint64_t otr_console_losses(struct otr_buf *out, const struct otr_losses_shown *shown,
			    enum otr_losses which);

/* Sets `shown` to all losses up to now. */
void otr_console_losses_shown(struct otr_losses_shown *shown);

#endif /* OTR_CONSOLE_LOSS_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_CONSOLE_CONSOLE_STATE_H
#define OTR_CONSOLE_CONSOLE_STATE_H

/* console_state.h - what a console keeps. Inside of console/ only. */

#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/console/console_config.h"
#include "agent/console/loss.h"
#include "agent/console/pending.h"
#include "agent/console/stats.h"
#include "agent/console/style.h"
#include "agent/view/node.h"

/* The traces that were to be printed in this second, and those that were. */
struct otr_flood {
	uint64_t began_ns;
	uint64_t traces, printed;
};

struct otr_console {
	struct otr_console_config cfg;
	struct otr_console_style look;
	struct otr_pendings pending;
	struct otr_stats stats;
	struct otr_flood flood;
	uint64_t now_ns;	  /* of the last tick */
	uint64_t epoch_ns, at_ns; /* the latest end of a span, and `now_ns` when it came */
	struct otr_losses_shown losses;
	uint64_t losses_shown_ns; /* when the last LOST line was printed */
	uint64_t losses_checked;  /* otr_loss_sum() up to which nothing is left to report */
	uint64_t unwritten;	  /* blocks that were dropped */
	struct otr_buf out;
	struct otr_tree tree; /* of the trace that is complete now */
};

#endif /* OTR_CONSOLE_CONSOLE_STATE_H */

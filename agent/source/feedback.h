/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_FEEDBACK_H
#define OTR_SOURCE_FEEDBACK_H

/*
 * feedback.h - what the stages of the pipeline ask of the sources of its events.
 *
 * A source fills one struct and lends it: the stages call it directly. A replay has none, since
 * a recording cannot be captured otherwise any more.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bpf/event.h"

struct otr_feedback {
	/* How a direction of a connection is captured from its next run on; of each run or call
	 * at most `head_bytes`. */
	void (*policy)(void *arg, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		       uint32_t head_bytes);

	/* A message is longer than what is copied: until `want` is false the source emits
	 * OTR_EV_RUN with `open` = 1 while the run goes on. */
	void (*watch)(void *arg, uint64_t conn, enum otr_dir dir, bool want);

	/* Late evidence (OTR_EV_HANDOFF) has named a request of this process; or NULL. */
	void (*handoff)(void *arg, uint32_t tgid);

	void *arg; /* of all three */
};

#endif /* OTR_SOURCE_FEEDBACK_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_STITCH_CONFIG_H
#define OTR_STITCH_STITCH_CONFIG_H

/* stitch_config.h - what a stitcher is given when it is made, and what it gives. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_procs;
struct otr_proto_settings;
struct otr_samplers;
struct otr_span;

struct otr_stitch_config {
	size_t max_exchanges;	       /* live and lingering; one more evicts the oldest, counted */
	uint64_t hold_ns;	       /* how long a trace waits for late evidence */
	uint64_t answer_ns;	       /* how long a request waits for its answer */
	uint64_t together_ns;	       /* how long what is over waits for the rest of its trace */
	uint64_t seed;		       /* of trace and span ids */
	struct otr_procs *procs;       /* borrowed, for environments; or NULL */
	struct otr_samplers *samplers; /* borrowed; NULL: all traces are sampled */
	const struct otr_proto_settings *settings; /* borrowed, for describe(); NULL: defaults */
};

/* Called once for each span that is finished. It takes a reference to keep the span, and must
 * not call the stitcher. */
typedef void (*otr_span_fn)(void *arg, struct otr_span *span);

/* Called once for each group of joined exchanges that is complete on this host, after all its
 * spans. Several groups may have one trace id, which then comes several times. `flags`: of W3C
 * Trace Context, as in its spans. `proved`: no parent in it is weak. Spans that come later come
 * alone. */
typedef void (*otr_trace_fn)(void *arg, const uint8_t trace_id[16], uint8_t flags, bool proved);

/* Counts of all spans that were emitted, by how well their parents are known. */
struct otr_stitch_stats {
	uint64_t spans, traces;
	uint64_t proved, weak, roots, orphans, contradicted;
	uint64_t open;	   /* exchanges that are open now */
	uint64_t requests; /* that were understood, whatever became of them */
};

#endif /* OTR_STITCH_STITCH_CONFIG_H */

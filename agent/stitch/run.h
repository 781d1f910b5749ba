/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_RUN_H
#define OTR_STITCH_RUN_H

/* run.h - what the stitcher keeps of the program that `run` started; see process.h. Inside of
 * stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/keyed.h"
#include "agent/proto/trace_context.h"

/* Children of the first process; one more releases the first process. */
#define OTR_RUN_KIDS_MAX 4096

/* The first process, or one that descends from it. */
struct otr_descendant {
	UT_hash_handle hh;
	uint32_t tgid;
	uint8_t evidence; /* how it descends: OTR_EVIDENCE_EXEC or _CLONE */
	bool served;	  /* it or its parent served a connection, or it inherited a listener */
	bool listens;	  /* it has called listen() since its last exec */
};

struct otr_run {
	uint32_t tgid;		 /* the first process; 0: there is none */
	struct otr_exchange *ex; /* its exchange; NULL before it executes a program */
	struct otr_descendant *descendants;
	uint32_t emitted; /* children that were emitted, and processes that used it as a parent */
	bool env_has_ids; /* its environment has its ids: `own` */
	bool released;	  /* it becomes no span, and is no parent any more: see process.c */
	struct otr_traceparent own, outer; /* outer: its own parent; all zero: none */
};

#endif /* OTR_STITCH_RUN_H */

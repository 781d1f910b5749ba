/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_RUN_H
#define OTR_STITCH_RUN_H

/* run.h - what the stitcher keeps of the program that `run` started; see process.h. Inside of
 * stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/keyed.h"
#include "agent/proto/trace_context.h"

/* A process that `run` started, or one of its family. */
struct otr_descendant {
	UT_hash_handle hh;
	uint32_t tgid;
	uint8_t evidence; /* how it comes from the first: EXEC, CLONE */
	bool served;	  /* a connection, or its maker had; or it inherited a listener */
	bool listens;
};

struct otr_run {
	uint32_t tgid;		 /* of the first process; 0: there is none */
	struct otr_exchange *ex; /* stands for it; NULL before it executes */
	struct otr_descendant *descendants;
	uint32_t emitted; /* its children that are out, and who else named it */
	bool named;	  /* its children know it by `own`, from their environment */
	bool gone;	  /* let go of: no span */
	struct otr_traceparent own, outer; /* outer: all zero, if it had none itself */
};

#endif /* OTR_STITCH_RUN_H */

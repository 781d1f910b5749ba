/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_ROOT_H
#define OTR_STITCH_ROOT_H

/* root.h - the exchange of the first process of a run, as a possible parent. Inside of stitch/
 * only. */

#include <stdbool.h>

struct otr_exchange;
struct otr_stitch;
struct otr_traceparent;

/* `ctx` is read from the environment of the process of `ex`. If `ctx` names the first process,
 * `*root` is set to the exchange of the first process where that can be the parent of `ex`;
 * otherwise `ctx` becomes the parent of the first process. Returns false if the first process has
 * no parent. */
bool otr_root_from_env(struct otr_stitch *st, const struct otr_exchange *ex,
		       struct otr_traceparent *ctx, struct otr_exchange **root);

/* The exchange of the first process, if `ctx`, the context of a header, names it, and it can be a
 * parent still; else NULL. */
struct otr_exchange *otr_root_named(struct otr_stitch *st, const struct otr_traceparent *ctx);

/* Is `header`, which the library injected, in the trace of a first process that was released? Then
 * several pieces of work carry that trace id, and none of them owns it. */
bool otr_root_was_released(const struct otr_stitch *st, const struct otr_traceparent *header);

/* Has the first process, whose exchange is there, run for longer than a trace is kept together? */
bool otr_root_is_old(const struct otr_stitch *st);

/* Sets the resource of the exchange of the first process to what is known of its process now. */
void otr_root_learn(struct otr_stitch *st);

#endif /* OTR_STITCH_ROOT_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PRELOAD_RULES_H
#define OTR_PRELOAD_RULES_H

/* rules.h - the rules R1 to R10 of bpf/causality.h, for the threads of one process. */

#include <stdint.h>
#include <sys/uio.h>

#include "preload/base/shim.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* R1 to R4 for bytes that moved. Sets *cause if they begin a request. */
void otr_rules_moved(struct otr_self *self, struct otr_fd *f, int dir, int first, uint64_t pos,
		     uint64_t now, const struct iovec *iov, int n, struct otr_cause *cause);

/* R4 for the request that is about to go out on `f`: sets f->cause, unless it is set. */
void otr_rules_ask(struct otr_self *self, struct otr_fd *f, uint64_t now);

/* Before a call that sends on the socket `f`: clears f->cause if an earlier call, which sent
 * nothing, set it for an exchange for which this call is certainly not made. */
void otr_rules_recheck(struct otr_self *self, struct otr_fd *f);

/* R8: the connection `f` is about to be closed. */
void otr_rules_closed(struct otr_fd *f);

/* R10: the thread checked the connection `f`, and could neither read nor write. */
void otr_rules_touch(struct otr_self *self, struct otr_fd *f);

/* R9: the thread wrote to (`write` 1), or read from, the descriptor whose notify slot has this key.
 * 0: it read from a connection that another thread holds. */
void otr_rules_notify(struct otr_self *self, uint64_t key, int write, uint64_t now);

/* Sets *cause to `parent`, by the evidence `why`; does nothing if that is OTR_EVIDENCE_NONE. */
void otr_rules_cause(struct otr_cause *cause, const struct otr_xref *parent, enum otr_evidence why);

#pragma GCC visibility pop

#endif /* OTR_PRELOAD_RULES_H */

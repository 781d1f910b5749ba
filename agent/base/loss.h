/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LOSS_H
#define OTR_LOSS_H

/*
 * loss.h - everything that was lost, counted.
 *
 * Code that drops something adds to one counter. All threads share the counters; loss.def lists
 * them. What a process or one of its connections lost is counted by service too; what a ring
 * buffer of the kernel lost belongs to no service.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "bpf/event.h"

#define OTR_LOSS_SHARES 64 /* losses of further services are in the sums alone */

struct otr_loss_share {
	enum otr_loss cause;
	char service[48];
	uint64_t n;
};

/* Adds `n` to a counter. */
void otr_loss_add(enum otr_loss cause, uint64_t n);

/* Adds `n` to a counter and to the share of a service; an empty name is no service. */
void otr_loss_of(enum otr_loss cause, uint64_t n, struct otr_slice service);

/* Sets the reason of a loss, in words. The last reason is kept, its first line. */
void otr_loss_because(enum otr_loss cause, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define OTR_LOSS_REASON 200

/* Writes otr_loss_meaning(), and behind it the reason if one is known. */
void otr_loss_reason(enum otr_loss cause, char out[OTR_LOSS_REASON]);

/* Copies all shares; a share keeps its index. Returns their number. */
size_t otr_loss_shares(struct otr_loss_share out[OTR_LOSS_SHARES]);

/* The value of a counter. */
uint64_t otr_loss_get(enum otr_loss cause);

/* All counters together: while it stays, none of them changes. */
uint64_t otr_loss_sum(void);

/* True if anything was lost. */
bool otr_loss_any(void);

/* The columns of loss.def: the name ("ring"), what it counts ("events"), what it means. */
const char *otr_loss_word(enum otr_loss cause);
const char *otr_loss_unit(enum otr_loss cause);
const char *otr_loss_meaning(enum otr_loss cause);

#endif /* OTR_LOSS_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LOSS_H
#define OTR_LOSS_H

/*
 * loss.h - everything that was lost, counted.
 *
 * Whoever drops something adds to one row. Shared by all threads. Rows and their words:
 * agent/base/loss.def. What a process or a connection of it lost is counted by service, too;
 * what a ring of the kernel lost is nobody's in particular.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "bpf/event.h"

#define OTR_LOSS_SHARES 64 /* further services count in the sums alone */

struct otr_loss_share {
	enum otr_loss cause;
	char service[48];
	uint64_t n;
};

void otr_loss_add(enum otr_loss cause, uint64_t n);

/* Likewise, of a service; an empty name is nobody's. */
void otr_loss_of(enum otr_loss cause, uint64_t n, struct otr_slice service);

/* Why that was, in words: the last reason counts, its first line. */
void otr_loss_because(enum otr_loss cause, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define OTR_LOSS_REASON 200

/* What otr_loss_meaning() says, and the reason behind it where one is known. */
void otr_loss_reason(enum otr_loss cause, char out[OTR_LOSS_REASON]);

/* Gives every share so far; one keeps its place for good. Returns how many. */
size_t otr_loss_shares(struct otr_loss_share out[OTR_LOSS_SHARES]);

uint64_t otr_loss_get(enum otr_loss cause);

/* Was anything lost at all? */
bool otr_loss_any(void);

/* What people call it ("ring"), what it counts ("events"), what it means. */
const char *otr_loss_word(enum otr_loss cause);
const char *otr_loss_unit(enum otr_loss cause);
const char *otr_loss_meaning(enum otr_loss cause);

#endif /* OTR_LOSS_H */

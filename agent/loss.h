/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LOSS_H
#define OTR_LOSS_H

/*
 * loss.h - everything that was lost, counted.
 *
 * Whoever drops something adds to one row. Shared by all threads: the counters
 * are atomic. Rows and their words: agent/loss.def.
 */

#include <stdint.h>

#include "bpf/event.h"

void otr_loss_add(enum otr_loss cause, uint64_t n);

uint64_t otr_loss_get(enum otr_loss cause);

/* What people call it ("ring"), what it counts ("events"), what it means. */
const char *otr_loss_word(enum otr_loss cause);
const char *otr_loss_unit(enum otr_loss cause);
const char *otr_loss_meaning(enum otr_loss cause);

#endif /* OTR_LOSS_H */

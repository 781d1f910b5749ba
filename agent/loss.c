/* SPDX-License-Identifier: Apache-2.0 */
/* loss.c - everything that was lost, counted. */

#include "agent/loss.h"

#include <stdatomic.h>

static const struct {
	const char *word, *unit, *meaning;
} rows[OTR_LOSS_MAX] = {
#define OTR_LOSS_ROW(id, word, unit, meaning) \
	[OTR_LOSS_##id] = {word, unit, meaning},
#include "agent/loss.def"
#undef OTR_LOSS_ROW
};

static _Atomic uint64_t counts[OTR_LOSS_MAX];

void otr_loss_add(enum otr_loss cause, uint64_t n)
{
	atomic_fetch_add_explicit(&counts[cause], n, memory_order_relaxed);
}

uint64_t otr_loss_get(enum otr_loss cause)
{
	return atomic_load_explicit(&counts[cause], memory_order_relaxed);
}

const char *otr_loss_word(enum otr_loss cause)
{
	return rows[cause].word;
}

const char *otr_loss_unit(enum otr_loss cause)
{
	return rows[cause].unit;
}

const char *otr_loss_meaning(enum otr_loss cause)
{
	return rows[cause].meaning;
}

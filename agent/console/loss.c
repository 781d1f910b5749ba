/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loss.c - what was lost, in words: how much, of what, why, and of which service where that is
 * known.
 */

#include "agent/console/loss.h"

#include "agent/base/buf.h"
#include "agent/base/text.h"
#include "agent/view/units.h"

#define NAMED_MAX 3 /* services of one cause */

/* True if LOST lines of `which` report the cause. Neither HOLES nor SENT has causes that are shown
 * elsewhere: a cut span is marked in its trace, a parser that gave up is under "not seen", late
 * evidence makes no hole, and a block that was not written loses no span. */
static bool is_among(enum otr_loss cause, enum otr_losses which)
{
	switch (cause) {
	case OTR_LOSS_QUEUE:
	case OTR_LOSS_REFUSED:
	case OTR_LOSS_EXPORT:
		return which != OTR_LOSSES_HOLES;
	case OTR_LOSS_OUTPUT:
	case OTR_LOSS_RECORDING:
	case OTR_LOSS_CUT:
	case OTR_LOSS_PARSE:
	case OTR_LOSS_LATE:
		return which == OTR_LOSSES_ALL;
	default:
		return which != OTR_LOSSES_SENT;
	}
}

/* The shares of `cause`; without `all`, less what was reported before. Returns their number. */
static size_t unreported_shares(const struct otr_losses_shown *shown, enum otr_loss cause, bool all,
				struct otr_loss_share out[OTR_LOSS_SHARES])
{
	size_t n = otr_loss_shares(out), kept = 0;

	for (size_t i = 0; i < n; i++) {
		out[i].n -= all ? 0 : shown->share[i];
		if (out[i].cause == cause && out[i].n)
			out[kept++] = out[i];
	}
	return kept;
}

/* The largest share. */
static struct otr_loss_share *largest(struct otr_loss_share *sh, size_t n)
{
	struct otr_loss_share *best = sh;

	for (size_t i = 1; i < n; i++)
		if (sh[i].n > best->n)
			best = &sh[i];
	return best;
}

static void by_service(struct otr_buf *out, const struct otr_losses_shown *shown,
		       enum otr_loss cause, bool all)
{
	struct otr_loss_share sh[OTR_LOSS_SHARES], *best;
	size_t n = unreported_shares(shown, cause, all, sh);
	char count[OTR_UNITS];

	for (size_t i = 0; i < n && i < NAMED_MAX; i++) {
		best = largest(sh, n);
		otr_buf_str(out, i ? ", " : ": ");
		otr_text_escape(out, otr_slice_str(best->service));
		otr_buf_printf(out, " %s", otr_units_count(best->n, count));
		best->n = 0;
	}
	otr_buf_str(out, n > NAMED_MAX ? ", .." : "");
}

uint64_t otr_console_losses(struct otr_buf *out, const struct otr_losses_shown *shown,
			    enum otr_losses which)
{
	bool all = which == OTR_LOSSES_ALL;
	uint64_t sum = 0, n;
	char count[OTR_UNITS];

	for (int i = 0; i < OTR_LOSS_MAX; i++) {
		enum otr_loss cause = (enum otr_loss)i;

		n = otr_loss_get(cause) - (all ? 0 : shown->sum[i]);
		if (!n || !otr_loss_word(cause) || !is_among(cause, which))
			continue;
		otr_buf_printf(out, "%s%s %s (%s", sum ? ", " : "", otr_units_count(n, count),
			       otr_loss_unit(cause), otr_loss_word(cause));
		by_service(out, shown, cause, all);
		otr_buf_byte(out, ')');
		sum += n;
	}
	return sum;
}

void otr_console_losses_shown(struct otr_losses_shown *shown)
{
	struct otr_loss_share sh[OTR_LOSS_SHARES];
	size_t n = otr_loss_shares(sh);

	for (int i = 0; i < OTR_LOSS_MAX; i++)
		shown->sum[i] = otr_loss_get((enum otr_loss)i);
	for (size_t i = 0; i < n; i++)
		shown->share[i] = sh[i].n;
}

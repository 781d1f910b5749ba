/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - the progress of work that takes longer than a second; see progress.h. */

#include "agent/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/view/units.h"

#define LONG_NS	    OTR_NS_PER_S
#define ESTIMATE_NS (5 * OTR_NS_PER_S)
#define AGAIN_NS    (OTR_NS_PER_S / 5)

void otr_progress_begin(struct otr_progress *p, const char *cmd, const char *what, uint64_t total,
			bool quiet)
{
	*p = (struct otr_progress){
		.cmd = cmd,
		.what = what,
		.total = total,
		.began_ns = otr_now(),
		.quiet = quiet,
		.terminal = isatty(STDERR_FILENO),
	};
}

static void report_line(struct otr_progress *p, uint64_t bytes, uint64_t spans, uint64_t now_ns)
{
	char done[OTR_UNITS], all[OTR_UNITS], n[OTR_UNITS], left[40] = "";
	double share = p->total ? (double)bytes / (double)p->total : 0;

	if (now_ns - p->began_ns > ESTIMATE_NS && share > 0 && share <= 1)
		snprintf(left, sizeof(left), ", %.0f s left",
			 (double)(now_ns - p->began_ns) / 1e9 * (1 / share - 1));
	fprintf(stderr, "\rotrace %s: %.200s %s of %s, %s spans%s\033[K", p->cmd, p->what,
		otr_units_bytes(bytes, done), otr_units_bytes(p->total, all),
		otr_units_count(spans, n), left);
}

void otr_progress_report(struct otr_progress *p, uint64_t bytes, uint64_t spans)
{
	char all[OTR_UNITS];
	uint64_t now_ns;

	now_ns = otr_now();
	if (now_ns - p->began_ns < LONG_NS || now_ns - p->reported_ns < AGAIN_NS)
		return;
	if (p->terminal)
		report_line(p, bytes, spans, now_ns);
	else if (!p->reported_ns)
		fprintf(stderr, "otrace %s: reading %.200s, %s\n", p->cmd, p->what,
			otr_units_bytes(p->total, all));
	p->reported_ns = now_ns;
}

void otr_progress_end(struct otr_progress *p, uint64_t spans)
{
	char n[OTR_UNITS];

	if (!p->reported_ns)
		return;
	if (p->terminal)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "otrace %s: read %.200s, %s spans in %.0f s\n", p->cmd, p->what,
			otr_units_count(spans, n), (double)(otr_now() - p->began_ns) / 1e9);
}

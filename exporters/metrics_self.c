/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_self.c - what otrace itself loses and costs: the counters of loss.def, and the metrics that
 * clients of Prometheus have by convention (process_*). */

#include "exporters/metrics_self.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/loss.h"
#include "agent/base/usage.h"
#include "agent/base/version.h"
#include "exporters/series.h"

static void put_losses(struct otr_buf *out, enum otr_page page)
{
	otr_metric_head(out, page, "otrace_lost_total", "counter",
			"What was lost, by cause: otrace is blind for these.");
	for (int i = OTR_LOSS_NONE + 1; i < OTR_LOSS_MAX; i++)
		otr_buf_printf(out, "otrace_lost_total{cause=\"%s\",unit=\"%s\"} %" PRIu64 "\n",
			       otr_loss_word(i), otr_loss_unit(i), otr_loss_get(i));
}

static uint64_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n > 3 ? n - 3 : 0; /* ".", ".." and its own */
}

/* Since the epoch; 0: unknown. Field 22 of stat(5) counts ticks since the boot. */
static double start_time(void)
{
	unsigned long long ticks = 0;
	char text[1024], *end;
	FILE *f = fopen("/proc/self/stat", "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	end = strrchr(text, ')');
	for (int field = 2; end && field < 22; field++)
		end = strchr(end + 1, ' ');
	if (!end || sscanf(end, " %llu", &ticks) != 1)
		return 0;
	return (double)otr_clock(CLOCK_REALTIME) / 1e9 - (double)otr_clock(CLOCK_BOOTTIME) / 1e9 +
	       (double)ticks / 100;
}

void otr_metrics_self(struct otr_buf *out, enum otr_page page)
{
	put_losses(out, page);
	otr_metric_head(out, page, "otrace_build_info", "info", "The version of otrace.");
	otr_buf_str(out, "otrace_build_info{version=\"" OTR_VERSION "\"} 1\n");
	otr_metric_head(out, page, "process_cpu_seconds_total", "counter",
			"CPU time of otrace, user and system.");
	otr_buf_printf(out, "process_cpu_seconds_total %.6f\n", (double)otr_usage_cpu_ns() / 1e9);
	otr_metric_head(out, page, "process_resident_memory_bytes", "gauge",
			"Memory of otrace that is resident.");
	otr_buf_printf(out, "process_resident_memory_bytes %" PRIu64 "\n", otr_usage_rss());
	otr_metric_head(out, page, "process_open_fds", "gauge", "Open files of otrace.");
	otr_buf_printf(out, "process_open_fds %" PRIu64 "\n", open_files());
	otr_metric_head(out, page, "process_start_time_seconds", "gauge",
			"When otrace was started, since the epoch.");
	otr_buf_printf(out, "process_start_time_seconds %.2f\n", start_time());
}

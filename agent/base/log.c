/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - one logfmt line on stderr. */

#include "agent/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/text.h"

static enum otr_log_level shown = OTR_LOG_WARN;

void otr_log_set(enum otr_log_level level)
{
	shown = level;
}

static void stamp(struct otr_buf *out, enum otr_log_level level)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	otr_buf_printf(out, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ level=%s msg=\"",
		       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		       tm.tm_sec, now.tv_nsec / 1000000, names[level]);
}

void otr_log(enum otr_log_level level, const char *fmt, ...)
{
	struct otr_buf out = {0};
	char text[1024];
	va_list ap;

	if (level > shown)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	stamp(&out, level);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			otr_buf_byte(&out, '\\');
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			otr_buf_printf(&out, "\\x%02x", (unsigned char)*c);
		else
			otr_buf_byte(&out, *c);
	}
	otr_buf_str(&out, "\"\n");
	if (!out.rc && write(STDERR_FILENO, out.data, out.len) < 0) {
		/* stderr is closed: the line cannot be written */
	}
	otr_buf_fini(&out);
}

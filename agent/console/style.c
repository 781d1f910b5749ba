/* SPDX-License-Identifier: Apache-2.0 */
/* style.c - how text is drawn, by the options, the environment and the terminal. */

#include "agent/console/style.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/config/settings.h"
#include "agent/console/console_config.h"

#define WIDTH_MIN 40 /* narrower terminals wrap the lines */
#define WIDTH_MAX 200
#define SECOND	  1000000000ull

static bool locale_is_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *value = NULL;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(names) && !(value && *value); i++)
		value = getenv(names[i]);
	if (!value)
		return false;
	value = strrchr(value, '.');
	return value && (!strncasecmp(value, ".utf-8", 6) || !strncasecmp(value, ".utf8", 5));
}

static bool wants_color(const struct otr_console_config *cfg)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if (cfg->cfg->color != OTR_COLOR_AUTO)
		return cfg->cfg->color == OTR_COLOR_ALWAYS;
	return cfg->terminal && !(none && *none) && !(term && !strcmp(term, "dumb"));
}

static unsigned int terminal_columns(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) ? 0 : size.ws_col;
}

void otr_console_style_measure(struct otr_console_style *look, const struct otr_console_config *cfg)
{
	const char *columns = getenv("COLUMNS");
	unsigned int width = cfg->width;

	if (!width && columns)
		width = (unsigned int)strtoul(columns, NULL, 10);
	if (!width && cfg->terminal)
		width = terminal_columns(cfg->fd);
	if (!width)
		width = cfg->terminal ? 80 : 100;
	look->whole = !cfg->terminal && !cfg->width;
	look->width = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
}

void otr_console_style_init(struct otr_console_style *look, const struct otr_console_config *cfg)
{
	look->ascii = cfg->cfg->ascii || !locale_is_utf8();
	look->color = wants_color(cfg);
	look->verbose = cfg->cfg->verbose;
	otr_console_style_measure(look, cfg);
}

void otr_console_clock(struct otr_buf *out, uint64_t epoch_ns, bool ms)
{
	time_t s = (time_t)(epoch_ns / SECOND);
	struct tm tm;

	localtime_r(&s, &tm);
	otr_buf_printf(out, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (ms)
		otr_buf_printf(out, ".%03u", (unsigned int)(epoch_ns / 1000000 % 1000));
}

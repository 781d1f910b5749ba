/* SPDX-License-Identifier: Apache-2.0 */
/* report.c - where `otrace run` prints traces; see report.h. */

#include "agent/report.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/out_file.h"
#include "agent/settings.h"

static int open_output(const struct otr_settings *cfg, const char *program, int *fd,
		       struct otr_err *err)
{
	*fd = otr_out_open("-o ", cfg->output, 0, err);
	if (*fd >= 0)
		return 0;
	otr_err_hint(err, "%s not started", program);
	return *fd;
}

int otr_report_open(const struct otr_settings *cfg, const char *program, int *fd, bool *shared,
		    struct otr_err *err)
{
	*fd = -1;
	*shared = false;
	if (cfg->output)
		return open_output(cfg, program, fd, err);
	if (isatty(STDOUT_FILENO) || isatty(STDERR_FILENO)) {
		*fd = open("/dev/tty", O_WRONLY | O_CLOEXEC | O_NOCTTY);
		*shared = *fd >= 0;
		if (*shared)
			return 0;
	}
	if (cfg->quiet || cfg->record || (cfg->exports && cfg->exports[0]))
		return 0;
	otr_err_set(err,
		    "nowhere to show traces: neither stdout nor stderr is a terminal; %s "
		    "not started",
		    program);
	otr_err_hint(err, "try  -o FILE, -o /dev/stderr, or --export URL");
	return -ENOTTY;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - writes blocks to the descriptor of a console.
 *
 * Each block is whole lines in one write(2). On a terminal that CMD writes to as well, each block
 * begins with COLUMNS blanks and \r: the cursor moves to the next line only if CMD left it inside
 * a line.
 */

#include "agent/console/output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/config/settings.h"
#include "agent/console/cells.h"
#include "agent/console/console_state.h"

/* Waits 200 ms at most: a terminal that is stopped with Ctrl-S must not stop the tracing. */
static bool writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, 200) > 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		if (!writable(fd))
			return -EAGAIN;
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

void otr_console_unwritten(struct otr_console *con, int rc)
{
	const char *where = con->cfg.cfg->output;

	con->unwritten++;
	otr_loss_add(OTR_LOSS_OUTPUT, 1);
	otr_loss_because(OTR_LOSS_OUTPUT, "%s: %s", where ? where : "the terminal",
			 rc == -EAGAIN ? "it took nothing for 200 ms" : strerror(-rc));
}

void otr_console_write_to(struct otr_console *con, int fd)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf all = {0};
	int rc;

	if (con->cfg.shared && con->out.len) {
		otr_cells_blank(&all, con->look.width);
		otr_buf_byte(&all, '\r');
	}
	otr_buf_slice(&all, otr_buf_view(&con->out));
	rc = con->out.rc ? con->out.rc : all.rc;
	if (!rc)
		rc = write_all(fd, all.data, all.len);
	if (rc)
		otr_console_unwritten(con, rc);
	otr_buf_reset(&con->out);
}

void otr_console_flush(struct otr_console *con)
{
	otr_console_write_to(con, con->cfg.fd);
}

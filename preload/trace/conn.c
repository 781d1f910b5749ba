/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c - a connection begins, is checked again, and ends; see conn.h, and fd.c. */

#include "preload/trace/conn.h"

#include <stddef.h>

#include "preload/base/fd.h"
#include "preload/base/hold.h"
#include "preload/base/sys.h"
#include "preload/ring/emit.h"
#include "preload/trace/flow.h"
#include "preload/trace/rules.h"

struct otr_fd *otr_fd_recheck(int fd, struct otr_fd *f)
{
	if (otr_fd_is_same(fd, f))
		return f;
	otr_fd_closed(fd);
	return otr_fd_of(fd);
}

/* Emits the end of a connection; not of one that this process has inherited and never used: that
 * goes on in the parent. */
static void end(int fd, struct otr_fd *f)
{
	otr_rules_closed(f);
	if (f->announced_by != otr_shim.pid)
		return;
	otr_end_runs(f);
	otr_emit_conn(fd, f, OTR_EV_CONN_CLOSE, f->error);
}

void otr_fd_closed(int fd)
{
	struct otr_fd *f = otr_fd_slot(fd);

	/* A child of vfork() closes descriptors of its own, but shares our memory. */
	if (!f || otr_get(&f->kind) == OTR_FD_NEW || otr_sys_getpid() != otr_shim.pid ||
	    !otr_hold(f))
		return;
	if (f->kind == OTR_FD_STREAM && !otr_fd_pass_on(f) &&
	    f->reader_gen == otr_get(&otr_shim.reader_gen))
		end(fd, f);
	otr_fd_forget(f);
}

void otr_fd_made(int fd, int role)
{
	struct otr_fd *f = otr_fd_make_slot(fd);
	int is_new;

	if (!f || !otr_hold(f) || otr_fd_is_stale(f))
		return;
	is_new = role != OTR_ROLE_CLIENT || (f->kind == OTR_FD_STREAM && otr_fd_is_other(fd, f));
	if (f->kind == OTR_FD_STREAM && is_new)
		otr_put(&otr_shim.missed_close, 1);
	if (f->kind != OTR_FD_STREAM || is_new)
		otr_fd_closed(fd);
	if (f->kind != OTR_FD_STREAM)
		otr_put(&f->kind, OTR_FD_NEW);
	otr_put(&f->role, (uint8_t)role);
	f->seen_open = 1;
}

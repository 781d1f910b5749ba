/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_fakes.c - functions of the library as most of its unit tests replace them: nothing is
 * emitted or shed, no other thread exists. They are weak: a test that needs another one defines it,
 * and an object that the test links with the real one is used instead.
 */

#include <stdlib.h>

#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/hold.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/ring/emit.h"
#include "preload/ring/reader_change.h"
#include "preload/ring/ring.h"
#include "preload/trace/conn.h"
#include "preload/trace/flow.h"
#include "preload/trace/header.h"
#include "preload/trace/layer.h"
#include "preload/trace/shed.h"
#include "preload/trace/user_copy.h"

#define WEAK __attribute__((weak))

WEAK void *otr_alloc_once(void *place, size_t size)
{
	void **at = place;

	if (!*at)
		*at = calloc(1, size);
	return *at;
}

WEAK uint64_t otr_clock_ns(void)
{
	return 1;
}

WEAK int otr_hold(struct otr_fd *f)
{
	(void)f;
	return 1;
}

WEAK int otr_on_other_stack(void)
{
	return 0;
}

WEAK void otr_count(enum otr_shim_count what)
{
	(void)what;
}

WEAK int otr_has_ended(int32_t tid)
{
	(void)tid;
	return 0;
}

WEAK int otr_is_single_threaded(void)
{
	return 0;
}

WEAK void otr_emit_process(void)
{
}

WEAK void otr_emit_environment(void)
{
}

WEAK void otr_take_session(const struct otr_ring *ring)
{
	(void)ring;
}

WEAK int otr_ring_ready(void)
{
	return 1;
}

WEAK void otr_mark_propagates(void)
{
}

WEAK int otr_ring_is_behind(void)
{
	return 0;
}

WEAK struct otr_fd *otr_fd_recheck(int fd, struct otr_fd *f)
{
	(void)fd;
	return f;
}

WEAK void otr_end_runs(struct otr_fd *f)
{
	(void)f;
}

WEAK void otr_inbound_ids(struct otr_inbound *sv, const struct otr_fd *f, const struct iovec *iov,
			  int n)
{
	(void)sv, (void)f, (void)iov, (void)n;
}

WEAK void otr_reader_blocks(void)
{
}

WEAK struct otr_fd *otr_fd_upper(struct otr_fd *f)
{
	return f;
}

WEAK int otr_will_shed(const struct otr_fd *f, int dir)
{
	(void)f, (void)dir;
	return 0;
}

WEAK void otr_copy_free(struct otr_copy *c)
{
	(void)c;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* shim.c - the state of the library, and its counters and switches; see shim.h. */

#include "preload/base/shim.h"

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "preload/base/sys.h"

struct otr_shim otr_shim = {.off = &otr_shim.idle, .idle = 1};

int otr_on_other_stack(void)
{
	stack_t at;

	return otr_sys(SYS_sigaltstack, NULL, &at) || at.ss_flags & SS_ONSTACK;
}

void otr_count(enum otr_shim_count what)
{
	if (otr_ring_now())
		__atomic_fetch_add(&otr_ring_now()->counts[what], 1, __ATOMIC_RELAXED);
}

int otr_switch_is_on(uint32_t flag)
{
	const struct otr_ring *ring = otr_ring_now();

	return (otr_shim.switches.flags & flag) || (ring && (ring->switches.flags & flag));
}

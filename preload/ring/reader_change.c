/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader_change.c - another agent reads the ring from now on. That agent has not read the records
 * before, and while no agent read the ring, the library did not follow the connections.
 *
 * So each connection is announced again at its present position; a connection that may be
 * midstream gets no header; and the causality rules begin again. The state of a descriptor or
 * thread is dropped at its next use (`reader_gen`), since other threads may use it at this moment.
 * The unsent part of a header is kept: it has to be sent.
 */

#include "preload/ring/reader_change.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/base/shim.h"
#include "preload/base/sys.h"

void otr_take_session(const struct otr_ring *ring)
{
	char session[OTR_RING_SESSION];
	size_t len, name;

	memcpy(session, ring->session, sizeof(session));
	len = strnlen(session, sizeof(session));
	name = strcspn(session, ".");
	if (len == sizeof(session) || !name || name + 1 >= len)
		return;
	memcpy(otr_shim.session, session, len);
	otr_shim.session_len = (uint16_t)len;
	otr_shim.name_len = (uint16_t)name;
}

/* In a child after fork, which has one thread: sets `size` bytes to zero and gives their pages back
 * to the kernel. */
static void zero_pages(void *room, size_t size)
{
	if (room && otr_sys_madvise(room, size, MADV_DONTNEED))
		memset(room, 0,
		       size); /* the madvise() fails if the program has locked its memory */
}

void otr_reader_changed_child(const struct otr_ring *parents)
{
	if (!parents || (!parents->off && parents->gen == otr_shim.reader_gen))
		return;
	memset(otr_shim.notify_slots, 0, sizeof(otr_shim.notify_slots));
	zero_pages(otr_shim.inbounds, OTR_EXCHS * sizeof(*otr_shim.inbounds));
	otr_shim.reader_gen++;
}

/* Other threads may use an exchange or a notify slot at this moment. So each exchange ends as if it
 * were answered and keeps its slot, and the next thread that uses a notify slot drops its token. */
static void end_all(struct otr_shim *sh)
{
	struct otr_inbound *all = __atomic_load_n(&sh->inbounds, __ATOMIC_ACQUIRE);
	struct otr_exch *ex;

	for (uint32_t i = 0; all && i < OTR_EXCHS; i++) {
		ex = &all[i].exch;
		otr_exch_end(ex, otr_get(&ex->tgid) == (uint32_t)sh->pid ? &sh->proc : NULL);
	}
	for (uint32_t i = 0; i < OTR_NOTIFY_SLOTS; i++)
		__atomic_store_n(&sh->notify_slots[i].contended, 1, __ATOMIC_RELEASE);
}

static void forget(struct otr_ring *ring)
{
	struct otr_shim *sh = &otr_shim;

	end_all(sh);
	otr_proc_state_again(&sh->proc);
	for (uint32_t i = 0; i < OTR_RING_RUNS; i++)
		__atomic_store_n(&ring->runs[i].key, 0, __ATOMIC_RELEASE);
	ring->propagates = 1; /* the process may have sent requests while no agent read the ring */
	sh->reader_is_behind = 0;
	sh->is_server = 1; /* the trace in which the process was started is over */
}

int otr_reader_changed(void)
{
	struct otr_ring *ring = otr_ring_now();
	uint8_t yes = OTR_ALIVE_YES;
	int error = errno;

	/* One thread does this. Another thread, and a signal handler that interrupts it, only make
	 * their calls. */
	if (!__atomic_compare_exchange_n(otr_shim.alive, &yes, OTR_ALIVE_BEGINNING, 0,
					 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return 0;
	forget(ring);
	otr_take_session(ring);
	__atomic_store_n(&otr_shim.reader_gen, ring->gen, __ATOMIC_RELEASE);
	__atomic_store_n(otr_shim.alive, OTR_ALIVE_YES, __ATOMIC_RELEASE);
	errno = error;
	return 1;
}

void otr_self_forget(struct otr_self *self)
{
	memset(&self->strand, 0, sizeof(self->strand));
	self->reader_gen = otr_shim.reader_gen;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_adopt.c - adopts rings that were not offered to this agent, of processes that were started
 * before. The records in such a ring were written for another agent, or for none; they are skipped.
 */

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "agent/base/clock.h"
#include "agent/base/loss.h"
#include "agent/source/ring_find.h"
#include "agent/source/ring_lease.h"
#include "agent/source/shim.h"
#include "agent/source/shim_state.h"

#define HELD_NS OTR_NS_PER_S /* between two checks whether the lease is free */

uint64_t otr_shims_new_reader_id(void)
{
	uint64_t me = 0;

	if (getrandom(&me, sizeof(me), 0) != sizeof(me))
		me = otr_now();
	return me ? me : 1;
}

void otr_shims_on_adopt(struct otr_shims *s, otr_shim_born_fn fn, void *arg)
{
	s->adopted = fn;
	s->adopted_arg = arg;
}

void otr_shims_accept_if(struct otr_shims *s, bool (*fn)(void *arg, uint32_t tgid), void *arg)
{
	s->accepts = fn;
	s->accepts_arg = arg;
}

/* The agent emits only what the process counts from now on: keeps the present counts. */
static void count_from_here(struct shim *sh)
{
	for (int i = 0; i < OTR_SHIM_COUNTS; i++)
		sh->base[i] = sh->emitted[i] =
			__atomic_load_n(&sh->rd.ring->counts[i], __ATOMIC_RELAXED);
}

/* Skips the records in the ring. Returns false if the process has written a head that is not
 * valid. */
static bool read_from_here(struct otr_ring_reader *rd)
{
	uint64_t head = __atomic_load_n(&rd->ring->head, __ATOMIC_ACQUIRE);

	rd->head = rd->tail = rd->given = head;
	__atomic_store_n(&rd->ring->tail, head, __ATOMIC_RELEASE);
	return head % OTR_RING_SLOT == 0;
}

/*
 * Switches a ring on for this agent. First it is switched off, so that no thread writes; then the
 * kernel side stops capturing the bytes of the process; then the ring is switched on. So no bytes
 * are reported by both sources; those that move in between are reported by neither. The process
 * forgets its connections when it reads the new `gen`. Returns false if the ring is not valid.
 */
static bool switch_on(struct otr_shims *s, struct shim *sh)
{
	struct otr_ring *ring = sh->rd.ring;

	__atomic_store_n(&ring->off, 1, __ATOMIC_RELEASE);
	if (!read_from_here(&sh->rd))
		return false;
	memset(ring->policies, 0, sizeof(ring->policies));
	otr_shim_write_switches(s, sh);
	memcpy(ring->session, s->offers.session, sizeof(ring->session));
	if (s->adopted)
		s->adopted(s->adopted_arg, sh->tgid);
	__atomic_fetch_add(&ring->policy_gen, 1, __ATOMIC_RELEASE);
	__atomic_fetch_add(&ring->gen, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&ring->off, 0, __ATOMIC_RELEASE);
	return true;
}

void otr_shim_switch_on_again(struct otr_shims *s, struct shim *sh, uint64_t now_ns)
{
	if (sh->off || !__atomic_load_n(&sh->rd.ring->off, __ATOMIC_RELAXED) ||
	    now_ns - sh->switched_on_ns < HELD_NS)
		return;
	sh->switched_on_ns = now_ns;
	sh->rd.broken |= !switch_on(s, sh);
}

/* Takes the lease of a ring and switches it on. Returns false if another agent has the lease. */
static bool take(struct otr_shims *s, struct shim *sh, uint64_t now_ns)
{
	if (!otr_ring_lease_take(sh->rd.ring, s->me, now_ns))
		return false;
	count_from_here(sh);
	if (switch_on(s, sh)) {
		DL_APPEND(s->all, sh);
		s->n++;
		return true;
	}
	otr_loss_add(OTR_LOSS_RECORD, 1);
	otr_shim_drop(sh);
	return true;
}

static bool is_held(const struct otr_shims *s, uint32_t tgid)
{
	const struct shim *sh;

	DL_FOREACH(s->held, sh)
		if (sh->tgid == tgid && !sh->replaced)
			return true;
	return false;
}

/* Returns the ring in `m` that the process has made itself, mapped, or NULL: a child has the ring
 * of its parent mapped until it makes its own. */
static struct shim *own_of(struct otr_ring_find *m, uint32_t tgid)
{
	struct shim *sh = NULL;

	for (size_t i = 0; !sh && i < m->n; i++) {
		sh = otr_shim_make(m->fds[i], tgid, m->uid);
		if (sh && sh->rd.ring->tgid != m->pid) {
			otr_shim_drop(sh);
			sh = NULL;
		}
	}
	if (!sh)
		return NULL;
	sh->pidfd = m->pidfd;
	m->pidfd = -1;
	return sh;
}

enum otr_adopt otr_shims_adopt_found(struct otr_shims *s, struct otr_ring_find *m, uint32_t tgid,
				     uint64_t now_ns)
{
	struct shim *sh;

	if (!otr_shims_has_room(s, m->uid)) {
		otr_loss_add(OTR_LOSS_EVICT, 1);
		return OTR_ADOPT_NONE;
	}
	sh = own_of(m, tgid);
	if (!sh)
		return m->carries || m->n ? OTR_ADOPT_LATER : OTR_ADOPT_NONE;
	if (take(s, sh, now_ns))
		return otr_shim_of(s, tgid) ? OTR_ADOPT_TAKEN : OTR_ADOPT_NONE;
	if (!sh->rd.ring->reader) { /* the process is about to offer the ring to an agent */
		otr_shim_drop(sh);
		return OTR_ADOPT_LATER;
	}
	DL_APPEND(s->held, sh);
	return OTR_ADOPT_HELD;
}

enum otr_adopt otr_shims_adopt(struct otr_shims *s, uint32_t tgid, uint64_t now_ns)
{
	struct otr_ring_find m;
	enum otr_adopt result;
	int rc;

	if (otr_shim_of(s, tgid))
		return OTR_ADOPT_TAKEN;
	if (is_held(s, tgid))
		return OTR_ADOPT_HELD;
	rc = otr_ring_find_find(tgid, &m);
	if (rc)
		return rc == -EPERM ? OTR_ADOPT_DENIED : OTR_ADOPT_NONE;
	result = otr_shims_adopt_found(s, &m, tgid, now_ns);
	otr_ring_find_fini(&m);
	return result;
}

bool otr_shims_on_again(struct otr_shims *s, uint32_t tgid, uint64_t now_ns)
{
	struct shim *sh = otr_shim_of(s, tgid);

	if (!sh || !sh->off)
		return false;
	sh->off = false;
	sh->switched_on_ns = now_ns;
	sh->rd.broken |= !switch_on(s, sh);
	return true;
}

enum otr_adopt otr_shims_peek(uint32_t tgid, uint64_t now_ns)
{
	enum otr_adopt result = OTR_ADOPT_NONE;
	struct otr_ring_find m;
	struct shim *sh;
	int rc = otr_ring_find_find(tgid, &m);

	if (rc)
		return rc == -EPERM ? OTR_ADOPT_DENIED : result;
	sh = own_of(&m, tgid);
	if (sh)
		result = otr_ring_lease_is_free(sh->rd.ring, now_ns) ? OTR_ADOPT_TAKEN
								     : OTR_ADOPT_HELD;
	else if (m.carries || m.n)
		result = OTR_ADOPT_LATER;
	if (sh)
		otr_shim_drop(sh);
	otr_ring_find_fini(&m);
	return result;
}

void otr_shims_retry_held(struct otr_shims *s, uint64_t now_ns)
{
	struct shim *sh, *next;
	bool over;

	if (now_ns - s->held_ns < HELD_NS)
		return;
	s->held_ns = now_ns;
	DL_FOREACH_SAFE(s->held, sh, next) {
		over = sh->replaced || otr_shim_has_ended(sh, now_ns);
		if (!over && !otr_ring_lease_is_free(sh->rd.ring, now_ns))
			continue;
		DL_DELETE(s->held, sh);
		if (over)
			otr_shim_drop(sh);
		else if (!take(s, sh, now_ns))
			DL_PREPEND(s->held, sh); /* another agent took it first */
	}
}

/* The process runs another program: rings that were found before get no more records. */
void otr_shims_executed(struct otr_shims *s, uint32_t tgid, uint64_t when_ns)
{
	struct shim *sh;

	DL_FOREACH(s->all, sh)
		sh->replaced |= sh->tgid == tgid && sh->found_ns < when_ns;
	DL_FOREACH(s->held, sh)
		sh->replaced |= sh->tgid == tgid && sh->found_ns < when_ns;
}

void otr_shims_drop_held(struct otr_shims *s)
{
	struct shim *sh;

	while ((sh = s->held)) {
		DL_DELETE(s->held, sh);
		otr_shim_drop(sh);
	}
}

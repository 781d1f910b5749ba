/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim_adopt.c - rings that nobody offered to us: of processes that had the library before we
 * began. What lies in one is another agent's, or nobody's; it is stepped over.
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

#define HELD_NS OTR_NS_PER_S /* between two looks whether another reads it still */

uint64_t otr_shims_name(void)
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

void otr_shims_welcome(struct otr_shims *s, bool (*fn)(void *arg, uint32_t tgid), void *arg)
{
	s->welcome = fn;
	s->welcome_arg = arg;
}

/* What it counted for others is not ours to tell. */
static void count_from_here(struct shim *sh)
{
	for (int i = 0; i < OTR_SHIM_COUNTS; i++)
		sh->base[i] = sh->emitted[i] =
			__atomic_load_n(&sh->rd.ring->counts[i], __ATOMIC_RELAXED);
}

/* Returns false: what it says cannot be. */
static bool read_from_here(struct otr_ring_reader *rd)
{
	uint64_t head = __atomic_load_n(&rd->ring->head, __ATOMIC_ACQUIRE);

	rd->head = rd->tail = rd->given = head;
	__atomic_store_n(&rd->ring->tail, head, __ATOMIC_RELEASE);
	return head % OTR_RING_SLOT == 0;
}

/*
 * Switched off, so that nobody writes while all is made ready; then the kernel side leaves its
 * bytes to it, and then it is switched on. What moves between these two is told by nobody, and
 * nothing is told by both. The process forgets what it knew when it sees `gen`.
 */
static bool wake(struct otr_shims *s, struct shim *sh)
{
	struct otr_ring *ring = sh->rd.ring;

	__atomic_store_n(&ring->off, 1, __ATOMIC_RELEASE);
	if (!read_from_here(&sh->rd))
		return false;
	memset(ring->policies, 0, sizeof(ring->policies));
	otr_shims_greet(s, sh);
	memcpy(ring->session, s->offers.session, sizeof(ring->session));
	if (s->adopted)
		s->adopted(s->adopted_arg, sh->tgid);
	__atomic_fetch_add(&ring->policy_gen, 1, __ATOMIC_RELEASE);
	__atomic_fetch_add(&ring->gen, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&ring->off, 0, __ATOMIC_RELEASE);
	return true;
}

void otr_shim_rouse(struct otr_shims *s, struct shim *sh, uint64_t now_ns)
{
	if (sh->off || !__atomic_load_n(&sh->rd.ring->off, __ATOMIC_RELAXED) ||
	    now_ns - sh->roused_ns < HELD_NS)
		return;
	sh->roused_ns = now_ns;
	sh->rd.broken |= !wake(s, sh);
}

/* Returns false: another reads it. */
static bool take(struct otr_shims *s, struct shim *sh, uint64_t now_ns)
{
	if (!otr_ring_lease_take(sh->rd.ring, s->me, now_ns))
		return false;
	count_from_here(sh);
	if (wake(s, sh)) {
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

/* That of `m` which is its own: a child has its maker's mapped, until it begins. */
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
	if (!sh->rd.ring->reader) { /* it is about to be offered to somebody */
		otr_shim_drop(sh);
		return OTR_ADOPT_LATER;
	}
	DL_APPEND(s->held, sh);
	return OTR_ADOPT_HELD;
}

enum otr_adopt otr_shims_adopt(struct otr_shims *s, uint32_t tgid, uint64_t now_ns)
{
	struct otr_ring_find m;
	enum otr_adopt is;
	int rc;

	if (otr_shim_of(s, tgid))
		return OTR_ADOPT_TAKEN;
	if (is_held(s, tgid))
		return OTR_ADOPT_HELD;
	rc = otr_ring_find_find(tgid, &m);
	if (rc)
		return rc == -EPERM ? OTR_ADOPT_DENIED : OTR_ADOPT_NONE;
	is = otr_shims_adopt_found(s, &m, tgid, now_ns);
	otr_ring_find_fini(&m);
	return is;
}

enum otr_adopt otr_shims_peek(uint32_t tgid, uint64_t now_ns)
{
	enum otr_adopt is = OTR_ADOPT_NONE;
	struct otr_ring_find m;
	struct shim *sh;
	int rc = otr_ring_find_find(tgid, &m);

	if (rc)
		return rc == -EPERM ? OTR_ADOPT_DENIED : is;
	sh = own_of(&m, tgid);
	if (sh)
		is = otr_ring_lease_is_free(sh->rd.ring, now_ns) ? OTR_ADOPT_TAKEN : OTR_ADOPT_HELD;
	else if (m.carries || m.n)
		is = OTR_ADOPT_LATER;
	if (sh)
		otr_shim_drop(sh);
	otr_ring_find_fini(&m);
	return is;
}

void otr_shims_hold(struct otr_shims *s, uint64_t now_ns)
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
			DL_PREPEND(s->held, sh); /* another was there first */
	}
}

/* Its memory is another program's now: what had been found before is over. */
void otr_shims_executed(struct otr_shims *s, uint32_t tgid, uint64_t when_ns)
{
	struct shim *sh;

	DL_FOREACH(s->all, sh)
		sh->replaced |= sh->tgid == tgid && sh->found_ns < when_ns;
	DL_FOREACH(s->held, sh)
		sh->replaced |= sh->tgid == tgid && sh->found_ns < when_ns;
}

void otr_shims_unhold(struct otr_shims *s)
{
	struct shim *sh;

	while ((sh = s->held)) {
		DL_DELETE(s->held, sh);
		otr_shim_drop(sh);
	}
}

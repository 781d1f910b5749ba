/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring_reader.c - reads the ring of one process; see ring_reader.h and bpf/ring.h.
 *
 * The process may write anywhere in its ring at any time. So every number is read once, checked
 * against its bound, and used from the copy.
 */

#include "agent/source/ring_reader.h"

#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/loss.h"
#include "agent/source/source.h"

#define GIVE_BACK (OTR_RING_BYTES / 16)

/* Reads the head again only when all records up to the last one were read. */
static uint64_t head_of(struct otr_ring_reader *rd)
{
	uint64_t head = rd->head;

	if (rd->tail < head)
		return head;
	head = __atomic_load_n(&rd->ring->head, __ATOMIC_ACQUIRE);
	if (head - rd->tail > OTR_RING_BYTES || head % OTR_RING_SLOT) {
		rd->broken = true;
		otr_loss_add(OTR_LOSS_RECORD, 1);
		return rd->tail;
	}
	rd->head = head;
	return head;
}

/* Gives room back, but not at each record, since the process would see each write. */
static void give_back(struct otr_ring_reader *rd, bool all)
{
	if (rd->tail - rd->given < (all ? 1 : GIVE_BACK))
		return;
	rd->given = rd->tail;
	__atomic_store_n(&rd->ring->tail, rd->tail, __ATOMIC_RELEASE);
}

static const struct otr_ring_slot *slot_at(const struct otr_ring_reader *rd, uint64_t at)
{
	return (const void *)(rd->slots + at % OTR_RING_BYTES);
}

static bool is_whole(const struct otr_ring_reader *rd, uint64_t at)
{
	return __atomic_load_n(&slot_at(rd, at)->stamp, __ATOMIC_ACQUIRE) == otr_ring_stamp(at);
}

/* The record will not be finished: goes on to the next slot that is whole. */
static void step_over(struct otr_ring_reader *rd, uint64_t head)
{
	otr_loss_add(OTR_LOSS_RECORD, 1);
	do
		rd->tail += OTR_RING_SLOT;
	while (rd->tail < head && !is_whole(rd, rd->tail));
}

/* Is this a record that only the agent may make? A process reports its own bytes and its
 * environment, and that it sheds requests from here on. */
static bool is_agents(const struct otr_event *ev)
{
	const struct otr_ev_meta *meta = (const void *)ev;
	const struct otr_ev_lost *lost = (const void *)ev;

	if (ev->kind == OTR_EV_LOST)
		return lost->cause != OTR_LOSS_BEHIND || lost->n;
	if (ev->kind == OTR_EV_META)
		return meta->key != OTR_RING_META_ENV && meta->key != OTR_RING_META_NAMED;
	return ev->kind == OTR_EV_TICK || ev->kind == OTR_EV_CLOCK || ev->kind == OTR_EV_BYPASSED ||
	       ev->kind == OTR_EV_SHARE;
}

/* A record may be written after `now_ns` was read, and not before its time: returns a time that
 * is not in the future. */
static uint64_t not_later(uint64_t time_ns, uint64_t now_ns)
{
	if (time_ns > now_ns)
		now_ns = otr_now();
	return time_ns < now_ns ? time_ns : now_ns;
}

static const struct otr_event *take_record(struct otr_ring_reader *rd, uint64_t head, uint32_t tgid,
					   uint64_t now_ns)
{
	const struct otr_ring_slot *slot = slot_at(rd, rd->tail);
	uint32_t size = __atomic_load_n(&slot->size, __ATOMIC_RELAXED);
	struct otr_event *ev = (void *)rd->copy;

	if (size > sizeof(rd->copy) || size < sizeof(*ev) ||
	    otr_ring_room(size) > head - rd->tail) {
		step_over(rd, head);
		return NULL;
	}
	memcpy(rd->copy, slot + 1, size);
	rd->tail += otr_ring_room(size);
	ev->tgid = tgid;
	ev->hook = OTR_HOOK_PRELOAD;
	ev->time_ns = not_later(ev->time_ns, now_ns);
	if (!otr_event_check(rd->copy, size) || is_agents(ev)) {
		otr_loss_add(OTR_LOSS_RECORD, 1);
		return NULL;
	}
	return ev;
}

const struct otr_event *otr_ring_next(struct otr_ring_reader *rd, uint32_t tgid, uint64_t now_ns,
				      bool over)
{
	uint64_t head = rd->broken ? rd->tail : head_of(rd);
	const struct otr_event *ev = NULL;

	while (!ev && rd->tail < head) {
		if (is_whole(rd, rd->tail))
			ev = take_record(rd, head, tgid, now_ns);
		else if (over)
			step_over(rd, head);
		else
			break;
	}
	give_back(rd, !ev);
	return ev;
}

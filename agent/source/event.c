/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - checks records; every source calls it.
 *
 * There is one row for each kind: the smallest size, and a function that checks the rest. After
 * this check sizes and enums are trusted; positions, times and payload are not.
 */

#include "agent/source/source.h"

#include <stdalign.h>
#include <stdbool.h>

#include "agent/base/own.h"
#include "bpf/event.h"

#define LAST_NS (1ull << 62) /* 146 years: sums of two do not overflow */

struct door {
	size_t size; /* size of the fixed part */
	bool (*ok)(const struct otr_event *ev);
};

/* The length that the record states is exactly its size. */
static bool exact(const struct otr_event *ev, size_t fixed, size_t text)
{
	return ev->size - fixed == text;
}

static bool conn_ok(const struct otr_event *ev)
{
	const struct otr_ev_conn *cn = (const void *)ev;

	return exact(ev, sizeof(*cn), 0) && cn->role <= OTR_ROLE_SERVER &&
	       cn->by_lib <= OTR_BY_LIB_MIXED && (ev->conn || ev->kind == OTR_EV_LISTEN);
}

static bool place_ok(uint8_t layer, uint8_t dir, uint8_t pos_kind)
{
	return layer < OTR_LAYER_MAX && dir <= OTR_DIR_OUT && pos_kind <= OTR_POS_TCP_SEQ;
}

static bool ref_ok(const struct otr_ref *ref)
{
	return place_ok(ref->layer, ref->dir, ref->pos_kind);
}

static bool data_ok(const struct otr_event *ev)
{
	const struct otr_ev_data *da = (const void *)ev;
	const struct otr_cause *cause = &da->cause;

	return exact(ev, sizeof(*da), da->cap) && da->cap <= OTR_DATA_MAX && da->moved &&
	       da->cap <= da->moved && da->moved < LAST_NS && da->pos < LAST_NS && da->first <= 1 &&
	       da->start_ns < LAST_NS && place_ok(da->layer, da->dir, da->pos_kind) &&
	       ref_ok(&cause->parent) && cause->ids <= OTR_IDS_INJECTED &&
	       cause->evidence < OTR_EVIDENCE_MAX;
}

static bool run_ok(const struct otr_event *ev)
{
	const struct otr_ev_run *run = (const void *)ev;

	return exact(ev, sizeof(*run), 0) && run->open <= 1 &&
	       place_ok(run->layer, run->dir, run->pos_kind) && run->pos < LAST_NS &&
	       run->bytes < LAST_NS && run->first_ns <= run->last_ns && run->last_ns < LAST_NS;
}

static bool handoff_ok(const struct otr_event *ev)
{
	const struct otr_ev_handoff *ho = (const void *)ev;

	return exact(ev, sizeof(*ho), 0) && ref_ok(&ho->parent);
}

static bool proc_ok(const struct otr_event *ev)
{
	const struct otr_ev_proc *pr = (const void *)ev;

	return exact(ev, sizeof(*pr), (size_t)pr->exe_len + pr->args_len) &&
	       !pr->comm[sizeof(pr->comm) - 1];
}

static bool clock_ok(const struct otr_event *ev)
{
	const struct otr_ev_clock *ck = (const void *)ev;

	return exact(ev, sizeof(*ck), 0) && ck->realtime_ns < LAST_NS;
}

static bool meta_ok(const struct otr_event *ev)
{
	const struct otr_ev_meta *me = (const void *)ev;

	return exact(ev, sizeof(*me), me->len);
}

static bool lost_ok(const struct otr_event *ev)
{
	const struct otr_ev_lost *lo = (const void *)ev;

	return exact(ev, sizeof(*lo), 0) && lo->cause < OTR_LOSS_MAX;
}

static bool bypassed_ok(const struct otr_event *ev)
{
	return exact(ev, sizeof(struct otr_ev_bypassed), 0);
}

static bool tick_ok(const struct otr_event *ev)
{
	return exact(ev, sizeof(*ev), 0);
}

static bool failed_ok(const struct otr_event *ev)
{
	const struct otr_ev_failed *fa = (const void *)ev;

	return exact(ev, sizeof(*fa), 0) && ev->conn && fa->error > 0 && fa->start_ns < LAST_NS &&
	       ref_ok(&fa->cause.parent) && fa->cause.ids <= OTR_IDS_INJECTED &&
	       fa->cause.evidence < OTR_EVIDENCE_MAX;
}

static bool share_ok(const struct otr_event *ev)
{
	const struct otr_ev_share *sh = (const void *)ev;

	return exact(ev, sizeof(*sh), 0) && sh->millionths && sh->millionths <= 1000000;
}

static const struct door doors[OTR_EV_MAX] = {
	[OTR_EV_CONN_OPEN] = {sizeof(struct otr_ev_conn), conn_ok},
	[OTR_EV_CONN_CLOSE] = {sizeof(struct otr_ev_conn), conn_ok},
	[OTR_EV_DATA] = {sizeof(struct otr_ev_data), data_ok},
	[OTR_EV_RUN] = {sizeof(struct otr_ev_run), run_ok},
	[OTR_EV_HANDOFF] = {sizeof(struct otr_ev_handoff), handoff_ok},
	[OTR_EV_PROC_EXEC] = {sizeof(struct otr_ev_proc), proc_ok},
	[OTR_EV_PROC_EXIT] = {sizeof(struct otr_ev_proc), proc_ok},
	[OTR_EV_CLOCK] = {sizeof(struct otr_ev_clock), clock_ok},
	[OTR_EV_META] = {sizeof(struct otr_ev_meta), meta_ok},
	[OTR_EV_LOST] = {sizeof(struct otr_ev_lost), lost_ok},
	[OTR_EV_PROC_FORK] = {sizeof(struct otr_ev_proc), proc_ok},
	[OTR_EV_LISTEN] = {sizeof(struct otr_ev_conn), conn_ok},
	[OTR_EV_TICK] = {sizeof(struct otr_event), tick_ok},
	[OTR_EV_BYPASSED] = {sizeof(struct otr_ev_bypassed), bypassed_ok},
	[OTR_EV_CONN_FAILED] = {sizeof(struct otr_ev_failed), failed_ok},
	[OTR_EV_SHARE] = {sizeof(struct otr_ev_share), share_ok},
};

const struct otr_event *otr_event_check(const void *copy, size_t len)
{
	const struct otr_event *ev = copy;

	if (len < sizeof(*ev) || (uintptr_t)copy % alignof(struct otr_event))
		return NULL;
	if (ev->kind >= OTR_EV_MAX || ev->hook >= OTR_HOOK_MAX)
		return NULL;
	if (!doors[ev->kind].ok || ev->size < doors[ev->kind].size || ev->size > len ||
	    ev->time_ns >= LAST_NS)
		return NULL;
	return doors[ev->kind].ok(ev) ? ev : NULL;
}

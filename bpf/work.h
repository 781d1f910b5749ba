/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_WORK_H
#define OTR_WORK_H

/* work.h - R6c: which of the requests that a worker sent were for the job that has just ended.
 * causality.h says what the rule is; wake.bpf.c calls this. Its stories are in
 * tests/unit/work_test.c. */

#include "causality_state.h"

#define OTR_IDLE_JOB  64  /* R6c: the weight of a job that asked nothing .. */
#define OTR_IDLE_MANY 640 /* .. and from when on there are many; each job takes 1 off */

/*
 * R6c: what a strand did in the job it may be at. A border between two jobs is seen where the
 * strand slept, and where it woke the thread that waited for the job. It is not seen where
 * neither slept: the next job was there already, and no thread waited yet for the last one.
 */
struct otr_work {
	__u64 woken_ns; /* the last border that was seen */
	__u64 asked_ns; /* when the last outbound request was sent */
	__u64 asks_ns;	/* a request reported by a library may have begun as early as this */
	__u64 alone_ns; /* likewise, the first of those that no other exchange can have asked for */
	__u64 got_ns;	/* when the last answer to such a request was read */
	__u32 woken_by; /* the strand that woke this one at the border; 0: it was not asleep */
	__u32 done_for; /* the strand that this one woke at the border; 0: it woke none */
	__u8 solo;	/* one inbound exchange was open when the last request was sent */
	__u8 due;	/* it is counted in otr_proc_state.due */
	__u8 only;	/* no other was when this one was woken, and it was in no job */
	__u8 pad[5];
};

/* R6c: is this still to be counted down? Counts one step. */
OTR_RULE_FN int otr_r6c_counts(__u32 *left)
{
	int is_left = OTR_GET(*left) != 0;

	otr_agreed(left);
	return is_left;
}

/* R6c: a border between two jobs of a strand. `by` woke it: it was asleep; or it woke `done_for`.
 */
OTR_RULE_FN void otr_r6c_border(struct otr_work *work, __u32 by, __u32 done_for, __u64 now)
{
	work->woken_ns = now;
	work->woken_by = by;
	work->done_for = done_for;
}

/* R6c: the strand was woken for a job, and has begun one; or has ended. */
OTR_RULE_FN void otr_r6c_taken(struct otr_work *work, struct otr_proc_state *proc)
{
	if (work->due)
		__sync_fetch_and_add(&proc->due, -1);
	work->due = 0;
}

/* R6c: the strand was asleep, and strand `by` wakes it for a job. */
OTR_RULE_FN void otr_r6c_begin(struct otr_work *work, struct otr_proc_state *proc, __u32 by,
			       __u64 now)
{
	int ended = work->asked_ns <= work->woken_ns; /* else it may be in the midst of a job */

	otr_r6c_border(work, by, 0, now);
	work->only = ended && OTR_GET(proc->due) == work->due;
	if (!work->due)
		__sync_fetch_and_add(&proc->due, 1);
	work->due = 1;
}

/* R6c: the strand wakes `sleeper`, who waited for its job: what it sends next is for another. */
OTR_RULE_FN void otr_r6c_end(struct otr_work *work, struct otr_proc_state *proc, __u32 sleeper,
			     __u64 now)
{
	otr_r6c_taken(work, proc);
	otr_r6c_border(work, 0, sleeper, now);
}

/* R6c: the strand sends an outbound request. */
OTR_RULE_FN void otr_r6c_ask(struct otr_work *work, struct otr_proc_state *proc, __u64 now)
{
	int again = work->asked_ns > work->woken_ns;

	otr_r6c_taken(work, proc);
	work->asks_ns = (work->asked_ns > work->got_ns ? work->asked_ns : work->got_ns) + 1;
	work->asked_ns = now;
	if (!again || !(work->solo || work->only))
		work->alone_ns = work->asks_ns;
	if (again)
		OTR_PUT(proc->joint, OTR_DOUBT_AFTER_JOINT);
	work->solo = OTR_GET(proc->open) == 1;
}

/* R6c: the strand ended a job that asked nothing. A second wake-up for the last job is none. */
OTR_RULE_FN void otr_r6c_idle(const struct otr_work *work, struct otr_proc_state *proc,
			      __u32 sleeper, __u64 entry_ns)
{
	int again = work->done_for == sleeper && work->woken_ns >= entry_ns;

	if (work->asked_ns && !again && OTR_GET(proc->idle) < 2 * OTR_IDLE_MANY)
		__sync_fetch_and_add(&proc->idle, OTR_IDLE_JOB);
}

/*
 * R6c: `work` was done for an exchange, whose strand `sleeper` was woken, or did something else,
 * last at `entry_ns`. From when on were the requests of `work` sent for it? 0: of none is that
 * known.
 *
 * Jobs may have ended since the last border, unseen. So the last request alone is known to be of
 * this job. Those before it are if the sleeper woke the worker for this very job, and each was
 * sent while no other exchange was open; or if no other job waited for a strand that was woken
 * for it, which this one may have taken first. Nor is the last one known where the job itself may
 * have asked nothing: where many jobs do, and borders are missed.
 */
OTR_RULE_FN __u64 otr_r6c_since(const struct otr_work *work, struct otr_proc_state *proc,
				__u32 sleeper, __u64 entry_ns)
{
	int own = work->woken_by == sleeper && work->woken_ns >= entry_ns;
	int alone = own && (work->solo || work->only);
	__u64 since = own ? work->alone_ns : work->asks_ns;
	int joint = otr_r6c_counts(&proc->joint);

	otr_agreed(&proc->idle);
	if (work->asked_ns <= work->woken_ns) {
		otr_r6c_idle(work, proc, sleeper, entry_ns);
		return 0;
	}
	if (joint && OTR_GET(proc->idle) >= OTR_IDLE_MANY && !alone)
		return 0;
	return since > work->woken_ns ? since : work->woken_ns;
}

#endif /* OTR_WORK_H */

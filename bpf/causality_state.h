/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_CAUSALITY_STATE_H
#define OTR_CAUSALITY_STATE_H

/*
 * causality_state.h - what the rules of causality.h keep: of exchanges, processes, strands,
 * connections and notify slots; and the small steps that all rules share.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

#include "event.h"

/*
 * Fields of exchanges and processes are read and written by several strands at once, with no
 * lock: each is one aligned word, and what is read may be a moment old. In a process the
 * compiler and ThreadSanitizer are told so; in BPF a plain access is that.
 */
#ifdef __bpf__
#define OTR_GET(field)	      (field)
#define OTR_PUT(field, value) ((field) = (value))
#else
#define OTR_GET(field)	      __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define OTR_PUT(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
#endif

#define OTR_DOUBT_AT_START    32   /* tests a process has to pass before it is believed */
#define OTR_DOUBT_AFTER_ERROR 3000 /* and after it failed one */
#define OTR_AGAIN	      256  /* tests before what may be put off is believed */
#define OTR_DOUBT_AFTER_RELAY 100  /* R6c: after a lock was handed on: pools had 1 of 3,600 */

enum otr_level {
	OTR_LEVEL_NONE,
	OTR_LEVEL_WEAK,
	OTR_LEVEL_STRONG,
};

/* An inbound exchange, by the place of its first byte; conn == 0: none. */
struct otr_xref {
	__u64 conn;
	__u64 pos;
};

/* The last exchange of one inbound connection. */
struct otr_exch {
	__u64 pos;	/* of its first byte */
	__u64 reader;	/* the strand that read it */
	__u32 inflight; /* outbound requests made for it and not answered */
	__u32 tgid;	/* the process that read it */
	__u8 pos_kind;	/* enum otr_pos_kind */
	__u8 open;	/* 1: no byte of the answer was written yet */
	__u8 pad[6];
};

/* One process. Counters move by atomic adds, from any of its threads. */
struct otr_proc_state {
	__u32 open;	/* inbound exchanges not answered */
	__u32 starving; /* of these, with nothing in flight */
	__u32 orphans;	/* outbound requests in flight that have no parent */
	__u32 doubt;
	__u32 doubt_born;  /* the same of what connect() remembers: tested apart */
	__u32 doubt_again; /* and of what is asked again at the end of a turn */
	__u8 mux;
	__u8 go;    /* strands are goroutines: no turns, no tests */
	__u8 moves; /* a request was answered by another reader of requests than its own */
	__u8 pad;
	__u32 relays; /* wake-ups that have to be plain before R6c is believed */
};

enum otr_turn { /* exchanges whose bytes a loop read since it last really waited */
	OTR_TURN_NONE,
	OTR_TURN_ONE,	/* of one, strand.turn */
	OTR_TURN_MIXED, /* of several, or of one that is not known */
};

struct otr_strand {
	struct otr_xref cur;
	struct otr_xref mine; /* the request it read last */
	struct otr_xref turn;
	__u64 freed;	   /* connection whose answer this turn read last; 0: none */
	__u64 handled;	   /* connection it handled last: one descriptor counts once */
	__u64 entry_ns;	   /* its last event: no later than its next wait began */
	__u64 due_ns;	   /* from here on a timer of the loop may run; 0: none set */
	__u64 clock_ns;	   /* the clock that its next timeout starts from is no older */
	__u64 turn_ns;	   /* its last real wait returned; 0: none was seen */
	__s32 left;	   /* descriptors the wait returned, not handled yet */
	__u8 level;	   /* enum otr_level, of cur */
	__u8 evidence;	   /* enum otr_evidence, of cur */
	__u8 from_request; /* cur was set by R1 */
	__u8 loop;
	__u8 waited;	/* a wait of it was seen: its turns are known */
	__u8 turn_kind; /* enum otr_turn */
	__u8 carried;	/* work of this turn was left when it looked for more */
	__u8 defers;	/* and such work runs before what came: see otr_left_over */
	__u8 blocks;	/* it reads requests from sockets that block: no loop */
	__u8 acted;	/* who was handled last has asked or answered since */
	__u8 silent;	/* another of this turn has not: its work may be yet to come */
	__u8 puts_off;	/* and such work was seen: see otr_is_late */
	__u8 by_born;	/* cur is known by an answer to what connect() remembered */
	__u8 by_again;	/* or to what was asked so: see otr_is_again */
	__u8 pad[6];
};

/* What an outbound connection remembers of the requests on it. */
struct otr_asked {
	struct otr_xref believed; /* of all requests since the last answer */
	struct otr_xref born;	  /* what connect() remembered */
	struct otr_xref claim;	  /* R10 */
	struct otr_xref answered; /* the parent that R2 found for this answer */
	__u8 pending;		  /* requests since the last answer: 0, 1, 2 = more */
	__u8 mixed;		  /* they were believed to have different parents */
	__u8 weak;		  /* what was believed was WEAK */
	__u8 has_born;
	__u8 by_born; /* `believed` is of it */
	__u8 again;   /* what is believed, or was at connect(), was asked so */
	__u8 pad[2];
	__u64 read_ns; /* the last bytes of an answer */
};

#define OTR_RULE_FN static inline __attribute__((always_inline))

OTR_RULE_FN int otr_xref_is(const struct otr_xref *a, const struct otr_xref *b)
{
	return a->conn == b->conn && a->pos == b->pos;
}

/* R8. `ex` is the exchange last seen on ref->conn, or NULL. */
OTR_RULE_FN int otr_xref_open(const struct otr_xref *ref, const struct otr_exch *ex)
{
	return ref->conn && ex && OTR_GET(ex->open) && OTR_GET(ex->pos) == ref->pos;
}

OTR_RULE_FN void otr_proc_state_init(struct otr_proc_state *proc)
{
	__builtin_memset(proc, 0, sizeof(*proc));
	proc->doubt = OTR_DOUBT_AT_START;
	proc->doubt_born = OTR_DOUBT_AT_START;
	proc->doubt_again = OTR_AGAIN;
	proc->relays = OTR_DOUBT_AT_START;
}

OTR_RULE_FN int otr_is_loop(const struct otr_strand *st, const struct otr_proc_state *proc)
{
	return !proc->go && (st->loop || OTR_GET(proc->mux));
}

/* Is what it has as current of its present turn? Waits are probed a moment after the rest:
 * until one of it was seen, a loop may have begun another since. */
OTR_RULE_FN int otr_is_known(const struct otr_strand *st)
{
	return st->waited || st->blocks;
}

/* All waits of this strand's process are seen, so what it has as current is of its present
 * turn although no wait was needed to read it. */
OTR_RULE_FN void otr_all_waits_seen(struct otr_strand *st)
{
	st->waited = 1;
}

OTR_RULE_FN void otr_set(struct otr_strand *st, const struct otr_xref *ref, enum otr_level level,
			 enum otr_evidence why)
{
	if (ref) {
		st->cur = *ref;
		st->level = level;
		st->evidence = why;
	} else {
		st->cur.conn = 0;
		st->cur.pos = 0;
		st->level = OTR_LEVEL_NONE;
		st->evidence = OTR_EVIDENCE_NONE;
	}
	st->from_request = 0;
	st->by_born = 0;
	st->by_again = 0;
}

/* One of the descriptors that the wait returned is handled, at st->entry_ns: what comes when
 * all are may be a timer's. An end of file counts, and a connection that came about. A loop
 * reads its clock after that, and before its timers. */
OTR_RULE_FN void otr_handle(struct otr_strand *st, __u64 conn)
{
	st->clock_ns = st->entry_ns;
	if (st->handled != conn) {
		st->handled = conn;
		st->left--;
	}
}

/* It handles something else now: did the last one do nothing yet? */
OTR_RULE_FN void otr_handle_next(struct otr_strand *st)
{
	if (!st->acted)
		st->silent = 1;
}

/* This strand now handles something of `ref` (NULL: of nobody we know) that came
 * over `conn`. */
OTR_RULE_FN void otr_join(struct otr_strand *st, const struct otr_xref *ref, enum otr_level level,
			  __u64 conn)
{
	if (!ref || !otr_xref_is(&st->cur, ref))
		otr_handle_next(st);
	st->acted = 0;
	if (!ref)
		st->turn_kind = OTR_TURN_MIXED;
	else if (st->turn_kind == OTR_TURN_NONE) {
		st->turn = *ref;
		st->turn_kind = OTR_TURN_ONE;
	} else if (st->turn_kind == OTR_TURN_ONE && !otr_xref_is(&st->turn, ref))
		st->turn_kind = OTR_TURN_MIXED;
	if (st->carried && st->defers && st->turn_kind == OTR_TURN_MIXED)
		ref = 0;
	otr_set(st, ref, level, OTR_EVIDENCE_STRAND);
	otr_handle(st, conn);
}

/* The exchange is over, answered or closed: once. Returns whether it was open. */
OTR_RULE_FN int otr_exch_end(struct otr_exch *ex, struct otr_proc_state *proc)
{
	if (!OTR_GET(ex->open))
		return 0;
	OTR_PUT(ex->open, 0);
	if (proc) {
		__sync_fetch_and_add(&proc->open, -1);
		if (!OTR_GET(ex->inflight))
			__sync_fetch_and_add(&proc->starving, -1);
	}
	return 1;
}

/* One more (`by` = 1) or less (-1) in flight for an open exchange. */
OTR_RULE_FN void otr_flight(struct otr_proc_state *proc, struct otr_exch *ex, int by)
{
	if (by > 0) {
		if (!__sync_fetch_and_add(&ex->inflight, 1))
			__sync_fetch_and_add(&proc->starving, -1);
	} else if (OTR_GET(ex->inflight)) {
		if (__sync_fetch_and_add(&ex->inflight, -1) == 1)
			__sync_fetch_and_add(&proc->starving, 1);
	}
}

/* One test passed. Another strand may fail one at this moment: that holds. */
OTR_RULE_FN void otr_agreed(__u32 *of)
{
	__u32 doubt = OTR_GET(*of);

	if (doubt)
		__sync_val_compare_and_swap(of, doubt, doubt - 1);
}

OTR_RULE_FN void otr_disagreed(struct otr_proc_state *proc)
{
	OTR_PUT(proc->doubt, OTR_DOUBT_AFTER_ERROR);
	OTR_PUT(proc->doubt_born, OTR_DOUBT_AFTER_ERROR);
}

/* Is the process not believed yet? What a strand has in hand when it connects is as good as when
 * it asks; that the first was right says nothing of connections that others had before. */
OTR_RULE_FN int otr_in_doubt(const struct otr_proc_state *proc, enum otr_evidence why)
{
	return OTR_GET(proc->doubt) && (why != OTR_EVIDENCE_BORN || OTR_GET(proc->doubt_born));
}

/*
 * May it be work that was put off which runs? Node runs what a callback leaves to setImmediate
 * when all descriptors are handled: what was handled last says nothing of whose that is. It
 * cannot be, where all the others that were handled in this turn did something at once; unless
 * work was seen that they put off all the same. Then what the one at hand does first, while
 * descriptors are left, is its own.
 */
OTR_RULE_FN int otr_is_late(const struct otr_strand *st)
{
	if (st->turn_kind != OTR_TURN_MIXED)
		return 0;
	if (st->left <= 0 && st->silent)
		return 1;
	return st->puts_off && (st->left <= 0 || st->acted);
}

/*
 * All are handled, and the last one has asked or answered: what asks now may be the last one
 * again, or what another put off beside what it did at once. It is believed to be the last one,
 * and so is whose answer that brings; it is claimed when OTR_AGAIN such answers were right. One
 * that is wrong tells that work is put off.
 */
OTR_RULE_FN int otr_is_again(const struct otr_strand *st)
{
	return st->by_again || (st->turn_kind == OTR_TURN_MIXED && st->left <= 0 && st->acted);
}

OTR_RULE_FN int otr_is_unsure(const struct otr_strand *st, const struct otr_proc_state *proc)
{
	return OTR_GET(proc->doubt_again) && OTR_GET(proc->open) != 1 && otr_is_loop(st, proc) &&
	       otr_is_again(st);
}

/* R3: was what is current the one that is answered? What was asked again was not claimed. */
OTR_RULE_FN void otr_test(struct otr_strand *st, struct otr_proc_state *proc, int right)
{
	if (right)
		otr_agreed(st->by_again	 ? &proc->doubt_again
			   : st->by_born ? &proc->doubt_born
					 : &proc->doubt);
	else if (st->by_again && OTR_GET(proc->doubt_again))
		OTR_PUT(proc->doubt_again, OTR_DOUBT_AFTER_ERROR);
	else
		otr_disagreed(proc);
	if (!right)
		st->puts_off = 1;
}

/* Others that wait for something have nothing in flight: the request on a connection that has
 * just come free may be theirs. `starving` counts such; ours is none of the others. */
OTR_RULE_FN int otr_starve(const struct otr_proc_state *proc, const struct otr_exch *cur_ex)
{
	return OTR_GET(proc->starving) - (OTR_GET(cur_ex->inflight) == 0) > OTR_GET(proc->orphans);
}

/* Has this connection come free in this callback; or in this turn, at whose end it may be given
 * to who waited? */
OTR_RULE_FN int otr_came_free(const struct otr_strand *st, const struct otr_asked *asked,
			      __u64 conn)
{
	return st->freed == conn || (st->left <= 0 && st->turn_ns && asked->read_ns >= st->turn_ns);
}

/*
 * It asks or answers: is that work it had left when it looked for more? Then callbacks are
 * queued, and those of a timer or of another exchange run before and between those of what
 * was read since: of 1,126 parents claimed in an asyncio program with four clients and a
 * timer 2 were wrong before this was asked. In libuv what was read runs at once.
 */
OTR_RULE_FN void otr_left_over(struct otr_strand *st)
{
	if (st->carried && !st->handled)
		st->defers = 1;
}

/* May a timer of this loop be what runs? */
OTR_RULE_FN int otr_timer_due(const struct otr_strand *st, __u64 now)
{
	return st->due_ns && now >= st->due_ns && ((st->carried && st->defers) || st->left <= 0);
}

/* It asks with nothing in hand: all that were handled did something, no timer is due. */
OTR_RULE_FN void otr_watch_late(struct otr_strand *st, __u64 now)
{
	if (st->acted && !st->silent && !st->cur.conn && st->left <= 0 && !otr_timer_due(st, now) &&
	    st->turn_kind != OTR_TURN_NONE)
		st->puts_off = 1;
}

/* It asks or answers: if that cannot be a timer's, its loop has yet to read its clock. */
OTR_RULE_FN void otr_act(struct otr_strand *st, __u64 now)
{
	if (!otr_timer_due(st, now))
		st->clock_ns = now;
	st->acted = 1;
	st->entry_ns = now;
}

/* R9: a notify slot: what its writers had as current since it was last read. */
struct otr_notify_token {
	struct otr_xref from;
	__u8 many; /* writers disagreed, or had none */
	__u8 full;
	__u8 pad[6];
};

/* R10: a look at a connection where its state cannot be reached. It counts for the request
 * that comes next if none of its bytes moved since, in either direction: then nothing was
 * on its way when it was looked at. */
struct otr_look {
	struct otr_xref claim;
	__u32 sent; /* sequence numbers of what comes next */
	__u32 got;
};

#endif /* OTR_CAUSALITY_STATE_H */

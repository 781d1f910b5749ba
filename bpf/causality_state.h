/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_CAUSALITY_STATE_H
#define OTR_CAUSALITY_STATE_H

/*
 * causality_state.h - the state that the rules of causality.h keep of exchanges, processes,
 * strands, connections and notify slots, and the small steps that the rules share. The terms are
 * explained in causality.h.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

#include "event.h"

/*
 * Several strands read and write the fields of exchanges and processes at once, without a lock:
 * each field is one aligned word, and a value that was read may be out of date. In a process
 * these accesses are relaxed atomics, for the compiler and ThreadSanitizer; in BPF a plain access
 * is enough.
 */
#ifdef __bpf__
#define OTR_GET(field)	      (field)
#define OTR_PUT(field, value) ((field) = (value))
#define OTR_SWAP(field, value)                    \
	({                                        \
		__typeof__(field) was_ = (field); \
		(field) = (value);                \
		was_;                             \
	})
#else
#define OTR_GET(field)	       __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define OTR_PUT(field, value)  __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
#define OTR_SWAP(field, value) __atomic_exchange_n(&(field), (value), __ATOMIC_RELAXED)
#endif

/* How many tests a process has to pass before it is believed. */
#define OTR_DOUBT_AT_START    32
#define OTR_DOUBT_AFTER_ERROR 3000 /* after a test failed */
#define OTR_AGAIN	      256  /* where the work may be work that was put off; otr_is_again() */
#define OTR_DOUBT_AFTER_RELAY 100 /* R6c: after a lock was passed on; in pools 1 wake-up of 3,600 */
#define OTR_DOUBT_AFTER_JOINT 1000 /* R6c: after one strand asked twice with no border between */

enum otr_level {
	OTR_LEVEL_NONE,
	OTR_LEVEL_WEAK,
	OTR_LEVEL_STRONG,
};

/* An inbound exchange, by the position of its first byte; conn 0: none. */
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
	__u8 layer;	/* enum otr_layer, of pos */
	__u8 pad[5];
};

/* One process. Counters move by atomic adds, from any of its threads. */
struct otr_proc_state {
	__u32 open;	/* inbound exchanges not answered */
	__u32 starving; /* of these, exchanges with nothing in flight */
	__u32 orphans;	/* outbound connections on which a request without parent is in flight */
	__u32 doubt;
	__u32 doubt_born;  /* of parents that connect() remembered */
	__u32 doubt_again; /* of parents at the end of a turn; see otr_is_again() */
	__u8 mux;
	__u8 go;    /* strands are goroutines: no turns, no tests */
	__u8 moves; /* a strand that reads requests answered one that it had not read */
	__u8 pad;
	__u32 relays; /* wake-ups that have to be plain before R6c is believed */
	__u32 idle;   /* R6c: jobs that asked nothing: the weight of those seen of late */
	__u32 joint;  /* R6c: one strand asked twice, no border was seen between: wake-ups to go */
	__u32 due;    /* R6c: strands that were woken for a job and have done nothing yet */
};

enum otr_turn { /* the exchanges whose bytes a loop read in its present turn */
	OTR_TURN_NONE,
	OTR_TURN_ONE,	/* one, otr_strand.turn */
	OTR_TURN_MIXED, /* several, or one that is not known */
};

struct otr_strand {
	struct otr_xref cur;
	struct otr_xref last_read; /* the request that the strand read last */
	struct otr_xref turn;	   /* with OTR_TURN_ONE: the exchange of this turn */
	__u64 freed;	/* the connection whose answer was read last in this turn; 0: none */
	__u64 handled;	/* the connection handled last; each descriptor counts once */
	__u64 entry_ns; /* of the last event of the strand; its next wait begins later */
	__u64 due_ns;	/* from this time on a timer of the loop may run; 0: no timer is set */
	__u64 clock_ns; /* the loop has read the clock for its next timeout at this time or later */
	__u64 turn_ns;	/* when the last real wait returned; 0: none was seen */
	__s32 left;	/* descriptors that the wait returned and that are not handled yet */
	__u8 level;	/* enum otr_level, of cur */
	__u8 evidence;	/* enum otr_evidence, of cur */
	__u8 from_request; /* cur was set by R1 */
	__u8 loop;	   /* the strand has waited for several descriptors */
	__u8 waited;	   /* a wait of the strand was seen, so its turns are known */
	__u8 turn_kind;	   /* enum otr_turn */
	__u8 carried;	   /* the turn had a wait with timeout 0: it had work left then */
	__u8 defers;	   /* such work runs before new descriptors are handled; otr_left_over() */
	__u8 blocks;	   /* the strand reads requests from sockets that block: it is no loop */
	__u8 acted;	   /* a request or an answer followed the descriptor handled last */
	__u8 silent;   /* none followed another descriptor of this turn: its work may come yet */
	__u8 puts_off; /* work that was put off has been seen; otr_is_late() */
	__u8 by_born;  /* cur is from an answer to a request whose parent connect() remembered */
	__u8 by_again; /* cur is from an answer to a request of otr_is_again() */
	__u8 pad[6];
};

/* What an outbound connection remembers of the requests on it. */
struct otr_asked {
	struct otr_xref believed; /* the parent of all requests since the last answer */
	struct otr_xref born;	  /* what connect() remembered */
	struct otr_xref claim;	  /* R10 */
	struct otr_xref answered; /* the parent that R2 found for this answer */
	__u8 pending;		  /* requests since the last answer: 0, 1, or 2 for more */
	__u8 mixed;		  /* these are believed to have different parents */
	__u8 weak;		  /* `believed` was WEAK */
	__u8 has_born;		  /* `born` holds, even if it is none */
	__u8 by_born;		  /* `believed` came from `born` */
	__u8 again;		  /* otr_is_unsure() held when `believed` or `born` was set */
	__u8 pad[2];
	__u64 read_ns; /* when the last bytes of an answer were read */
};

#define OTR_RULE_FN static inline __attribute__((always_inline))

OTR_RULE_FN int otr_xref_is(const struct otr_xref *a, const struct otr_xref *b)
{
	return a->conn == b->conn && a->pos == b->pos;
}

/* R8: is this exchange open? `ex`: the exchange last seen on ref->conn, or NULL. */
OTR_RULE_FN int otr_xref_open(const struct otr_xref *ref, const struct otr_exch *ex)
{
	return ref->conn && ex && OTR_GET(ex->open) && OTR_GET(ex->pos) == ref->pos;
}

OTR_RULE_FN void otr_proc_state_doubt(struct otr_proc_state *proc)
{
	OTR_PUT(proc->doubt, OTR_DOUBT_AT_START);
	OTR_PUT(proc->doubt_born, OTR_DOUBT_AT_START);
	OTR_PUT(proc->doubt_again, OTR_AGAIN);
	OTR_PUT(proc->relays, OTR_DOUBT_AT_START);
	OTR_PUT(proc->joint, OTR_DOUBT_AT_START);
}

OTR_RULE_FN void otr_proc_state_init(struct otr_proc_state *proc)
{
	__builtin_memset(proc, 0, sizeof(*proc));
	otr_proc_state_doubt(proc);
}

/* All that was learnt of the process is forgotten, while its strands go on. `open` and `starving`
 * stay, as each exchange that ends takes its own from them. */
OTR_RULE_FN void otr_proc_state_again(struct otr_proc_state *proc)
{
	otr_proc_state_doubt(proc);
	OTR_PUT(proc->orphans, 0);
	OTR_PUT(proc->mux, 0);
	OTR_PUT(proc->moves, 0);
	OTR_PUT(proc->idle, 0);
	OTR_PUT(proc->due, 0);
}

OTR_RULE_FN int otr_is_loop(const struct otr_strand *st, const struct otr_proc_state *proc)
{
	return !proc->go && (st->loop || OTR_GET(proc->mux));
}

/* Is current of the present turn? Waits are probed a moment later than the rest: until a wait was
 * seen, a loop may have begun another turn unseen. */
OTR_RULE_FN int otr_is_known(const struct otr_strand *st)
{
	return st->waited || st->blocks;
}

/* All waits of the process are seen, so current is of the present turn though no wait was. */
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

/* One of the descriptors that the wait returned is handled, at st->entry_ns; an end of file and a
 * connection that was established count. Once all are handled, a timer may be what runs: a loop
 * reads its clock after its descriptors and before its timers. */
OTR_RULE_FN void otr_handle(struct otr_strand *st, __u64 conn)
{
	st->clock_ns = st->entry_ns;
	if (st->handled != conn) {
		st->handled = conn;
		st->left--;
	}
}

/* The strand goes on to another descriptor: notes whether nothing followed the last one. */
OTR_RULE_FN void otr_handle_next(struct otr_strand *st)
{
	if (!st->acted)
		st->silent = 1;
}

/* The strand handles bytes of the exchange `ref` (NULL: not known) that came over `conn`. */
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

/* A test was passed. If another strand fails one at the same moment, that counts. */
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

/* Is the process not believed yet? Current at connect() is as good as current at a request, so
 * either doubt may have ended; that connect() was right says nothing about connections that other
 * exchanges used before. */
OTR_RULE_FN int otr_in_doubt(const struct otr_proc_state *proc, enum otr_evidence why)
{
	return OTR_GET(proc->doubt) && (why != OTR_EVIDENCE_BORN || OTR_GET(proc->doubt_born));
}

/*
 * May the work that runs be work that was put off? Node runs what a callback leaves to
 * setImmediate() once all descriptors are handled; the descriptor handled last says nothing about
 * whose work that is. It is not put off where a request or an answer followed each descriptor of
 * this turn at once, unless work was seen before that was put off all the same (`puts_off`). In
 * that case only what follows a descriptor first, while descriptors are left, is its own.
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
 * All descriptors are handled, and a request or an answer followed the last one. Another request
 * may be made for the last one again, or for one that put off work beside what it did at once. It
 * is believed to be for the last one, and so is the answer that it gets; it is claimed once
 * OTR_AGAIN such answers were right. A wrong one shows that the process puts off work.
 */
OTR_RULE_FN int otr_is_again(const struct otr_strand *st)
{
	return st->by_again || (st->turn_kind == OTR_TURN_MIXED && st->left <= 0 && st->acted);
}

/* Is current that of otr_is_again(), and not to be claimed yet? */
OTR_RULE_FN int otr_is_unsure(const struct otr_strand *st, const struct otr_proc_state *proc)
{
	return OTR_GET(proc->doubt_again) && OTR_GET(proc->open) != 1 && otr_is_loop(st, proc) &&
	       otr_is_again(st);
}

/* R3: a test. `right`: current is the exchange that is answered. */
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

/* Has this connection come free in this callback? Or in this turn, at whose end it may be given
 * to an exchange that waited for it? */
OTR_RULE_FN int otr_came_free(const struct otr_strand *st, const struct otr_asked *asked,
			      __u64 conn)
{
	return st->freed == conn || (st->left <= 0 && st->turn_ns && asked->read_ns >= st->turn_ns);
}

/*
 * The strand asks or answers. If it had work left when it waited with timeout 0 and has handled
 * nothing since, it defers: callbacks are queued, and those of a timer or of another exchange run
 * before and between those of what was read since. Without this check 2 of 1,126 parents claimed
 * in an asyncio program with four clients and a timer were wrong. libuv runs the callback of what
 * was read at once.
 */
OTR_RULE_FN void otr_left_over(struct otr_strand *st)
{
	if (st->carried && !st->handled)
		st->defers = 1;
}

/* May a timer of this loop be what runs now? */
OTR_RULE_FN int otr_timer_due(const struct otr_strand *st, __u64 now)
{
	return st->due_ns && now >= st->due_ns && ((st->carried && st->defers) || st->left <= 0);
}

/* The strand asks without a current, though a request or an answer followed each descriptor and no
 * timer is due: then it puts off work. */
OTR_RULE_FN void otr_watch_late(struct otr_strand *st, __u64 now)
{
	if (st->acted && !st->silent && !st->cur.conn && st->left <= 0 && !otr_timer_due(st, now) &&
	    st->turn_kind != OTR_TURN_NONE)
		st->puts_off = 1;
}

/* The strand asks or answers. Unless a timer may be what runs, its loop reads the clock later. */
OTR_RULE_FN void otr_act(struct otr_strand *st, __u64 now)
{
	if (!otr_timer_due(st, now))
		st->clock_ns = now;
	st->acted = 1;
	st->entry_ns = now;
}

/* R9: a notify slot: the current of the strands that wrote since it was last read. */
struct otr_notify_token {
	struct otr_xref from;
	__u8 many; /* the writers disagreed, or one had no current */
	__u8 full; /* a strand has written */
	__u8 pad[6];
};

/* R10: a look at a connection, in a hook that cannot reach the connection's state. It counts for
 * the next request if no byte moved since, in either direction: then nothing was on its way at
 * the look. */
struct otr_look {
	struct otr_xref claim;
	__u32 sent; /* the next sequence number out, at the look */
	__u32 got;  /* the next sequence number in */
};

#endif /* OTR_CAUSALITY_STATE_H */

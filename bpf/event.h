/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_EVENT_H
#define OTR_EVENT_H

/*
 * event.h - the records that travel from a probe to the agent.
 *
 * Written by the programs in bpf/ (ring buffers) and by preload/ (a sealed
 * memfd). Read by agent/source/, which copies a record into private memory,
 * checks it there, and only then shows it to anyone.
 *
 * Three rules, held by the assertions below and by tests/unit/abi_test.c:
 *
 *   1. Fixed-width types at their natural alignment. Padding has a name and
 *      is zero, so no kernel stack leaks out and records compare with memcmp.
 *   2. A record starts with struct otr_event. hdr.size is what is used; a slot
 *      in a ring may be longer, since slots come in size classes.
 *   3. Kinds and fields are appended, never reordered. Any other change bumps
 *      OTR_ABI, and the agent refuses to start on a probe it does not match.
 */

#ifndef __bpf__
#include <linux/types.h> /* BPF programs get these from kernel.h */
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

#define OTR_ABI 1

/* The most payload one record carries. Clamp to it (behind a barrier that keeps
 * clang from losing the bound), never mask: a mask turns 16,384 into 0. */
#define OTR_DATA_MAX 16384

enum otr_event_kind {
	OTR_EV_NONE,
	OTR_EV_CONN_OPEN,   /* struct otr_ev_conn: first seen, however old */
	OTR_EV_CONN_CLOSE,  /* struct otr_ev_conn */
	OTR_EV_DATA,	    /* struct otr_ev_data */
	OTR_EV_RUN,	    /* struct otr_ev_run: a run ended, or has gone quiet */
	OTR_EV_HANDOFF,	    /* struct otr_ev_handoff: late evidence of a parent */
	OTR_EV_PROC_EXEC,   /* struct otr_ev_proc, then its strings */
	OTR_EV_PROC_EXIT,   /* struct otr_ev_proc */
	OTR_EV_CLOCK,	    /* struct otr_ev_clock: at start, each minute, on a step */
	OTR_EV_META,	    /* struct otr_ev_meta: what the agent read of a process */
	OTR_EV_LOST,	    /* struct otr_ev_lost: n records are missing here */
	OTR_EV_PROC_FORK,   /* struct otr_ev_proc: prefork workers never exec */
	OTR_EV_LISTEN,	    /* struct otr_ev_conn: local address only */
	OTR_EV_TICK,	    /* struct otr_event: idle time passed, so replay knows */
	OTR_EV_PAST,	    /* struct otr_ev_past: made by the agent, before a CONN_CLOSE */
	OTR_EV_CONN_FAILED, /* struct otr_ev_failed: a connect() that came to nothing */
	OTR_EV_MAX,
};

enum otr_hook {
	OTR_HOOK_NONE,
	OTR_HOOK_SCHED,	  /* process life, wake-ups */
	OTR_HOOK_SOCKET,  /* the kernel's socket layer */
	OTR_HOOK_OPENSSL, /* inside the library, so plaintext */
	OTR_HOOK_GO_TLS,  /* likewise */
	OTR_HOOK_PRELOAD, /* the shim */
	OTR_HOOK_AGENT,	  /* made by the agent, kept for replay */
	OTR_HOOK_MAX,
};

enum otr_dir {
	OTR_DIR_IN,  /* the traced process received it */
	OTR_DIR_OUT, /* the traced process sent it */
};

/* Two layers of one connection share its id and keep streams of their own. */
enum otr_layer {
	OTR_LAYER_SOCKET, /* the bytes on the wire, or what is not encrypted */
	OTR_LAYER_TLS,	  /* plaintext seen inside a TLS library */
	OTR_LAYER_LIB,	  /* calls of a client library, such as libpq */
	OTR_LAYER_MAX,
};

/* What `pos` counts. */
enum otr_pos_kind {
	OTR_POS_OFFSET,	 /* bytes since the source first saw the stream */
	OTR_POS_TCP_SEQ, /* the kernel's sequence number, 32 bits, both ends alike */
};

/* How much of a connection the source copies (docs/ARCHITECTURE.md). Read by
 * kernel and shim, asked for by parsers. */
enum otr_capture {
	OTR_CAPTURE_HEAD,   /* the first bytes of each run: HTTP/1, the default */
	OTR_CAPTURE_CALLS,  /* the first bytes of each call: PostgreSQL, Redis */
	OTR_CAPTURE_FRAMES, /* HTTP/2: every frame but the payload of DATA */
	OTR_CAPTURE_MUTE,   /* counts only */
};

/* How a parent is known; its name is the attribute otrace.parent.evidence.
 * Proved: all but WAKE, CLONE and EXEC. */
enum otr_evidence {
	OTR_EVIDENCE_NONE,
	OTR_EVIDENCE_HEADER,  /* a traceparent, read or injected */
	OTR_EVIDENCE_WIRE,    /* both ends of one connection */
	OTR_EVIDENCE_STRAND,  /* R1 to R4: what the strand had in hand */
	OTR_EVIDENCE_BORN,    /* R4: what began the connection */
	OTR_EVIDENCE_CLAIM,   /* R10 */
	OTR_EVIDENCE_NOTIFY,  /* R9: eventfd, pipe */
	OTR_EVIDENCE_HANDOFF, /* R6c: who woke the waiting one did its work */
	OTR_EVIDENCE_HELPER,  /* the runtime said so */
	OTR_EVIDENCE_WAKE,    /* R6, weak */
	OTR_EVIDENCE_CLONE,   /* R7, weak */
	OTR_EVIDENCE_EXEC,    /* R7, weak */
	OTR_EVIDENCE_MAX,
};

enum otr_role {
	OTR_ROLE_UNKNOWN,
	OTR_ROLE_CLIENT,
	OTR_ROLE_SERVER
};

/* From the kernel: what moved a connection's bytes. */
enum otr_by_lib {
	OTR_BY_LIB_NONE, /* nothing yet */
	OTR_BY_LIB_ALL,	 /* processes that carry the library: it tells of them */
	OTR_BY_LIB_NO,	 /* others: the kernel does */
	OTR_BY_LIB_MIXED,
};

/* Where ids in a record come from. Only ids that were on a wire travel. */
enum otr_ids {
	OTR_IDS_NONE,
	OTR_IDS_READ,	  /* a traceparent was there */
	OTR_IDS_INJECTED, /* the shim put one there */
};

struct otr_event {
	__u16 kind;    /* enum otr_event_kind */
	__u16 hook;    /* enum otr_hook: who saw it */
	__u32 size;    /* of the whole record, this header included */
	__u64 time_ns; /* CLOCK_MONOTONIC when the call returned */
	__u32 tgid;    /* process, in the agent's pid namespace */
	__u32 tid;     /* thread, likewise */
	__u64 strand;  /* goroutine (bit 63 set) or fiber; else equals tid */
	__u64 conn;    /* connection, by the inode of its socket; 0: unknown */
};

struct otr_addr {
	__u16 family; /* AF_INET, AF_INET6, AF_UNIX; 0 when unknown */
	__u16 port;   /* host byte order */
	__u8 ip[16];  /* network byte order; IPv4 in the first four bytes */
};

struct otr_ev_conn {
	struct otr_event hdr;
	struct otr_addr local;
	struct otr_addr remote;
	__u64 peer;	 /* AF_UNIX: the other end's conn; 0 otherwise */
	__u64 bytes_in;	 /* totals, on close; and when by_lib becomes MIXED */
	__u64 bytes_out; /* likewise */
	__u32 netns;	 /* inode of the network namespace */
	__u32 isn_out;	 /* TCP: initial sequence numbers; both ends of a wire */
	union {
		__u32 isn_in;	 /* have the same two, whatever NAT did to addresses */
		__u32 peer_tgid; /* AF_UNIX, from the library: who connected (SO_PEERCRED) */
	};
	__s32 error;	/* errno of a failed connect; 0 otherwise */
	__u16 type;	/* SOCK_STREAM, SOCK_DGRAM */
	__u16 protocol; /* IPPROTO_TCP ..; 0 for AF_UNIX */
	__u8 role;	/* enum otr_role */
	__u8 seen_open; /* 1: seen from its first byte */
	__u8 by_lib;	/* enum otr_by_lib: who tells of its bytes */
	__u8 pad;
	char path[112]; /* AF_UNIX; a leading NUL: abstract */
};

/* An exchange, named by the place of its first byte. */
struct otr_ref {
	__u64 conn;
	__u64 pos;
	__u8 layer;
	__u8 dir;
	__u8 pos_kind;
	__u8 pad[5];
};

/* What the source knew of causality when it saw the bytes (bpf/causality.h).
 * All zero: nothing, and the agent may still learn it from the other end. */
struct otr_cause {
	struct otr_ref parent; /* the inbound exchange these bytes are made for */
	__u8 trace_id[16];     /* only with `ids` */
	__u8 span_id[8];       /* likewise: the exchange these bytes belong to */
	__u8 ids;	       /* enum otr_ids */
	__u8 flags;	       /* W3C trace flags */
	__u8 evidence;	       /* enum otr_evidence: which rule said so */
	__u8 pad;
	__u16 added;	/* bytes the shim put in, which the caller never saw */
	__u16 added_at; /* where, from data[0] */
};

struct otr_ev_data {
	struct otr_event hdr;
	struct otr_cause cause;
	__u64 start_ns; /* when the call began; equals hdr.time_ns if unknown */
	__u64 pos;	/* place of data[0] in this direction's stream */
	__u64 moved;	/* bytes the call moved */
	__u32 cap;	/* bytes kept below; less than moved leaves a known gap */
	__u8 pos_kind;	/* enum otr_pos_kind */
	__u8 dir;	/* enum otr_dir */
	__u8 layer;	/* enum otr_layer */
	__u8 first;	/* 1: opens a run */
	__u8 data[];
};

/* A run: bytes in one direction until the other one speaks. A unit of capture,
 * never of meaning. */
struct otr_ev_run {
	struct otr_event hdr;
	__u64 pos; /* of its first byte */
	__u64 bytes;
	__u64 first_ns;
	__u64 last_ns;
	__u32 calls;
	__s32 error;  /* errno that ended it, such as ECONNRESET; or 0 */
	__u8 tail[8]; /* its last bytes: they tell the end of a chunked body */
	__u8 pos_kind;
	__u8 dir;
	__u8 layer;
	__u8 open; /* 1: it goes on: told because the agent watches it */
	__u8 eof;  /* 1: nothing more comes in this direction */
	__u8 pad[3];
};

/* Places where something was lost; one row each in agent/base/loss.def, which names
 * them for people. Appended, never reordered. */
enum otr_loss {
	OTR_LOSS_NONE,
	OTR_LOSS_RING,	    /* the data ring was full: records of payload */
	OTR_LOSS_FACTS,	    /* the ring of facts was full */
	OTR_LOSS_SKIPPED,   /* a probe was entered while it ran: kernel skipped it */
	OTR_LOSS_TABLE,	    /* a kernel table was full: a thing is not followed */
	OTR_LOSS_FAULT,	    /* user memory could not be read: payload is missing */
	OTR_LOSS_RECORD,    /* malformed record, refused at the door */
	OTR_LOSS_STRAGGLER, /* came after its time was released: kept, late */
	OTR_LOSS_HOLE,	    /* bytes of a stream were not seen where needed */
	OTR_LOSS_PARSE,	    /* a parser gave up: the connection is muted */
	OTR_LOSS_EVICT,	    /* an agent's table was full: the oldest went */
	OTR_LOSS_CUT,	    /* a span ended cut: its end or answer is unknown */
	OTR_LOSS_QUEUE,	    /* an exporter's queue was full: spans */
	OTR_LOSS_REFUSED,   /* a backend refused spans, wholly or in part */
	OTR_LOSS_EXPORT,    /* a backend was not reached in time: spans */
	OTR_LOSS_LATE,	    /* evidence of a parent came after its span was out */
	OTR_LOSS_BUDGET,    /* requests let go, for want of CPU (--cpu-budget) */
	OTR_LOSS_BEHIND,    /* requests let go, since the agent was behind */
	OTR_LOSS_OUTPUT,    /* traces that -o or the terminal did not take: blocks */
	OTR_LOSS_RECORDING, /* --record did not take all */
	OTR_LOSS_MAX,
};

/* Who woke a strand that waited for work to be done did that work. */
struct otr_ev_handoff {
	struct otr_event hdr;  /* the worker: tid, strand */
	struct otr_ref parent; /* what the woken strand had as current */
	__u64 woken;	       /* the strand that waited */
	__u64 since_ns;	       /* it has waited since */
	__u64 strand_since_ns; /* the worker has been at it since */
};

struct otr_ev_proc {
	struct otr_event hdr;
	__u64 start_ns; /* with tgid, names a process across pid reuse */
	__u64 cgroup;
	__u32 ppid;
	__u32 uid;
	__u32 netns;
	__u32 pidns;
	__s32 exit_code; /* OTR_EV_PROC_EXIT only */
	__u16 exe_len;	 /* then in text[]: the executable, the arguments */
	__u16 args_len;
	char comm[16]; /* NUL-terminated */
	char text[];
};

struct otr_ev_clock {
	struct otr_event hdr;
	__u64 realtime_ns; /* CLOCK_REALTIME at hdr.time_ns */
	__u64 boottime_ns;
	__u64 seed; /* of the ids this session makes: replay makes the same */
};

/* What the agent read of a process (executable, environment it honours, cgroup
 * ..): kept with the events, so that a recording needs no /proc. */
struct otr_ev_meta {
	struct otr_event hdr;
	__u16 key; /* enum otr_meta, agent/resource/resource.h */
	__u16 len; /* of text, no NUL at its end */
	__u32 pad;
	char text[];
};

struct otr_ev_lost {
	struct otr_event hdr; /* tgid and conn where known, else 0 */
	__u64 n;	      /* 0, with BUDGET: from here on requests are let go */
	__u32 cause;	      /* enum otr_loss: one row per counter */
	__u32 pad;
};

/* Bytes of a connection that moved past the library in its process. */
struct otr_ev_past {
	struct otr_event hdr; /* tgid, conn */
	__u64 bytes;
};

/* hdr: when it failed, and who called connect(); hdr.conn: the socket that would have been. */
struct otr_ev_failed {
	struct otr_event hdr;
	struct otr_cause cause;
	__u64 start_ns;
	struct otr_addr remote;
	__s32 error; /* errno; ECANCELED: the caller gave it up */
};

_Static_assert(sizeof(struct otr_event) == 40, "ABI: otr_event");
_Static_assert(sizeof(struct otr_ev_conn) == 240, "ABI: otr_ev_conn");
_Static_assert(sizeof(struct otr_cause) == 56, "ABI: otr_cause");
_Static_assert(sizeof(struct otr_ev_data) == 128, "ABI: otr_ev_data");
_Static_assert(sizeof(struct otr_ev_run) == 96, "ABI: otr_ev_run");
_Static_assert(sizeof(struct otr_ev_handoff) == 88, "ABI: otr_ev_handoff");
_Static_assert(sizeof(struct otr_ev_proc) == 96, "ABI: otr_ev_proc");
_Static_assert(sizeof(struct otr_ev_clock) == 64, "ABI: otr_ev_clock");
_Static_assert(sizeof(struct otr_ev_meta) == 48, "ABI: otr_ev_meta");
_Static_assert(sizeof(struct otr_ev_lost) == 56, "ABI: otr_ev_lost");
_Static_assert(sizeof(struct otr_ev_past) == 48, "ABI: otr_ev_past");
_Static_assert(sizeof(struct otr_ev_failed) == 128, "ABI: otr_ev_failed");

/* From here on requests are let go, each with its answer. */
static inline int otr_lost_is_pause(const struct otr_ev_lost *ev)
{
	return (ev->cause == OTR_LOSS_BUDGET || ev->cause == OTR_LOSS_BEHIND) && !ev->n;
}

#pragma GCC diagnostic pop

#endif /* OTR_EVENT_H */

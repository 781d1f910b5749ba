/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_EVENT_H
#define OTR_EVENT_H

/*
 * event.h - the records that a source sends to the agent.
 *
 * The programs in bpf/ write them to ring buffers, preload/ writes them to a sealed memfd.
 * agent/source/ copies a record into private memory and checks it there before any other code
 * sees it.
 *
 * Three rules, which the assertions below and tests/unit/abi_test.c check:
 *
 *   1. Fixed-width types at their natural alignment. Padding has a name and
 *      is zero, so no kernel stack leaks out and records compare with memcmp.
 *   2. A record starts with struct otr_event. hdr.size is the size of the record; its slot
 *      in a ring may be longer, since slots come in size classes.
 *   3. Kinds and fields are appended, never reordered. Any other change increments OTR_ABI;
 *      the agent refuses probes, rings and recordings of another ABI.
 */

#ifndef __bpf__
#include <linux/types.h> /* BPF programs get these from kernel.h */
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"

#define OTR_ABI 1

/* The most payload in one record. Clamp a length to it (behind a barrier that keeps clang from
 * losing the bound), and never mask it: a mask turns 16,384 into 0. */
#define OTR_DATA_MAX 16384

/* As the number of bytes of OTR_CAPTURE_CALLS: a long call is copied by several records, in both
 * directions. With OTR_DATA_MAX, only those of requests are. */
#define OTR_LONG_CALLS (OTR_DATA_MAX - 1)

enum otr_event_kind {
	OTR_EV_NONE,
	OTR_EV_CONN_OPEN,   /* struct otr_ev_conn: first seen, at whatever age */
	OTR_EV_CONN_CLOSE,  /* struct otr_ev_conn */
	OTR_EV_DATA,	    /* struct otr_ev_data */
	OTR_EV_RUN,	    /* struct otr_ev_run: a run has ended, or goes on and is watched */
	OTR_EV_HANDOFF,	    /* struct otr_ev_handoff: late evidence of a parent */
	OTR_EV_PROC_EXEC,   /* struct otr_ev_proc, then its strings */
	OTR_EV_PROC_EXIT,   /* struct otr_ev_proc */
	OTR_EV_CLOCK,	    /* struct otr_ev_clock: at start, each minute, on a step */
	OTR_EV_META,	    /* struct otr_ev_meta: a fact of a process */
	OTR_EV_LOST,	    /* struct otr_ev_lost: n records are missing here, or a pause begins */
	OTR_EV_PROC_FORK,   /* struct otr_ev_proc: a child, which may never exec */
	OTR_EV_LISTEN,	    /* struct otr_ev_conn: local address only */
	OTR_EV_TICK,	    /* struct otr_event: time has passed, also for a replay */
	OTR_EV_BYPASSED,    /* struct otr_ev_bypassed: made by the agent, before a CONN_CLOSE */
	OTR_EV_CONN_FAILED, /* struct otr_ev_failed: a connect() that failed */
	OTR_EV_SHARE,	    /* struct otr_ev_share: made by the agent, when the share changes */
	OTR_EV_MAX,
};

enum otr_hook {
	OTR_HOOK_NONE,
	OTR_HOOK_SCHED,	  /* process life, wake-ups */
	OTR_HOOK_SOCKET,  /* the kernel's socket layer */
	OTR_HOOK_OPENSSL, /* inside the TLS library: plaintext */
	OTR_HOOK_GO_TLS,  /* inside crypto/tls: plaintext */
	OTR_HOOK_PRELOAD, /* the library in a process */
	OTR_HOOK_AGENT,	  /* made by the agent, kept for replay */
	OTR_HOOK_CAPTURE, /* packets of a capture */
	OTR_HOOK_MAX,
};

enum otr_dir {
	OTR_DIR_IN,  /* the traced process received it */
	OTR_DIR_OUT, /* the traced process sent it */
};

/* The layers of one connection share its id; each has streams of its own. */
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

/* How much of a connection a source copies (docs/ARCHITECTURE.md). Parsers ask for it, the kernel
 * side and the library obey. */
enum otr_capture {
	OTR_CAPTURE_HEAD,   /* the first bytes of each run: HTTP/1, the default */
	OTR_CAPTURE_CALLS,  /* the first bytes of each call: PostgreSQL, Redis */
	OTR_CAPTURE_FRAMES, /* HTTP/2: every frame but the payload of DATA */
	OTR_CAPTURE_MUTE,   /* counts only */
	OTR_CAPTURE_AMQP,   /* AMQP: every frame but the payload of bodies */
};

/* How a parent is known; evidence.def has the rows. Those before WAKE are proof, the others are
 * weak. */
enum otr_evidence {
	OTR_EVIDENCE_NONE,
#define OTR_EVIDENCE_ROW(id, exported, shown) OTR_EVIDENCE_##id,
#include "evidence.def"
#undef OTR_EVIDENCE_ROW
	OTR_EVIDENCE_MAX,
};

enum otr_role {
	OTR_ROLE_UNKNOWN,
	OTR_ROLE_CLIENT,
	OTR_ROLE_SERVER
};

/* From the kernel side: which processes moved the bytes of a connection; so who reports them. */
enum otr_by_lib {
	OTR_BY_LIB_NONE,  /* none yet */
	OTR_BY_LIB_ALL,	  /* processes with the library: the library reports the bytes */
	OTR_BY_LIB_NO,	  /* processes without it: the kernel side does */
	OTR_BY_LIB_MIXED, /* first the one, then the other */
};

/* Where the ids in a record come from. A record holds only ids that were on a wire. */
enum otr_ids {
	OTR_IDS_NONE,
	OTR_IDS_READ,	  /* a traceparent that was there */
	OTR_IDS_INJECTED, /* a traceparent that the library injected */
};

struct otr_event {
	__u16 kind;    /* enum otr_event_kind */
	__u16 hook;    /* enum otr_hook */
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
	__u8 by_lib;	/* enum otr_by_lib: who reports its bytes */
	__u8 pad;
	char path[112]; /* AF_UNIX; a leading NUL: abstract */
};

/* An exchange, identified by the position of its first byte. */
struct otr_ref {
	__u64 conn;
	__u64 pos;
	__u8 layer;
	__u8 dir;
	__u8 pos_kind;
	__u8 pad[5];
};

/* What the source knew about causes when the bytes moved (bpf/causality.h). All zero: nothing; the
 * agent may still learn the parent from the other end. */
struct otr_cause {
	struct otr_ref parent; /* the inbound exchange that these bytes are made for */
	__u8 trace_id[16];     /* valid with `ids` */
	__u8 span_id[8];       /* valid with `ids`: of the exchange that these bytes belong to */
	__u8 ids;	       /* enum otr_ids */
	__u8 flags;	       /* W3C trace flags */
	__u8 evidence;	       /* enum otr_evidence: the rule that found the parent */
	__u8 pad;
	__u16 added;	/* bytes that the library injected; the caller did not write them */
	__u16 added_at; /* where they begin, from data[0] */
};

struct otr_ev_data {
	struct otr_event hdr;
	struct otr_cause cause;
	__u64 start_ns; /* when the call began; equals hdr.time_ns if unknown */
	__u64 pos;	/* of data[0], in the stream of this direction */
	__u64 moved;	/* bytes that the call moved */
	__u32 cap;	/* bytes in data[]; fewer than `moved` leave a known gap */
	__u8 pos_kind;	/* enum otr_pos_kind */
	__u8 dir;	/* enum otr_dir */
	__u8 layer;	/* enum otr_layer */
	__u8 first;	/* 1: opens a run */
	__u8 data[];
};

/* A run: bytes in one direction until bytes move in the other. It is a unit of capture and means
 * nothing to a protocol. */
struct otr_ev_run {
	struct otr_event hdr;
	__u64 pos; /* of its first byte */
	__u64 bytes;
	__u64 first_ns;
	__u64 last_ns;
	__u32 calls;
	__s32 error;  /* errno that ended it, such as ECONNRESET; or 0 */
	__u8 tail[8]; /* its last bytes: they show whether a chunked body has ended */
	__u8 pos_kind;
	__u8 dir;
	__u8 layer;
	__u8 open; /* 1: the run goes on, and the agent watches it */
	__u8 eof;  /* 1: nothing more comes in this direction */
	__u8 pad[3];
};

/* Causes of loss; each has one row in agent/base/loss.def with its words for people. Appended,
 * never reordered. */
enum otr_loss {
	OTR_LOSS_NONE,
	OTR_LOSS_RING,	    /* the data ring was full: records of payload */
	OTR_LOSS_FACTS,	    /* the ring of facts was full */
	OTR_LOSS_SKIPPED,   /* the kernel skipped a probe that was running already */
	OTR_LOSS_TABLE,	    /* a map was full, so an entry is not followed */
	OTR_LOSS_FAULT,	    /* user memory could not be read: payload is missing */
	OTR_LOSS_RECORD,    /* a record was malformed, and refused */
	OTR_LOSS_STRAGGLER, /* a record came after its time was released: it is kept, late */
	OTR_LOSS_HOLE,	    /* bytes of a stream were not seen where needed */
	OTR_LOSS_PARSE,	    /* a parser gave up: the connection is muted */
	OTR_LOSS_EVICT,	    /* a table of the agent was full: the oldest entry was evicted */
	OTR_LOSS_CUT,	    /* a span was cut: its end or its answer is unknown */
	OTR_LOSS_QUEUE,	    /* spans for which the queue of an exporter had no room */
	OTR_LOSS_REFUSED,   /* spans that a backend refused */
	OTR_LOSS_EXPORT,    /* spans that did not reach a backend */
	OTR_LOSS_LATE,	    /* evidence of a parent came after its span was emitted */
	OTR_LOSS_BUDGET,    /* requests that were shed to keep --cpu-budget */
	OTR_LOSS_BEHIND,    /* requests that were shed because the agent was behind */
	OTR_LOSS_OUTPUT,    /* blocks that -o or the terminal did not take */
	OTR_LOSS_RECORDING, /* --record could not write everything */
	OTR_LOSS_PACKET,    /* a packet of a capture could not be read */
	OTR_LOSS_SESSION,   /* plaintext of a TLS session whose connection is not known */
	OTR_LOSS_MAX,
};

/* R6c: a strand that waited for its work was woken by the strand that did it. */
struct otr_ev_handoff {
	struct otr_event hdr;  /* the worker: tid, strand */
	struct otr_ref parent; /* what the woken strand had as current */
	__u64 woken;	       /* the strand that waited */
	__u64 since_ns;	       /* when its wait began */
	__u64 strand_since_ns; /* when the worker began this work */
};

struct otr_ev_proc {
	struct otr_event hdr;
	__u64 start_ns; /* with tgid, identifies a process even if its pid is used again */
	__u64 cgroup;
	__u32 ppid;
	__u32 uid;
	__u32 netns;
	__u32 pidns;
	__s32 exit_code; /* OTR_EV_PROC_EXIT only */
	__u16 exe_len;	 /* text[] holds the executable, then the arguments */
	__u16 args_len;
	char comm[16]; /* NUL-terminated */
	char text[];
};

struct otr_ev_clock {
	struct otr_event hdr;
	__u64 realtime_ns; /* CLOCK_REALTIME at hdr.time_ns */
	__u64 boottime_ns;
	__u64 seed; /* of the ids that this session makes; a replay makes the same ids */
};

/* One fact of a process (its executable, the variables that otrace reads of its environment, its
 * cgroup ..), kept with the events so that a replay needs no /proc. */
struct otr_ev_meta {
	struct otr_event hdr;
	__u16 key; /* enum otr_meta, agent/resource/resource.h */
	__u16 len; /* of text, no NUL at its end */
	__u32 pad;
	char text[];
};

struct otr_ev_lost {
	struct otr_event hdr; /* tgid and conn where known, else 0 */
	__u64 n;	      /* 0, with BUDGET or BEHIND: from here on requests are shed */
	__u32 cause;	      /* enum otr_loss: one row per counter */
	__u32 pad;
};

/* Bytes of a connection that bypassed the library in its process. */
struct otr_ev_bypassed {
	struct otr_event hdr; /* tgid, conn */
	__u64 bytes;
};

/* hdr: when connect() failed, and which strand called it; hdr.conn: the socket. */
struct otr_ev_failed {
	struct otr_event hdr;
	struct otr_cause cause;
	__u64 start_ns;
	struct otr_addr remote;
	__s32 error; /* errno; ECANCELED: the caller closed the socket first */
};

/* From hdr.time_ns on, this part of the time is traced, in pieces, so that --cpu-budget is kept. */
struct otr_ev_share {
	struct otr_event hdr;
	__u32 millionths;
	__u32 pad;
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
_Static_assert(sizeof(struct otr_ev_bypassed) == 48, "ABI: otr_ev_bypassed");
_Static_assert(sizeof(struct otr_ev_failed) == 128, "ABI: otr_ev_failed");
_Static_assert(sizeof(struct otr_ev_share) == 48, "ABI: otr_ev_share");

/* Does a pause begin here? Requests that begin from here on are shed, each with its answer. */
static inline int otr_lost_is_pause(const struct otr_ev_lost *ev)
{
	return (ev->cause == OTR_LOSS_BUDGET || ev->cause == OTR_LOSS_BEHIND) && !ev->n;
}

#pragma GCC diagnostic pop

#endif /* OTR_EVENT_H */

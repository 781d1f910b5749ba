/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_MAPS_BPF_H
#define OTR_MAPS_BPF_H

/*
 * maps.bpf.h - every map once, with its owner, its key and the reason for its size.
 *
 * They are __weak: each probe file includes this one, and the linker keeps one of each
 * (or stops, when two definitions differ).
 */

#include "kernel.h"

#include "causality.h"
#include "event.h"
#include "frames.h"
#include "shared.h"

/* One thread of a traced process, or of one on trial. Its presence is what "traced" means. */
struct otr_task {
	__u32 tgid; /* in the agent's pid namespace */
	__u32 tid;
	__u32 go_goid;
	__u32 go_parent;
	__u32 follow;
	__u32 woken_by; /* R6c: the thread that woke it for its work; 0: none */
	__u64 woken_ns; /* it is at its work since */
	__u64 asked_ns; /* its last outbound request */
	__u64 asks_ns;	/* that may have begun as early as this: a library's clock is read before */
	__u64 trial_ns; /* 0: chosen; else traced until then, unless it is */
	struct otr_strand strand;
	__u64 got_ns;	/* the last answer it read to one */
	__u64 awake;	/* read a request, and had slept so often; 0: has asked since */
	__u32 libs_gen; /* of which `has_lib` is */
	__u32 has_lib;	/* its process carries the library: bytes are told there */
};

struct otr_bpf_dir { /* one direction of a connection; the run that is going on */
	__u64 pos;
	__u64 bytes;
	__u64 first_ns;
	__u64 last_ns;
	__u64 total; /* bytes since we first saw the connection */
	__u32 calls;
	__u32 copied; /* bytes of this run that went out in records */
	__u32 head_bytes;
	__u8 capture; /* enum otr_capture */
	__u8 cut;     /* bytes of this run were moved without a record */
	__u8 eof;
	__u8 head_open; /* the run is a request whose head goes on: headend.bpf.h */
	__u8 tail[8];
	struct otr_frames frames;
	__u16 head_last; /* its last two bytes */
	__u16 pad[3];
};

#define OTR_DIR_NONE 2

struct otr_bpf_conn {
	__u64 inode;
	struct otr_bpf_dir flow[2]; /* by enum otr_dir */
	struct otr_asked asked;
	__u32 tgid;		    /* who moved bytes last */
	__u64 dialer;		    /* the strand that called connect() .. */
	struct otr_xref dialed_for; /* .. for this exchange, by dialed_why .. */
	__u64 dialed_ns;	    /* .. then */
	__u32 policy_gen;	    /* of which the policies are */
	__s32 error;
	__u8 last_dir; /* enum otr_dir of the run going on; OTR_DIR_NONE */
	__u8 role;     /* enum otr_role */
	__u8 pos_kind; /* enum otr_pos_kind */
	__u8 family;
	__u8 announced; /* CONN_OPEN was sent */
	__u8 pair;	/* an unnamed AF_UNIX pair: a notify slot (R9) */
	__u8 nonblock;
	__u8 seen_open;
	__u8 shed;	 /* the exchange going on is not told: no CPU for it */
	__u8 opening;	 /* enum otr_opening */
	__u8 by_lib;	 /* enum otr_by_lib */
	__u8 dialed_why; /* enum otr_evidence */
	__u8 lib_tells;	 /* the library tells whether connect() fails */
	__u8 pad[3];
};

/* Owner: task.bpf.h. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct otr_task);
} otr_tasks SEC(".maps") __weak;

/* Owner: sock.bpf.h. Freed with the socket; user space cannot reach it. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct otr_bpf_conn);
} otr_conns SEC(".maps") __weak;

/* The same where socket storage is refused (sys_data.bpf.c): by struct sock *. The agent
 * makes it one entry large where it is not used. Here and below, what has no hook for its
 * end (AF_UNIX) goes when it was not used for longest. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct otr_bpf_conn);
} otr_conns_by_sk SEC(".maps") __weak;

/* Where such an entry is filled: on the stack, 512 bytes with all that call each other,
 * there is no room for it before Linux 6.12. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct otr_bpf_conn);
} otr_fresh_conn SEC(".maps") __weak;

/* `who`: 0, or 1 for an iterator, which a tracepoint may interrupt. */
static __always_inline struct otr_bpf_conn *otr_conn_fresh(__u32 who)
{
	struct otr_bpf_conn *c = bpf_map_lookup_elem(&otr_fresh_conn, &who);

	if (c)
		__builtin_memset(c, 0, sizeof(*c));
	return c;
}

/* The last exchange of each inbound connection, by inode: a strand remembers only its
 * name, and asks here whether it is still open. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct otr_exch);
} otr_exchs SEC(".maps") __weak;

/* One proc a process, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct otr_proc_state);
} otr_proc_states SEC(".maps") __weak;

/* Processes the agent chose, by tgid: read by the iterators and by exec. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct otr_target);
} otr_targets SEC(".maps") __weak;

/* Processes that carry the library and have offered their ring, by tgid: they tell of
 * their bytes themselves. Owner: lib.bpf.h; the agent takes out whom it did not take. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u32);
} otr_libs SEC(".maps") __weak;

/* The sockets at which rings are offered, by inode: written by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u64);
	__type(value, __u32);
} otr_doors SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct otr_policy);
} otr_policies SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct otr_run_now);
} otr_runs SEC(".maps") __weak;

/* R9: what lies in a notify slot, by the inode of a pipe or pair, or the eventfd's
 * context. The least used go first: a lost token is only no parent. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct otr_notify_token);
} otr_notify_tokens SEC(".maps") __weak;

/* R10: looks at outbound connections, by their inode, from where socket storage is
 * refused. Few are looked at by one thread and written by another. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct otr_look);
} otr_looks SEC(".maps") __weak;
__u32 otr_any_looks __weak = 0; /* 1: there has been one */

/* R6c: who slept on a futex. */
struct otr_futex_key {
	__u64 addr;
	__u64 tgid;
};
struct otr_futex {
	__u64 shared_ns; /* two sleepers were seen then: out for 10 s */
	__u32 sleeper;
	__u32 pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct otr_futex_key);
	__type(value, struct otr_futex);
} otr_futexes SEC(".maps") __weak;

/* Strands that are goroutines. */
struct otr_go_key {
	__u64 goid;
	__u64 tgid;
};
struct otr_goroutine {
	struct otr_strand strand;
	__u64 parent; /* its goid, 0: not known */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct otr_go_key);
	__type(value, struct otr_goroutine);
} otr_goroutines SEC(".maps") __weak;

/* 4 MiB: 20,000 requests a second fill a tenth of it between two drains. The agent
 * sets its size by the number of cores. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} otr_data SEC(".maps") __weak;

/* RUN, CONN, PROC: payload never evicts facts. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} otr_facts SEC(".maps") __weak;

/* Losses by enum otr_loss, hits by enum otr_hit. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OTR_LOSS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} otr_losses SEC(".maps") __weak;
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OTR_HIT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} otr_hits SEC(".maps") __weak;

struct otr_ctl otr_ctl __weak = {};

static __always_inline void otr_lost(__u32 cause)
{
	__u64 *n = bpf_map_lookup_elem(&otr_losses, &cause);

	if (n)
		*n += 1; /* per CPU */
}

static __always_inline void otr_hit(__u32 hook)
{
	__u64 *n = bpf_map_lookup_elem(&otr_hits, &hook);

	if (n)
		*n += 1;
}

#endif /* OTR_MAPS_BPF_H */

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_MAPS_BPF_H
#define OTR_MAPS_BPF_H

/*
 * maps.bpf.h - all maps, each with its owner, its key and the reason for its size.
 *
 * The maps are __weak: each probe file includes this header, and the linker keeps one of each map
 * (or stops when two definitions differ).
 */

#include "kernel.h"

#include "causality.h"
#include "event.h"
#include "frames.h"
#include "opening.h"
#include "shared.h"

/* A function that the verifier checks once for each program, for any arguments, and not again for
 * each path that leads to it: most of the time that loading takes went there. A pointer may be
 * NULL as far as the verifier knows, and is to a struct of fixed size. Linux 6.1 takes nothing
 * reached through one as the key of a map. Not static, so __weak. */
#define OTR_GLOBAL __weak __noinline

#define OTR_BIO_KNOWN (~0ull)

/* Bits of a thread. MAYBE: a call for a session that has no connection yet moved no bytes of a
 * socket; cleared by the next call that does. SEEN: a session's ciphertext was found in memory. */
#define OTR_OFF_MAYBE 1
#define OTR_OFF_SEEN  2

/* A call of a TLS library that a thread is in, from the probe at its entry to that at its return;
 * see tls.bpf.h. */
struct otr_tls_call {
	__u64 session; /* the library's object; 0: the thread is in no call */
	__u64 sp;      /* the stack pointer at the entry */
	__u64 buf;     /* the plaintext */
	__u64 count;   /* where the call writes how many bytes it moved; 0: it returns the number */
	__u64 conn;    /* the connection whose ciphertext moved in the call; 0: none has */
	__u32 size;    /* bytes that were asked for, at most */
	__u32 nested;  /* calls since then that were taken for calls within this one */
	/* A read of the library from its own memory, in this call. */
	__u64 bio_sp; /* OTR_BIO_KNOWN: reads do not matter, as the connection is known */
	__u64 bio_buf;
	__u64 bio_count;
};

/* One thread of a process that is traced, or on trial. A thread is traced if it has this entry. */
struct otr_task {
	__u32 tgid; /* in the agent's pid namespace */
	__u32 tid;
	__u32 go_goid;
	__u32 go_parent;
	__u32 follow;
	__u32 pad;
	__u64 trial_ns; /* 0: traced; else on trial until then */
	struct otr_strand strand;
	struct otr_work work;
	__u64 awake;	/* otr_slept() when it read a request; 0: it has asked since */
	__u32 libs_gen; /* otr_ctl.libs_gen when `has_lib` was looked up */
	__u32 has_lib;	/* its process carries the library, which reports the bytes */
	struct otr_tls_call tls;
	__u32 off_sockets; /* OTR_OFF_.. */
	__u32 pad2;
};

struct otr_bpf_dir { /* one direction of a connection, with its present run */
	__u64 pos;
	__u64 bytes;
	__u64 first_ns;
	__u64 last_ns;
	__u64 total; /* bytes since the connection was first seen */
	__u32 calls;
	__u32 copied; /* bytes of this run that were copied to records */
	__u32 head_bytes;
	__u8 capture; /* enum otr_capture */
	__u8 cut;     /* some bytes of this run were not copied */
	__u8 eof;
	__u8 head_open; /* the run is a request whose head has not ended: headend.bpf.h */
	__u8 tail[8];
	struct otr_frames frames;
	__u16 head_last; /* the last two bytes of that head */
	__u16 pad[3];
};

#define OTR_DIR_NONE 2

struct otr_bpf_conn {
	__u64 inode;
	struct otr_bpf_dir flow[2]; /* by enum otr_dir */
	struct otr_asked asked;
	__u32 tgid;		    /* the process that moved bytes last */
	__u64 dialer;		    /* the strand that called connect() .. */
	struct otr_xref dialed_for; /* .. for this exchange, by dialed_why .. */
	__u64 dialed_ns;	    /* .. then */
	__u32 policy_gen;	    /* otr_ctl.policy_gen when the policies were looked up */
	__s32 error;
	__u8 last_dir; /* enum otr_dir of the present run, or OTR_DIR_NONE */
	__u8 role;     /* enum otr_role */
	__u8 pos_kind; /* enum otr_pos_kind */
	__u8 family;
	__u8 announced; /* CONN_OPEN was sent */
	__u8 pair;	/* an unnamed AF_UNIX pair: a notify slot (R9) */
	__u8 nonblock;
	__u8 seen_open;
	__u8 shed;	  /* the present exchange is shed, to keep the CPU budget */
	__u8 opening;	  /* enum otr_opening */
	__u8 by_lib;	  /* enum otr_by_lib */
	__u8 dialed_why;  /* enum otr_evidence */
	__u8 lib_reports; /* the library reports whether connect() fails */
	__u8 layer;	  /* enum otr_layer, of what this entry is about */
	__u8 has_upper; /* of a socket: otr_uppers has the plaintext, and these bytes are counted */
	__u8 made_upper; /* there is such an entry; its has_upper says whether a session has it */
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

/* The same by struct sock *, where socket storage cannot be used (sys_data.bpf.c); else the agent
 * makes the map one entry large. Here and below, an entry whose end no hook shows (AF_UNIX) is
 * evicted when it is the least recently used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct otr_bpf_conn);
} otr_conns_by_sk SEC(".maps") __weak;

/* Where such an entry is filled. Before Linux 6.12 the stack, 512 bytes for a chain of calls, has
 * no room for it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct otr_bpf_conn);
} otr_fresh_conn SEC(".maps") __weak;

/* `who`: 1 in an iterator, which a tracepoint may interrupt; else 0. */
static __always_inline struct otr_bpf_conn *otr_conn_fresh(__u32 who)
{
	struct otr_bpf_conn *c = bpf_map_lookup_elem(&otr_fresh_conn, &who);

	if (c)
		__builtin_memset(c, 0, sizeof(*c));
	return c;
}

/* The plaintext of connections whose bytes are TLS, by inode: an entry with layer OTR_LAYER_TLS. A
 * probe in a TLS library cannot use socket storage. Owner: tls.bpf.h; deleted with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct otr_bpf_conn);
} otr_uppers SEC(".maps") __weak;

/* Which connection carries a session of a TLS library: as many as otr_uppers has. The least recently
 * used are evicted. A session that moves bytes of its socket finds its connection again when it
 * next does so; one that reads ciphertext from memory does not, and its plaintext is lost. */
struct otr_tls_key {
	__u64 session;
	__u64 tgid;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct otr_tls_key);
	__type(value, __u64);
} otr_tls_conns SEC(".maps") __weak;

/* Where ciphertext came in that a TLS library may read later, from its own memory: by the first bytes
 * of a record's content, which are random. The oldest are evicted. */
struct otr_cipher_key {
	__u64 bytes[2];
	__u64 tgid;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct otr_cipher_key);
	__type(value, __u64);
} otr_ciphers SEC(".maps") __weak;

/* The last exchange of each inbound connection, by inode. A strand keeps a reference (otr_xref),
 * and looks here whether the exchange is open. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct otr_exch);
} otr_exchs SEC(".maps") __weak;

/* The state of each process, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct otr_proc_state);
} otr_proc_states SEC(".maps") __weak;

/* Processes that the agent traces, by tgid. The iterators and exec read it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct otr_target);
} otr_targets SEC(".maps") __weak;

/* Processes that carry the library and have offered their ring, by tgid: the library reports their
 * bytes. Owner: lib.bpf.h; the agent deletes those whose ring it does not read. */
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

/* R9: notify slots, by the inode of a pipe or socket pair, or by the context of an eventfd. The
 * least recently used are evicted: without its token a request only has no parent. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct otr_notify_token);
} otr_notify_tokens SEC(".maps") __weak;

/* R10: looks at outbound connections, by inode, in hooks that cannot use socket storage. Few
 * connections are looked at by one thread and written by another. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct otr_look);
} otr_looks SEC(".maps") __weak;
__u32 otr_any_looks __weak = 0; /* 1: otr_looks has had an entry */

/* R6c: threads that slept on a futex word. */
struct otr_futex_key {
	__u64 addr;
	__u64 tgid;
};
struct otr_futex {
	__u64 shared_ns; /* when two sleepers were seen; the word does not count for 10 s */
	__u32 sleeper;
	__u32 pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct otr_futex_key);
	__type(value, struct otr_futex);
} otr_futexes SEC(".maps") __weak;

/* The state of goroutines. */
struct otr_go_key {
	__u64 goid;
	__u64 tgid;
};
struct otr_goroutine {
	struct otr_strand strand;
	__u64 parent; /* the goid of the goroutine that made it; 0: not known */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct otr_go_key);
	__type(value, struct otr_goroutine);
} otr_goroutines SEC(".maps") __weak;

/* Payload. 4 MiB: 20,000 requests a second fill a tenth of it between two drains. The agent sets
 * its size by the number of cores. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} otr_data SEC(".maps") __weak;

/* All other records, so that payload never evicts facts. */
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

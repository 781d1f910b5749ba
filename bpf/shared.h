/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_SHARED_H
#define OTR_SHARED_H

/*
 * shared.h - what the programs in the kernel and the agent share besides records: the values of
 * maps that both use, and one block of switches and counters.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

#include "event.h"

/* How one direction of a connection is captured: agent -> kernel, map otr_policies, key
 * otr_policy_key(). Without an entry: HEAD with OTR_HEAD_BYTES. */
struct otr_policy {
	__u32 head_bytes; /* per run (HEAD) or per call (CALLS) */
	__u32 capture;	  /* enum otr_capture */
};

#define OTR_HEAD_BYTES 1024

/* The state of a run that is longer than what was copied: kernel -> agent, map otr_runs, key
 * otr_dir_key(). The entry is deleted when the run ends. */
struct otr_run_now {
	__u64 pos;
	__u64 bytes;
	__u64 first_ns;
	__u64 last_ns;
	__u32 calls;
	__u8 pos_kind;
	__u8 layer; /* enum otr_layer */
	__u8 pad[2];
	__u8 tail[8];
};

static inline __u64 otr_dir_key(__u64 conn, __u32 dir)
{
	return conn << 1 | (dir & 1);
}

/* The key in otr_policies: the bytes of a socket and the plaintext inside them have one each, since
 * the agent may mute the first when the second has just been found. */
#define OTR_CONN_TLS (1ull << 62) /* in place of `conn`: its plaintext */
static inline __u64 otr_policy_key(__u64 conn, __u32 layer, __u32 dir)
{
	return otr_dir_key(layer == OTR_LAYER_TLS ? conn | OTR_CONN_TLS : conn, dir);
}

#define OTR_GO_UNKNOWN 1 /* go_goid: a Go program; the offset of goid is not known */

/* A process that is traced: agent -> kernel, map otr_targets, key tgid. */
struct otr_target {
	__u32 go_goid;	 /* offset of goid in a goroutine; 0: not Go */
	__u32 go_parent; /* of parentGoid; 0: not known */
	__u32 follow;	 /* its children are traced too */
	__u32 off;	 /* 1: the next listing ends its tracing */
};

/* A process that may have to be traced from its first byte is traced on trial for this long, in
 * which the agent decides. */
#define OTR_TRIAL_NS 1000000000ull

/* Hooks whose hits are counted: the overhead is hits times a measured price. */
enum otr_hit {
	OTR_HIT_DATA, /* a socket call of a traced process, captured or not */
	OTR_HIT_WAIT, /* a wait of a traced process */
	OTR_HIT_LIFE, /* connect, close, fork, exec, exit */
	OTR_HIT_WAKE,
	OTR_HIT_TLS,  /* the entry and the return of a call of a TLS library */
	OTR_HIT_STEP, /* such an entry that took a second trap, to step over an instruction */
	OTR_HIT_MAX,
};

/* Switches and notes: one block in the .bss of the programs, mapped by the agent. */
struct otr_ctl {
	__u32 agent;	  /* the agent's own tgid: never traced */
	__u32 pid_level;  /* depth of the agent's pid namespace */
	__u32 host;	  /* 1: exec and listen of every process are emitted */
	__u32 waits;	  /* 1: waits are probed */
	__u32 wakes;	  /* 1: wake-ups are probed */
	__u32 policy_gen; /* incremented when a policy changes */
	__u32 by_sk;	  /* 1: the state of connections is in otr_conns_by_sk */
	__u32 trials;	  /* 1: a process that executes a program is traced on trial */
	__u32 follow;	  /* 1: so are the children of a process on trial */
	/* kernel -> agent */
	__u32 want_waits; /* a traced process may be an event loop */
	__u32 want_wakes; /* a traced process has several threads */
	__u32 woken;	  /* 1: the agent was woken to drain the rings; the agent clears this */
	__u32 urgent;	  /* 1: the next record wakes the agent */
	/* agent -> kernel */
	__u32 paused; /* 1: requests that begin now are shed, each with its answer */
	/* Incremented by both sides when a process is added to or removed from otr_libs. */
	__u32 libs_gen;
	/* 1: the next TLS handshake that nobody reads sets `urgent`; the kernel clears this, the
	 * agent sets it again after a while. */
	__u32 tls_wake;
	__u64 waits_ns; /* when probing of waits began; 0: waits are not probed */
};

#endif /* OTR_SHARED_H */

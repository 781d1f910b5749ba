/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_SHARED_H
#define OTR_SHARED_H

/*
 * shared.h - what programs in the kernel and the agent share besides records: the
 * values of maps that both touch, and the block of switches and counters.
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

#include "event.h"

/* How one direction of a connection is captured: agent -> kernel, map otr_policies,
 * key otr_dir_key(). Absent: HEAD with OTR_HEAD_BYTES. */
struct otr_policy {
	__u32 head_bytes; /* per run (HEAD) or per call (CALLS) */
	__u32 capture;	  /* enum otr_capture */
};

#define OTR_HEAD_BYTES	 1024
#define OTR_FRAMES_BYTES 4096 /* of what lies between two payloads of DATA */

/* A run that is longer than what was copied: kernel -> agent, map otr_runs, key
 * otr_dir_key(). Gone once the run has ended. */
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

#define OTR_GO_UNKNOWN 1 /* go_goid: Go, but where goids lie is not known */

/* What the agent tells of a process: map otr_targets, key tgid. */
struct otr_target {
	__u32 go_goid;	 /* offset of goid in a goroutine; 0: not Go */
	__u32 go_parent; /* of parentGoid; 0: not known */
	__u32 follow;	 /* its children are traced too */
	__u32 off;	 /* 1: no longer: the next listing lets go of it */
};

/* A process that may have to be traced from its first byte is traced on trial for so
 * long: by then the agent has said what it is to be. */
#define OTR_TRIAL_NS 1000000000ull

/* Hooks that are counted, so that overhead can be told: hits times price. */
enum otr_hit {
	OTR_HIT_DATA, /* a socket call of a traced process, captured or not */
	OTR_HIT_WAIT, /* a wait of a traced process */
	OTR_HIT_LIFE, /* connect, close, fork, exec, exit */
	OTR_HIT_WAKE,
	OTR_HIT_MAX,
};

/* Switches and notes, one block in the programs' .bss, mapped by the agent. */
struct otr_ctl {
	__u32 agent;	  /* the agent's own tgid: never traced */
	__u32 pid_level;  /* depth of the agent's pid namespace */
	__u32 host;	  /* 1: exec and listen of every process are told */
	__u32 waits;	  /* 1: waits are probed */
	__u32 wakes;	  /* 1: wake-ups are probed */
	__u32 policy_gen; /* moves when a policy changes */
	__u32 by_sk;	  /* 1: connections lie in otr_conns_by_sk */
	__u32 trials;	  /* 1: who executes a program is on trial */
	__u32 follow;	  /* 1: children of who is on trial are, too */
	/* kernel -> agent */
	__u32 want_waits; /* a traced process may be an event loop */
	__u32 want_wakes; /* a traced process has several threads */
	__u32 woken;	  /* 1: the agent is on its way to the rings; it clears this */
	/* agent -> kernel */
	__u32 paused; /* 1: requests that begin now are let go, each with its answer */
	/* Moves when a process begins or ends to carry the library (otr_libs): both sides add. */
	__u32 libs_gen;
	__u64 waits_ns; /* since when waits are probed; 0: they are not */
};

#endif /* OTR_SHARED_H */

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_RING_H
#define OTR_RING_H

/*
 * ring.h - shared memory between one traced process and the agent: records of event.h, written by
 * preload/, read by agent/source/shim.c.
 *
 * There is one sealed memfd per process; the seals keep either end from shrinking it. Many
 * threads write, one agent reads, and none waits for another:
 *
 *	reserve   `head` moves by compare-and-swap; where there is no room, a counter is
 *		  incremented and the record is dropped
 *	commit    the stamp of the slot is written last; each position in the stream has a stamp
 *		  of its own
 *	read      a slot with the right stamp is copied, then checked; a slot without is being
 *		  written, or its writer was killed: the reader looks for the next right stamp
 *
 * The reader trusts nothing here: the process may write anything to its ring.
 *
 * A process offers its ring at a door. The session is NAME.SECRET. Where NAME is a path, the
 * doors are the sockets NAME/0 to NAME/f, which are reached from every network namespace; the
 * abstract sockets NAME0 to NAMEf are tried next, since a process may have another root
 * directory.
 *
 * A ring that no agent reads may be adopted by another agent (agent/source/ring_lease.h): the
 * agent takes the lease and increments `gen`, since what the process knew of its connections is
 * stale then.
 */

#include "shared.h"

#define OTR_RING_MAGIC	  0x346e6952u  /* "Rin4"; it changes with the layout */
#define OTR_RING_BYTES	  (512u << 10) /* 18 ms of nginx at 40,000 requests a second */
#define OTR_RING_SLOT	  64u	       /* slots begin at multiples of this */
#define OTR_RING_DOORS	  16u	       /* sockets at which rings are offered */
#define OTR_RING_POLICIES 128
#define OTR_RING_RUNS	  63
#define OTR_RING_META_ENV \
	4u /* OTR_META_ENV: a fact that a process reports itself; see also below */
#define OTR_RING_HOSTS 16
#define OTR_RING_HOST  64 /* bytes of a host, with its NUL */

#define OTR_RING_NAME	  "otrace-ring"	 /* of the memfd, by which ring_find.c finds it */
#define OTR_RING_SESSION  108		 /* NAME.SECRET and its NUL */
#define OTR_RING_STALE_NS 3000000000ull	 /* a lease ends; its reader renews it each second */
#define OTR_RING_DEAD_NS  10000000000ull /* without a renewal the process switches itself off */

#define OTR_RING_META_NAMED 17u /* OTR_META_NAMED: the other fact that a process reports itself */

/* Why a program that a process starts will not carry the library. The process sends to a door: the
 * session, a NUL, one of these, the path of the program. */
enum otr_uncarried {
	OTR_UNCARRIED_STATIC = 's', /* statically linked */
	OTR_UNCARRIED_GO = 'g',	    /* it calls the kernel itself, not by libc */
	OTR_UNCARRIED_32BIT = '3',
	OTR_UNCARRIED_SETUID = 'u',  /* set-user-ID, set-group-ID or with capabilities */
	OTR_UNCARRIED_PRELOAD = 'p', /* its LD_PRELOAD names other libraries only */
	OTR_UNCARRIED_CLEARED = 'c', /* its environment was cleared */
	OTR_UNCARRIED_ROOT = 'r',    /* the library is not there under its root directory */
	OTR_UNCARRIED_APART = 'a',   /* it carries the library and cannot reach the doors */
	OTR_UNCARRIED_LEFT_OUT =
		'l', /* a program of the system in which the library does nothing */
	OTR_UNCARRIED_DEEP =
		'd', /* not a program: a module opened with RTLD_DEEPBIND or dlmopen() */
};

#define OTR_UNCARRIED_PATH 200 /* bytes of the path, at most; of a longer path the end is sent */

/* What the library counts; shim_count.def has the rows. */
enum otr_shim_count {
#define OTR_SHIM_COUNT_ROW(id, no_header) OTR_SHIM_##id,
#include "shim_count.def"
#undef OTR_SHIM_COUNT_ROW
	OTR_SHIM_COUNTS,
};

/* The head of a slot; one record of `size` bytes follows. */
struct otr_ring_slot {
	__u32 stamp; /* otr_ring_stamp() of its position, once the record is whole */
	__u32 size;
};

/* The state of a run that is longer than what was copied, and goes on. */
struct otr_ring_run {
	__u64 key; /* otr_dir_key(); 0: none */
	__u32 seq; /* odd while it is written */
	__u32 pad;
	struct otr_run_now now;
};

/* Switches of a process, from its environment when it starts and from the agent at any time: a
 * switch is on if either says so. */
#define OTR_RING_NO_INJECT  1u /* inject no header */
#define OTR_RING_NO_OBSERVE 2u /* emit no records: only pass on the trace of a request */

/* "host", "host:port", "*.suffix", "*.suffix:port". Rows are added and never removed. */
struct otr_ring_hosts {
	__u32 n;
	__u32 pad;
	char name[OTR_RING_HOSTS][OTR_RING_HOST];
};

struct otr_ring_switches {
	__u32 flags; /* OTR_RING_NO_.. */
	__u32 pad;
	/* At which traces that begin here are sampled (sample.h). */
	__u64 threshold;
	struct otr_ring_hosts hosts; /* that get no injected header */
};

struct otr_ring {
	__u32 magic; /* 0: the ring is not to be read, and will not be written */
	__u32 abi;   /* OTR_ABI */
	__u32 bytes; /* OTR_RING_BYTES */
	__u32 tgid;  /* as the process sees itself */
	__u8 pad0[48];

	/* Written by the process. */
	__u64 head;	  /* the next free position; it only grows */
	__u32 propagates; /* 1: the process asks others, or started children while it served */
	__u32 pad1;
	__u64 counts[OTR_SHIM_COUNTS];

	/* Written by the agent; `tail` often, so it has a cache line of its own. */
	__u64 tail __attribute__((aligned(64))); /* all before this position was read */
	__u32 off __attribute__((aligned(64)));	 /* 1: the library does nothing from now on */
	__u32 policy_gen;
	__u32 paused; /* 1: requests that begin now are shed, each with its answer */
	/* 0: no source gives late evidence (R6c); 1: the kernel side can, and has given none yet;
	 * after that, another number with each evidence. */
	__u32 late_evidence;
	__u32 gen; /* when it changes, the process forgets its connections (ring/reader_change.c) */
	__u32 pad2;
	/* The agent that reads, set by compare-and-swap (0: none), and when it renewed its lease
	 * last, on CLOCK_MONOTONIC. It is no pid: that may be another process in another
	 * namespace. See ring_lease.h. */
	__u64 reader;
	__u64 beat_ns;
	char session[OTR_RING_SESSION]; /* where children offer their rings from then on */
	struct otr_ring_switches switches;
	struct {
		__u64 key; /* otr_dir_key(); 0: none */
		struct otr_policy policy;
	} policies[OTR_RING_POLICIES];

	/* Written by the process. */
	__u64 runs_lost;
	struct otr_ring_run runs[OTR_RING_RUNS];
};

#define OTR_RING_HEAD 8192u /* bytes before the first slot */

_Static_assert(sizeof(struct otr_ring) <= OTR_RING_HEAD, "the head of the ring");

static inline __u32 otr_ring_stamp(__u64 place)
{
	return (__u32)(place / OTR_RING_SLOT) * 2654435761u ^ OTR_RING_MAGIC;
}

static inline __u64 otr_ring_room(__u32 size)
{
	return (sizeof(struct otr_ring_slot) + size + OTR_RING_SLOT - 1) &
	       ~(__u64)(OTR_RING_SLOT - 1);
}

/* The slot of a direction among policies or runs; the next seven are tried, too. */
static inline __u32 otr_ring_hash(__u64 key)
{
	return (__u32)(key * 0x9e3779b97f4a7c15ull >> 33);
}

#endif /* OTR_RING_H */

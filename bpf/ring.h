/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_RING_H
#define OTR_RING_H

/*
 * ring.h - shared memory between one traced process and the agent: records of event.h,
 * written by preload/, read by agent/source/shim.c.
 *
 * One sealed memfd per process, so that neither end can shrink it under the other. Many
 * threads write, one reader reads; nobody waits for anybody:
 *
 *	reserve   head moves by compare-and-swap; no room: a counter, and that is all
 *	commit    the slot's stamp, which only this place in the stream can have, is
 *		  written last
 *	read      a slot whose stamp is right is copied, then checked; one whose stamp is
 *		  not is being written, or its writer was killed: the reader finds the
 *		  next right stamp behind it
 *
 * The reader trusts nothing here: the process may write whatever it likes.
 *
 * A ring is offered at a door. The session is NAME.SECRET. Where NAME is a path, the doors
 * are the sockets NAME/0 to NAME/f, which are reached from every network namespace; the
 * abstract sockets NAME0 to NAMEf are tried next, since a process may have another root
 * directory.
 *
 * Nobody reads it at first, or any more? Another agent may, later (agent/source/ring_lease.h): it
 * claims it, then counts `gen`: all that the process knew of its connections is stale.
 */

#include "shared.h"

#define OTR_RING_MAGIC	  0x346e6952u  /* "Rin4": another layout, another word */
#define OTR_RING_BYTES	  (512u << 10) /* 18 ms of nginx at 40,000 requests a second */
#define OTR_RING_SLOT	  64u	       /* slots begin at multiples of it */
#define OTR_RING_DOORS	  16u	       /* at which rings are offered; see below */
#define OTR_RING_POLICIES 128
#define OTR_RING_RUNS	  63
#define OTR_RING_META_ENV 4u /* OTR_META_ENV: the only fact that a process tells itself */
#define OTR_RING_HOSTS	  16
#define OTR_RING_HOST	  64 /* bytes of one, its NUL among them */

#define OTR_RING_NAME	  "otrace-ring"	 /* of the memfd: how it is found later */
#define OTR_RING_SESSION  108		 /* NAME.SECRET and its NUL */
#define OTR_RING_STALE_NS 3000000000ull	 /* a reader says each second that it lives */
#define OTR_RING_DEAD_NS  10000000000ull /* after which the process switches itself off */

#define OTR_RING_META_NAMED 17u /* OTR_META_NAMED: but for this one */

/* Why a program that a process starts will not carry the library. The process says so at a
 * door: the session, a NUL, one of these, the path of the program. */
enum otr_uncarried {
	OTR_UNCARRIED_STATIC = 's', /* statically linked */
	OTR_UNCARRIED_GO = 'g',	    /* it loads the library, and calls the kernel itself */
	OTR_UNCARRIED_32BIT = '3',
	OTR_UNCARRIED_SETUID = 'u',  /* it runs with rights of its own */
	OTR_UNCARRIED_PRELOAD = 'p', /* its LD_PRELOAD names other libraries alone */
	OTR_UNCARRIED_CLEARED = 'c', /* nothing of ours is in its environment */
	OTR_UNCARRIED_ROOT = 'r',    /* under its root directory the library is not there */
	OTR_UNCARRIED_APART = 'a',   /* it has the library, and no way to the doors */
	OTR_UNCARRIED_LEFT_OUT =
		'l', /* a program of the system in which the library does nothing */
	OTR_UNCARRIED_DEEP =
		'd', /* not a program: a module opened with RTLD_DEEPBIND or dlmopen() */
};

#define OTR_UNCARRIED_PATH 200 /* bytes of the path, at most; its end is what counts */

/* What the library counts; shim_count.def has the rows. */
enum otr_shim_count {
#define OTR_SHIM_COUNT_ROW(id, no_header) OTR_SHIM_##id,
#include "shim_count.def"
#undef OTR_SHIM_COUNT_ROW
	OTR_SHIM_COUNTS,
};

/* A slot: this, then one record of `size` bytes. */
struct otr_ring_slot {
	__u32 stamp; /* otr_ring_stamp() of its place, once it is whole */
	__u32 size;
};

/* A run that is longer than what was copied, and goes on. */
struct otr_ring_run {
	__u64 key; /* otr_dir_key(); 0: none */
	__u32 seq; /* odd while it is written */
	__u32 pad;
	struct otr_run_now now;
};

/* What is told to a process, by its environment when it starts and by the agent at any
 * time: what either says holds. */
#define OTR_RING_NO_INJECT  1u /* it only looks */
#define OTR_RING_NO_OBSERVE 2u /* it only passes on which trace a request is in */

/* "host", "host:port", "*.suffix", "*.suffix:port"; rows are added, never taken back. */
struct otr_ring_hosts {
	__u32 n;
	__u32 pad;
	char name[OTR_RING_HOSTS][OTR_RING_HOST];
};

struct otr_ring_switches {
	__u32 flags; /* OTR_RING_NO_.. */
	__u32 pad;
	/* A trace that begins here is sampled if the low 56 bits of its id are no less. 0: all
	 * are, 1 << 56: none is. It decides the flag on the wire alone. */
	__u64 threshold;
	struct otr_ring_hosts hosts; /* that get no header of ours */
};

struct otr_ring {
	__u32 magic; /* 0: it is not to be read, nor will it be written */
	__u32 abi;   /* OTR_ABI */
	__u32 bytes; /* OTR_RING_BYTES */
	__u32 tgid;  /* as the process sees itself */
	__u8 pad0[48];

	/* Written by the process. */
	__u64 head;	  /* next free place, ever growing */
	__u32 propagates; /* 1: it asks others, or has started children while it served */
	__u32 pad1;
	__u64 counts[OTR_SHIM_COUNTS];

	/* Written by the agent; the tail often, so it has a cache line of its own. */
	__u64 tail __attribute__((aligned(64))); /* what was read */
	__u32 off __attribute__((aligned(64)));	 /* 1: the shim calls through from now on */
	__u32 policy_gen;
	__u32 paused; /* 1: requests that begin now are let go, each with its answer */
	/* 0: nobody tells who did whose work after it was done (R6c); 1: the kernel side would,
	 * and has not yet; another number each time that it has. */
	__u32 late;
	__u32 gen; /* another one: the process forgets what it knows, see preload/reader_change.c */
	__u32 pad2;
	/* Who reads, by compare-and-swap; 0: nobody. And when it said last that it lives, on
	 * CLOCK_MONOTONIC: a pid would be another's in another namespace. See claim.h. */
	__u64 reader;
	__u64 beat_ns;
	char session[OTR_RING_SESSION]; /* where a child offers its own, from then on */
	struct otr_ring_switches say;
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

/* Where a policy or a run of a direction is looked for, and the next seven. */
static inline __u32 otr_ring_hash(__u64 key)
{
	return (__u32)(key * 0x9e3779b97f4a7c15ull >> 33);
}

#endif /* OTR_RING_H */

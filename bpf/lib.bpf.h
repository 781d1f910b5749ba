/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_LIB_BPF_H
#define OTR_LIB_BPF_H

/*
 * lib.bpf.h - processes that carry the library (preload/), which reports their bytes. Here these
 * bytes are only counted, and the rules of causality are applied, since only the kernel sees
 * which strand woke which.
 *
 * A process says that it carries the library by offering its ring at a socket of the agent,
 * before its first byte moves. That holds until the process executes another program or ends, or
 * until the agent deletes its entry.
 */

#include "sock.bpf.h"
#include "task.bpf.h"

/* Is a ring offered over this socket? Called once for each socket that is no stream. */
static __noinline int otr_offered(struct otr_task *t, struct sock *sk)
{
	__u32 tgid = t->tgid, yes = 1;
	struct sock *door;
	__u64 inode;

	if (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	door = BPF_CORE_READ((struct unix_sock *)sk, peer);
	inode = door ? otr_sock_inode(door) : 0;
	if (!inode || !bpf_map_lookup_elem(&otr_doors, &inode))
		return 0;
	if (bpf_map_update_elem(&otr_libs, &tgid, &yes, BPF_ANY))
		otr_lost(OTR_LOSS_TABLE);
	__sync_fetch_and_add(&otr_ctl.libs_gen, 1);
	return 0;
}

static __always_inline int otr_has_lib(struct otr_task *t)
{
	__u32 gen = otr_ctl.libs_gen, tgid = t->tgid;

	if (t->libs_gen == gen)
		return t->has_lib;
	t->has_lib = bpf_map_lookup_elem(&otr_libs, &tgid) != NULL;
	t->libs_gen = gen;
	return t->has_lib;
}

/* The process executes another program, or has ended. */
static __always_inline void otr_lib_remove(const struct otr_task *t)
{
	__u32 tgid = t->tgid;

	if (otr_ctl.libs_gen && !bpf_map_delete_elem(&otr_libs, &tgid))
		__sync_fetch_and_add(&otr_ctl.libs_gen, 1);
}

#endif /* OTR_LIB_BPF_H */

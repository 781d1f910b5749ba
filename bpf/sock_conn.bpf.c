// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sock_conn.bpf.c - the life of a connection, where socket storage holds its state.
 */

#include "life.bpf.h"

static __always_inline struct otr_bpf_conn *known(struct sock *sk)
{
	struct otr_bpf_conn *c = bpf_sk_storage_get(&otr_conns, sk, 0, 0);

	return c && c->family ? c : NULL;
}

static __always_inline void connecting(struct sock *sk)
{
	struct otr_task *t = otr_task_now();
	struct otr_bpf_conn *c;

	if (!t)
		return;
	c = bpf_sk_storage_get(&otr_conns, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c)
		otr_lost(OTR_LOSS_TABLE);
	else if (c->family || !otr_conn_init(c, sk))
		otr_connecting(t, c);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(otr_state, struct sock *sk, int old, int new)
{
	struct otr_bpf_conn *c;

	if (old == TCP_CLOSE && new == TCP_SYN_SENT) {
		connecting(sk);
		return 0;
	}
	if (new == TCP_LISTEN) {
		otr_listening(sk);
		return 0;
	}
	c = known(sk);
	if (c)
		otr_state_moved(sk, c, old, new);
	return 0;
}

/* A TCP socket ends, in whatever way. It has no inode any more, but its entry in socket storage
 * has. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(otr_destroyed, struct sock *sk)
{
	struct otr_bpf_conn *c = known(sk);

	if (c)
		otr_ended(sk, c);
	return 0;
}

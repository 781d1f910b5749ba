/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_SOCK_BPF_H
#define OTR_SOCK_BPF_H

/*
 * sock.bpf.h - facts of a socket, read once when its connection is first seen.
 *
 * All reads are probe reads: slow, and allowed in every kind of program. What is read at each
 * call is in sock_data.bpf.c and sys_data.bpf.c.
 */

#include "maps.bpf.h"

static __always_inline __u64 otr_sock_inode(struct sock *sk)
{
	struct socket *so = BPF_CORE_READ(sk, sk_socket);
	struct inode *in;
	unsigned long ino = 0;

	if (!so)
		return 0;
	in = (void *)so + bpf_core_field_offset(struct socket_alloc, vfs_inode);
	bpf_core_read(&ino, sizeof(ino), &in->i_ino);
	return ino;
}

static __always_inline int otr_sock_nonblock(struct sock *sk)
{
	return !!(BPF_CORE_READ(sk, sk_socket, file, f_flags) & O_NONBLOCK);
}

/* Only streams are followed. */
static __always_inline int otr_sock_wanted(struct sock *sk, __u16 *family)
{
	__u16 protocol;

	*family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (*family == AF_UNIX)
		return BPF_CORE_READ(sk, sk_type) == SOCK_STREAM;
	if (*family != AF_INET && *family != AF_INET6)
		return 0;
	protocol = BPF_CORE_READ(sk, sk_protocol);
	/* A Go program listens on MPTCP; a connection that it accepts from a TCP client is TCP. */
	if (protocol == IPPROTO_MPTCP)
		return BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;
	return protocol == IPPROTO_TCP;
}

/* An accepted socket is a copy of its listener and keeps the backlog; a socket that called
 * connect() has none. An accepted AF_UNIX socket keeps the name of its listener. */
static __always_inline enum otr_role otr_sock_role(struct sock *sk, __u16 family)
{
	struct unix_sock *u = (void *)sk;
	struct sock *peer;

	if (family != AF_UNIX)
		return BPF_CORE_READ(sk, sk_max_ack_backlog) ? OTR_ROLE_SERVER : OTR_ROLE_CLIENT;
	if (BPF_CORE_READ(u, addr))
		return OTR_ROLE_SERVER;
	peer = BPF_CORE_READ(u, peer);
	if (peer && BPF_CORE_READ((struct unix_sock *)peer, addr))
		return OTR_ROLE_CLIENT;
	return OTR_ROLE_UNKNOWN;
}

static __always_inline void otr_addr4(struct otr_addr *a, __be32 ip, __u16 port)
{
	a->family = AF_INET;
	a->port = port;
	__builtin_memcpy(a->ip, &ip, 4);
}

static __always_inline void otr_addrs_inet(struct sock *sk, __u16 family, struct otr_addr *local,
					   struct otr_addr *remote)
{
	__u16 dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	__u16 sport = BPF_CORE_READ(sk, __sk_common.skc_num);

	if (family == AF_INET) {
		otr_addr4(local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr), sport);
		otr_addr4(remote, BPF_CORE_READ(sk, __sk_common.skc_daddr), dport);
		return;
	}
	local->family = remote->family = AF_INET6;
	local->port = sport;
	remote->port = dport;
	BPF_CORE_READ_INTO(&local->ip, sk, __sk_common.skc_v6_rcv_saddr);
	BPF_CORE_READ_INTO(&remote->ip, sk, __sk_common.skc_v6_daddr);
}

/* The name of the server's socket: at the server its own, at the client that of the peer. */
static __always_inline void otr_unix_path(struct sock *sk, char *path)
{
	struct unix_address *a = BPF_CORE_READ((struct unix_sock *)sk, addr);
	struct sock *peer;
	int len;

	if (!a) {
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		a = peer ? BPF_CORE_READ((struct unix_sock *)peer, addr) : NULL;
	}
	if (!a)
		return;
	len = BPF_CORE_READ(a, len) - 2;
	if (len <= 0)
		return;
	if (len > 108)
		len = 108;
	bpf_core_read(path, len, (void *)a + bpf_core_field_offset(struct unix_address, name) + 2);
}

/* The FIN of the peer counts as one in the sequence, and a read of the last bytes may include it:
 * it is no byte of the stream. */
static __always_inline __u32 otr_fin_taken(__u8 state, __u32 copied, __u32 next)
{
	return (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING ||
		state == TCP_CLOSE) &&
	       copied == next;
}

/* The sequence numbers of the first byte in both directions, at any age of the connection. Only
 * the end that called connect() counts its SYN in bytes_acked. */
static __always_inline void otr_sock_isns(struct sock *sk, struct otr_ev_conn *cn)
{
	struct tcp_sock *tp = (void *)sk;

	cn->isn_out = BPF_CORE_READ(tp, snd_una) - (__u32)BPF_CORE_READ(tp, bytes_acked) +
		      (cn->role == OTR_ROLE_CLIENT);
	cn->isn_in = BPF_CORE_READ(tp, rcv_nxt) - (__u32)BPF_CORE_READ(tp, bytes_received);
}

static __always_inline __u32 otr_sock_netns(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* `fresh`: the bytes that were moved just now, by enum otr_dir. */
static __always_inline void otr_sock_facts(struct sock *sk, const struct otr_bpf_conn *c,
					   struct otr_ev_conn *cn, const __u32 fresh[2])
{
	struct tcp_sock *tp = (void *)sk;
	struct sock *peer;

	cn->netns = otr_sock_netns(sk);
	cn->type = BPF_CORE_READ(sk, sk_type);
	cn->protocol = c->family == AF_UNIX ? 0 : IPPROTO_TCP;
	cn->role = c->role;
	cn->seen_open = c->seen_open;
	if (c->family == AF_UNIX) {
		cn->local.family = cn->remote.family = AF_UNIX;
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		cn->peer = peer ? otr_sock_inode(peer) : 0;
		otr_unix_path(sk, cn->path);
		return;
	}
	otr_addrs_inet(sk, c->family, &cn->local, &cn->remote);
	otr_sock_isns(sk, cn);
	cn->seen_open = BPF_CORE_READ(tp, write_seq) - cn->isn_out == fresh[OTR_DIR_OUT] &&
			BPF_CORE_READ(tp, copied_seq) - cn->isn_in == fresh[OTR_DIR_IN];
}

/* What is read of a socket when it is first seen. */
struct otr_first_look {
	__u64 sk; /* struct sock * */
	__u64 inode;
	__u16 family;
	__u8 role;
	__u8 nonblock;
	__u32 pad;
};

/* Returns 0, or -1 where the socket is not one that is followed. */
OTR_GLOBAL int otr_look_first(struct otr_first_look *look)
{
	struct sock *sk;
	__u16 family;

	if (!look)
		return -1;
	sk = (struct sock *)look->sk;
	if (!otr_sock_wanted(sk, &family))
		return -1;
	look->inode = otr_sock_inode(sk);
	look->family = family;
	look->role = otr_sock_role(sk, family);
	look->nonblock = otr_sock_nonblock(sk);
	return 0;
}

/* Fills a new entry. Returns 0, or -1 where the socket is not one that is followed. */
static __always_inline int otr_conn_init(struct otr_bpf_conn *c, struct sock *sk)
{
	struct otr_first_look look = {.sk = (__u64)sk};

	if (otr_look_first(&look))
		return -1;
	c->family = look.family;
	c->inode = look.inode;
	c->role = look.role;
	c->last_dir = OTR_DIR_NONE;
	c->nonblock = look.nonblock;
	c->policy_gen = ~0u;
	if (look.family == AF_UNIX) {
		/* Connections that were there before the agent were listed at its start. */
		c->seen_open = 1;
		c->pos_kind = OTR_POS_OFFSET;
		c->pair = c->role == OTR_ROLE_UNKNOWN;
		return 0;
	}
	c->pos_kind = OTR_POS_TCP_SEQ;
	return 0;
}

#endif /* OTR_SOCK_BPF_H */

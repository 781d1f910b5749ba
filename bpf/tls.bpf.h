/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_TLS_BPF_H
#define OTR_TLS_BPF_H

/*
 * tls.bpf.h - connections whose bytes are TLS and whose plaintext is read where the program calls
 * its TLS library (tls_openssl.bpf.c).
 *
 * A session is carried by the connection whose ciphertext the thread moved while it was in a call
 * for that session; the ciphertext has to begin like a TLS record. From then on the bytes of the
 * socket are only counted: rules and parsers see the plaintext, an entry of otr_uppers with
 * positions of its own. The counterpart in the library: trace/tls.c and trace/ciphertext.c of
 * preload/.
 *
 * Where a program moves the ciphertext itself (a memory BIO: asyncio, Node), the session's
 * connection is the one on which the same bytes came in: the first 16 of a record's content. A
 * session for which no such record was seen has no connection, and its plaintext is not emitted.
 */

#include "move.bpf.h"

/* The entry that rules and capture work on: that of the plaintext, where there is one. */
static __always_inline struct otr_bpf_conn *otr_top(struct otr_bpf_conn *c)
{
	__u64 inode = c->inode;
	struct otr_bpf_conn *up = NULL;

	if (c->has_upper)
		up = bpf_map_lookup_elem(&otr_uppers, &inode);
	return up ? up : c;
}

/* The socket ends. */
static __always_inline void otr_upper_forget(struct otr_bpf_conn *c)
{
	__u64 inode = c->inode;
	__u64 in = otr_policy_key(inode, OTR_LAYER_TLS, OTR_DIR_IN);
	__u64 out = otr_policy_key(inode, OTR_LAYER_TLS, OTR_DIR_OUT);

	bpf_map_delete_elem(&otr_uppers, &inode);
	bpf_map_delete_elem(&otr_policies, &in);
	bpf_map_delete_elem(&otr_policies, &out);
	c->has_upper = 0;
	c->made_upper = 0;
}

#define OTR_TLS_HEADER	5
#define OTR_TLS_TYPE_1	20 /* change_cipher_spec .. */
#define OTR_TLS_TYPE_N	23 /* .. to application_data */
#define OTR_TLS_LEN_MAX (16384 + 2048)

/* Do the bytes of this call begin with the header of a TLS record: type, version 3.0 to 3.4,
 * length? */
static __always_inline int otr_is_record(struct otr_move *mv)
{
	__u8 head[OTR_TLS_HEADER] = {};
	struct iovec one = {};
	__u64 at;

	otr_find_bytes(mv);
	at = mv->base;
	if (mv->kind == OTR_BYTES_IOV) {
		bpf_probe_read_user(&one, sizeof(one), (void *)at);
		at = one.iov_len < sizeof(head) ? 0 : (__u64)one.iov_base;
	}
	if (mv->kind == OTR_BYTES_NONE || mv->moved < sizeof(head) ||
	    bpf_probe_read_user(head, sizeof(head), (void *)at))
		return 0;
	return head[0] >= OTR_TLS_TYPE_1 && head[0] <= OTR_TLS_TYPE_N && head[1] == 3 &&
	       head[2] <= 4 && (head[3] << 8 | head[4]) <= OTR_TLS_LEN_MAX;
}

/* What the socket's own entry holds of its bytes ends here: they are ciphertext, whose "requests"
 * are none. */
static __always_inline void otr_lower_end(struct otr_bpf_conn *c, __u64 now)
{
	struct otr_exch *ex = otr_exch_of(c->inode);
	__u64 inode = c->inode;
	__u32 tgid;

	if (ex) {
		tgid = ex->tgid;
		otr_exch_end(ex, bpf_map_lookup_elem(&otr_proc_states, &tgid));
		bpf_map_delete_elem(&otr_exchs, &inode);
	}
	if (c->last_dir != OTR_DIR_NONE)
		otr_end_run(c, c->last_dir, 0, now);
	c->last_dir = OTR_DIR_NONE;
}

/* Makes the entry of the plaintext. It begins with what is known of the socket: the role, and the
 * request that the socket was connected for. Returns 0 or -1. */
OTR_GLOBAL int otr_upper_make(struct otr_bpf_conn *c, const struct otr_move *mv)
{
	struct otr_bpf_conn *up;
	__u64 inode;

	if (!c || !mv || c->family == AF_UNIX || !c->inode)
		return -1;
	up = otr_conn_fresh(0);
	if (!up)
		return -1;
	inode = c->inode;
	up->inode = inode;
	up->family = c->family;
	up->role = c->role;
	up->nonblock = c->nonblock;
	up->tgid = c->tgid;
	up->dialer = c->dialer;
	up->last_dir = OTR_DIR_NONE;
	up->pos_kind = OTR_POS_OFFSET;
	up->layer = OTR_LAYER_TLS;
	up->announced = 1;
	up->policy_gen = ~0u;
	if (c->last_dir == OTR_DIR_NONE)
		up->asked = c->asked;
	if (bpf_map_update_elem(&otr_uppers, &inode, up, BPF_ANY)) {
		otr_lost(OTR_LOSS_TABLE);
		return -1;
	}
	c->made_upper = 1;
	return 0;
}

/* From these bytes on, the bytes of the socket are ciphertext. Returns 0 or -1. */
OTR_GLOBAL int otr_upper_begin(struct otr_bpf_conn *c, const struct otr_move *mv)
{
	if (!c || !mv || otr_upper_make(c, mv))
		return -1;
	if (c->last_dir != OTR_DIR_NONE)
		otr_lower_end(c, mv->now);
	c->has_upper = 1;
	/* The plaintext of a session that was there before has no known position: both ends are
	 * then no longer compared by it. */
	if (c->announced)
		otr_emit_open(c, mv, 0);
	return 0;
}

#define OTR_TLS_CCS 6 /* a record change_cipher_spec, its header included */

/* HelloRetryRequest has a fixed number in place of a random one (RFC 8446 4.1.3). */
#define OTR_TLS_HANDSHAKE 22
#define OTR_TLS_RETRY	  0x1dbe11619ae574adull

/* Notes the beginning of a record that came in, for a session that may read it from memory:
 * otr_is_record() has found `mv` to be one. It may follow one that only says that keys change. */
static __always_inline void otr_cipher_note(__u32 tgid, struct otr_bpf_conn *c, struct otr_move *mv)
{
	struct otr_cipher_key key = {};
	__u64 inode = c->inode, at;
	__u8 type = 0;

	if (mv->kind != OTR_BYTES_PLAIN)
		return;
	at = mv->base + OTR_TLS_HEADER;
	bpf_probe_read_user(&type, sizeof(type), (void *)mv->base);
	if (type == OTR_TLS_TYPE_1)
		at += OTR_TLS_CCS;
	if (mv->base + mv->moved < at + sizeof(key.bytes) ||
	    bpf_probe_read_user(key.bytes, sizeof(key.bytes), (void *)at))
		return;
	if (type == OTR_TLS_HANDSHAKE && key.bytes[1] == OTR_TLS_RETRY)
		return;
	key.tgid = tgid;
	bpf_map_update_elem(&otr_ciphers, &key, &inode, BPF_ANY);
}

/* A thread moves bytes itself that its TLS library may have made or will read. Returns 1 where they
 * are known to be those of a session: its entry says so since the library has read one of them. */
OTR_GLOBAL int otr_off_socket(__u32 tgid, struct otr_bpf_conn *c, struct otr_move *mv)
{
	struct otr_bpf_conn *up;
	__u64 inode;

	if (!c || !mv)
		return 0;
	inode = c->inode;
	up = bpf_map_lookup_elem(&otr_uppers, &inode);
	if (up && up->has_upper) {
		c->has_upper = 1;
		otr_lower_end(c, mv->now);
		if (c->announced)
			otr_emit_open(c, mv, 0);
		return 1;
	}
	if (mv->dir != OTR_DIR_IN || !otr_is_record(mv))
		return 0;
	otr_cipher_note(tgid, c, mv);
	if (!up)
		otr_upper_make(c, mv);
	return 0;
}

/* Is what moved on a socket ciphertext of a session that is followed? Then it is counted, and that
 * is all. */
OTR_GLOBAL int otr_ciphertext(struct otr_task *t, struct otr_bpf_conn *c, struct otr_move *mv)
{
	struct otr_bpf_dir *f;

	if (!t || !c || !mv)
		return 0;
	if (!c->inode)
		c->inode = otr_sock_inode((struct sock *)mv->sk);
	if (!c->has_upper && !(t->tls.session ? otr_is_record(mv) && !otr_upper_begin(c, mv)
					      : otr_off_socket(t->tgid, c, mv))) {
		mv->kind = OTR_BYTES_NONE;
		return 0;
	}
	if (t->tls.session) {
		t->tls.conn = c->inode;
		t->off_sockets &= ~OTR_OFF_MAYBE;
	}
	f = &c->flow[mv->dir & 1];
	if (!c->announced || c->tgid != t->tgid)
		otr_announce(t, c, mv);
	f->total += mv->moved;
	otr_note_lib(c, mv, 0);
	otr_handle(&t->strand, c->inode);
	return 1;
}

#endif /* OTR_TLS_BPF_H */

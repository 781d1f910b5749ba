// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tls_openssl.bpf.c - plaintext inside TLS, by uprobes at the entry and the return of the
 * functions of OpenSSL, and of libraries that are called in the same way (BoringSSL, GnuTLS).
 *
 * The agent attaches these programs to traced processes alone, each at a place where the
 * arguments are still in their registers (agent/source/tls_place.c); the cookie says which
 * register holds what. At the entry the call is kept in the state of the thread. In the call
 * tls.bpf.h sees which connection moves ciphertext; at the return the plaintext is a run like any
 * other.
 */

#include "life.bpf.h"
#include "tls_cookie.h"

#if defined(__TARGET_ARCH_x86)
#define PARM1(r)  ((r)->di)
#define PARM2(r)  ((r)->si)
#define PARM3(r)  ((r)->dx)
#define PARM4(r)  ((r)->cx)
#define PARM5(r)  ((r)->r8)
#define RESULT(r) ((r)->ax)
#define POPPED	  8 /* the return takes its address from the stack */
#else
#define PARM1(r)  ((r)->regs[0])
#define PARM2(r)  ((r)->regs[1])
#define PARM3(r)  ((r)->regs[2])
#define PARM4(r)  ((r)->regs[3])
#define PARM5(r)  ((r)->regs[4])
#define RESULT(r) ((r)->regs[0])
#define POPPED	  0
#endif

#define LIB_STACK  65536 /* a call within a call of a TLS library is not deeper in the stack */
#define NESTED_MAX 16	 /* if there are more, the return of the outer call was missed */

/* Is the thread in another call, for TLS within TLS or for the same session? The outer one is
 * followed. */
static __always_inline int is_nested(struct otr_tls_call *call, __u64 sp)
{
	return call->session && sp < call->sp && call->sp - sp < LIB_STACK &&
	       call->nested++ < NESTED_MAX;
}

static __always_inline struct otr_task *task_here(void)
{
	struct otr_task *t = otr_task_now();

	return t && !otr_has_lib(t) ? t : NULL;
}

/* Where the call writes how many bytes it moved; 0: it returns the number. Both registers are read,
 * as clang would else compute the address of one, which the verifier refuses. */
static __always_inline __u64 count_at(struct pt_regs *ctx, __u64 cookie)
{
	__u64 fourth = PARM4(ctx), fifth = PARM5(ctx);

	asm volatile("" : "+r"(fourth), "+r"(fifth));
	return cookie & OTR_TLS_COUNT_4 ? fourth : cookie & OTR_TLS_COUNT_5 ? fifth : 0;
}

static __always_inline int is_known(const struct otr_task *t, __u64 session)
{
	struct otr_tls_key key = {.session = session, .tgid = t->tgid};

	return bpf_map_lookup_elem(&otr_tls_conns, &key) != NULL;
}

SEC("uprobe")
int otr_tls_enter(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct otr_task *t = task_here();
	struct otr_tls_call *call;

	if (!t)
		return 0;
	otr_hit(OTR_HIT_TLS);
	if (cookie & OTR_TLS_STEPPED)
		otr_hit(OTR_HIT_STEP);
	call = &t->tls;
	if (is_nested(call, ctx->sp))
		return 0;
	call->session = PARM1(ctx);
	call->sp = ctx->sp;
	call->buf = PARM2(ctx);
	call->size = PARM3(ctx) > 0x7fffffff ? 0x7fffffff : PARM3(ctx);
	call->count = count_at(ctx, cookie);
	call->conn = 0;
	call->bio_sp = t->off_sockets && is_known(t, call->session) ? OTR_BIO_KNOWN : 0;
	call->nested = 0;
	return 0;
}

/* How many bytes the call moved; 0: none, or it failed. */
static __always_inline __u32 count_of(const struct otr_tls_call *call, long ret)
{
	__u64 n = ret;

	if ((int)ret <= 0)
		return 0;
	if (call->count && bpf_probe_read_user(&n, sizeof(n), (void *)call->count))
		return 0;
	return n < call->size ? n : call->size;
}

/* The call has moved bytes of another connection than that of its session: the session has a new
 * socket, or a coroutine ran inside the call for another session. The first is certain where the old
 * socket is gone; else neither connection gets the `n` bytes of plaintext, which are a hole in the
 * old one. Returns whether the new connection is that of the session. */
static __always_inline int has_new_conn(const struct otr_tls_key *key, __u64 was, __u8 dir, __u32 n)
{
	struct otr_bpf_conn *up = bpf_map_lookup_elem(&otr_uppers, &was);

	if (!up)
		return 1;
	up->flow[dir & 1].total += n;
	bpf_map_delete_elem(&otr_tls_conns, key);
	otr_lost(OTR_LOSS_SESSION);
	return 0;
}

/* The connection that carries the session: what moved in this call says so, else what moved in an
 * earlier one. The call moves `n` bytes of plaintext. 0: it is not known. */
static __always_inline __u64 conn_of(struct otr_task *t, const struct otr_tls_call *call, __u8 dir,
				     __u32 n)
{
	struct otr_tls_key key = {.session = call->session, .tgid = t->tgid};
	__u64 *known = bpf_map_lookup_elem(&otr_tls_conns, &key);
	__u64 conn = call->conn, was = known ? *known : 0;

	if (!conn && !was) {
		if (n && t->off_sockets & OTR_OFF_SEEN)
			otr_lost(OTR_LOSS_SESSION);
		t->off_sockets |= OTR_OFF_MAYBE;
	}
	if (!conn || conn == was)
		return was;
	if (was && !has_new_conn(&key, was, dir, n))
		return 0;
	bpf_map_update_elem(&otr_tls_conns, &key, &conn, BPF_ANY);
	return conn;
}

/* The call that the thread was in has returned: ends it. Returns the entry of the plaintext if
 * bytes moved, and `mv` says which. */
static __always_inline struct otr_bpf_conn *leave(struct pt_regs *ctx, struct otr_task *t,
						  struct otr_move *mv)
{
	struct otr_tls_call *call = &t->tls;
	__u64 conn;

	if (!call->session || ctx->sp != call->sp + POPPED)
		return NULL;
	mv->moved = count_of(call, RESULT(ctx));
	conn = conn_of(t, call, mv->dir, mv->moved);
	mv->base = call->buf;
	mv->kind = OTR_BYTES_PLAIN;
	call->session = 0;
	return conn && mv->moved ? bpf_map_lookup_elem(&otr_uppers, &conn) : NULL;
}

static __always_inline int moved(struct pt_regs *ctx, __u8 dir)
{
	struct otr_task *t = task_here();
	struct otr_move mv = {.dir = dir};
	struct otr_bpf_conn *up;

	if (!t)
		return 0;
	otr_hit(OTR_HIT_TLS);
	up = leave(ctx, t, &mv);
	if (!up)
		return 0;
	mv.now = bpf_ktime_get_ns();
	mv.pos = up->flow[dir].total;
	otr_moved(t, up, &mv, dir);
	return 0;
}

SEC("uretprobe")
int otr_tls_read(struct pt_regs *ctx)
{
	return moved(ctx, OTR_DIR_IN);
}

SEC("uretprobe")
int otr_tls_wrote(struct pt_regs *ctx)
{
	return moved(ctx, OTR_DIR_OUT);
}

/* A handshake moves ciphertext alone. */
SEC("uretprobe")
int otr_tls_shook(struct pt_regs *ctx)
{
	struct otr_task *t = task_here();

	if (!t || !t->tls.session || ctx->sp != t->tls.sp + POPPED)
		return 0;
	otr_hit(OTR_HIT_TLS);
	conn_of(t, &t->tls, OTR_DIR_IN, 0);
	t->tls.session = 0;
	return 0;
}

/* BIO_read(): the library reads ciphertext, in a call whose session has no connection yet. */
SEC("uprobe")
int otr_tls_bio(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct otr_task *t = task_here();

	if (!t)
		return 0;
	otr_hit(OTR_HIT_TLS);
	if (!t->tls.session || t->tls.conn || t->tls.bio_sp == OTR_BIO_KNOWN)
		return 0;
	t->tls.bio_sp = ctx->sp;
	t->tls.bio_buf = PARM2(ctx);
	t->tls.bio_count = count_at(ctx, cookie);
	return 0;
}

/* Is this the beginning of a record's content that came in on a connection? Then it carries the
 * session. The library reads a record's header by itself, or all that is there. */
static __always_inline void match(struct otr_task *t, __u64 n)
{
	struct otr_cipher_key key = {.tgid = t->tgid};
	struct otr_tls_call *call = &t->tls;
	struct otr_bpf_conn *up;
	__u64 *inode, conn;

	if (n < sizeof(key.bytes) ||
	    bpf_probe_read_user(key.bytes, sizeof(key.bytes), (void *)call->bio_buf))
		return;
	inode = bpf_map_lookup_elem(&otr_ciphers, &key);
	if (!inode)
		return;
	conn = *inode;
	up = bpf_map_lookup_elem(&otr_uppers, &conn);
	bpf_map_delete_elem(&otr_ciphers, &key);
	if (!up)
		return;
	up->has_upper = 1; /* it is more than a guess from now on */
	call->conn = conn;
	t->off_sockets |= OTR_OFF_SEEN;
}

SEC("uretprobe")
int otr_tls_biord(struct pt_regs *ctx)
{
	struct otr_task *t = task_here();
	__u64 n = RESULT(ctx);

	if (!t || !t->tls.session || !t->tls.bio_sp || ctx->sp != t->tls.bio_sp + POPPED)
		return 0;
	otr_hit(OTR_HIT_TLS);
	if ((int)n > 0 && t->tls.bio_count &&
	    bpf_probe_read_user(&n, sizeof(n), (void *)t->tls.bio_count))
		n = 0;
	t->tls.bio_sp = 0;
	if ((int)n > 0)
		match(t, n);
	return 0;
}

/* The session ends: its address may soon be that of another one. */
SEC("uprobe")
int otr_tls_free(struct pt_regs *ctx)
{
	struct otr_task *t = task_here();
	struct otr_tls_key key = {.session = PARM1(ctx)};

	if (!t)
		return 0;
	key.tgid = t->tgid;
	bpf_map_delete_elem(&otr_tls_conns, &key);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_PAYLOAD_BPF_H
#define OTR_PAYLOAD_BPF_H

/*
 * payload.bpf.h - finds and copies the bytes that a system call moved.
 *
 * The hooks fire inside the call, so the registers of the caller still hold its arguments, and
 * nothing is carried from entry to exit. A call that has no address of the bytes (sendfile,
 * splice, io_uring, sendmmsg) is counted and leaves a known gap.
 */

#include "maps.bpf.h"

enum otr_bytes {
	OTR_BYTES_NONE,
	OTR_BYTES_PLAIN, /* one buffer */
	OTR_BYTES_IOV,	 /* an array of buffers */
};

/* What one call moved over one socket. */
struct otr_move {
	__u64 now;
	__u64 pos;
	__u64 base;  /* user address of the bytes, or of the iovecs */
	__u32 count; /* iovecs */
	__u16 last;  /* the last two bytes that were copied, where the call has one buffer */
	__u16 pad;
	__u64 sk; /* struct sock *, for probe reads: an OTR_GLOBAL takes no pointer to it */
	__u32 moved;
	__u8 kind; /* enum otr_bytes */
	__u8 dir;
	__u8 first;
	__u8 whole;		/* a head is open, and all bytes are copied from one buffer */
	struct otr_segment seg; /* the bytes that the next record is about */
};

/* n = min(n, max), in one register: clang may compare a copy and then load the value from the
 * stack; a verifier before Linux 6.2 does not see that the two are equal. */
#define otr_clamp(n, max) asm volatile("if %0 < %1 goto +1\n\t%0 = %1" : "+r"(n) : "i"(max))

/* The same for a loop: the verifier goes on with all that is not above `max` first, and then finds
 * `max` itself among what it has seen. */
#define otr_clamp_again(n, max) \
	asm volatile("if %0 > %1 goto +1\n\tgoto +1\n\t%0 = %1" : "+r"(n) : "i"(max))

#define OTR_IOVS 8 /* buffers that are looked at; the rest is a known gap */

/* bpf_task_pt_regs() returns a pointer of a known type, so its fields are loads and not calls of a
 * helper; such calls were a third of the cost of a captured call. */
static __always_inline struct pt_regs *otr_regs_of(struct task_struct *task)
{
	return (struct pt_regs *)bpf_task_pt_regs(task);
}

static __always_inline struct pt_regs *otr_regs_now(void)
{
	return otr_regs_of(bpf_get_current_task_btf());
}

#if defined(__TARGET_ARCH_x86)
enum {
	NR_READ = 0,
	NR_WRITE = 1,
	NR_READV = 19,
	NR_WRITEV = 20,
	NR_SENDTO = 44,
	NR_RECVFROM = 45,
	NR_SENDMSG = 46,
	NR_RECVMSG = 47,
	NR_FUTEX = 202,
	NR_PPOLL = 271,
	NR_EPOLL_PWAIT2 = 441,
};
#define OTR_NR(r)   ((r)->orig_ax)
#define OTR_ARG0(r) ((r)->di)
#define OTR_ARG1(r) ((r)->si)
#define OTR_ARG2(r) ((r)->dx)
#define OTR_ARG3(r) ((r)->r10)
/* A 32-bit program has other call numbers: its bytes are not read. */
#define OTR_FOREIGN(r) ((r)->cs == 0x23)
#else
enum {
	NR_READ = 63,
	NR_WRITE = 64,
	NR_READV = 65,
	NR_WRITEV = 66,
	NR_SENDTO = 206,
	NR_RECVFROM = 207,
	NR_SENDMSG = 211,
	NR_RECVMSG = 212,
	NR_FUTEX = 98,
	NR_PPOLL = 73,
	NR_EPOLL_PWAIT2 = 441,
};
#define OTR_NR(r)      ((unsigned long)(r)->syscallno)
#define OTR_ARG0(r)    ((r)->orig_x0)
#define OTR_ARG1(r)    ((r)->regs[1])
#define OTR_ARG2(r)    ((r)->regs[2])
#define OTR_ARG3(r)    ((r)->regs[3])
#define OTR_FOREIGN(r) ((r)->pstate & 0x10)
#endif

static __always_inline void otr_find_msg(struct otr_move *mv, __u64 msg)
{
	struct user_msghdr hdr = {};

	bpf_probe_read_user(&hdr, sizeof(hdr), (void *)msg);
	mv->base = (__u64)hdr.msg_iov;
	mv->count = hdr.msg_iovlen;
	mv->kind = OTR_BYTES_IOV;
}

/* Finds the bytes of the current call: fills base, count and kind. */
static __always_inline int otr_find_bytes(struct otr_move *mv)
{
	struct pt_regs *regs = otr_regs_now();

	if (!mv || OTR_FOREIGN(regs))
		return 0;
	mv->base = OTR_ARG1(regs);
	switch (OTR_NR(regs)) {
	case NR_READ:
	case NR_WRITE:
	case NR_SENDTO:
	case NR_RECVFROM:
		mv->kind = OTR_BYTES_PLAIN;
		break;
	case NR_READV:
	case NR_WRITEV:
		mv->kind = OTR_BYTES_IOV;
		mv->count = OTR_ARG2(regs);
		break;
	case NR_SENDMSG:
	case NR_RECVMSG:
		otr_find_msg(mv, mv->base);
		break;
	}
	if (mv->kind == OTR_BYTES_IOV && mv->count == 1) {
		struct iovec one = {};

		bpf_probe_read_user(&one, sizeof(one), (void *)mv->base);
		mv->base = (__u64)one.iov_base;
		mv->kind = OTR_BYTES_PLAIN;
	}
	return 0;
}

/* Copies at most `cap` bytes to `to`, a buffer of `size` bytes (a constant). Of an array of
 * buffers at most half of `size` is copied: off < size/2 and n <= size/2 is what a verifier can
 * follow. Returns how many bytes were copied. */
static __always_inline __u32 otr_gather(char *to, const __u32 size, __u32 cap,
					const struct otr_move *mv)
{
	struct iovec *at = (void *)mv->base;
	__u32 off = 0;

	for (int i = 0; i < OTR_IOVS; i++) {
		struct iovec one = {};
		__u64 n;

		if (i >= mv->count || off >= cap || off >= size / 2)
			break;
		if (bpf_probe_read_user(&one, sizeof(one), at + i))
			break;
		n = one.iov_len;
		if (n > cap - off)
			n = cap - off;
		otr_clamp_again(n, size / 2);
		if (bpf_probe_read_user(to + off, n, one.iov_base))
			break;
		off += n;
		asm volatile("" : "+r"(off));
	}
	return off > cap ? cap : off;
}

static __always_inline __u32 otr_copy(char *to, const __u32 size, __u32 cap, struct otr_move *mv)
{
	__u64 n = cap;

	otr_clamp(n, size);
	if (bpf_probe_read_user(to, n, (void *)mv->base))
		return 0;
	if (n >= 2)
		mv->last = (__u8)to[n - 2] | (__u16)(__u8)to[n - 1] << 8;
	return n;
}

/* The address of the last bytes that a call with several buffers moved; `n`: how many bytes are
 * there in one buffer. */
static __always_inline __u64 otr_last_iov(const struct otr_move *mv, __u32 *n)
{
	struct iovec *at = (void *)mv->base;
	__u64 left = mv->moved;

	for (int i = 0; i < OTR_IOVS; i++) {
		struct iovec one = {};

		if (i >= mv->count || bpf_probe_read_user(&one, sizeof(one), at + i))
			break;
		if (left <= one.iov_len) {
			*n = left;
			return (__u64)one.iov_base + left;
		}
		left -= one.iov_len;
	}
	*n = 0;
	return 0;
}

/* Keeps the last 8 bytes of the run: they show whether a chunked body has ended. */
static __always_inline void otr_keep_tail(__u8 tail[8], const struct otr_move *mv)
{
	__u64 end = mv->base + mv->moved;
	__u32 n = mv->moved;
	__u64 was, few, fresh = 0;

	if (mv->kind == OTR_BYTES_NONE) {
		__builtin_memset(tail, 0, 8);
		return;
	}
	if (mv->kind == OTR_BYTES_IOV)
		end = otr_last_iov(mv, &n);
	if (n >= 8) {
		bpf_probe_read_user(tail, 8, (void *)(end - 8));
		return;
	}
	if (!n)
		return;
	__builtin_memcpy(&was, tail, 8);
	few = n;
	otr_clamp(few, 7);
	bpf_probe_read_user(&fresh, few, (void *)(end - few));
	/* Little endian: older bytes move down, new ones are added on top. */
	was = was >> (8 * few) | fresh << (64 - 8 * few);
	__builtin_memcpy(tail, &was, 8);
}

#endif /* OTR_PAYLOAD_BPF_H */

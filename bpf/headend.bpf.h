/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_HEADEND_BPF_H
#define OTR_HEADEND_BPF_H

/*
 * headend.bpf.h - how much is copied of a request whose head is longer than what is copied of
 * each run. A request that is copied whole costs one look at its last two bytes; only a longer
 * one is searched for the end of its head.
 */

#include "headend.h"
#include "payload.bpf.h"

#define OTR_SCAN_CHUNK 16

struct otr_scan {
	__u64 at;
	__u64 before; /* the eight bytes before `at` */
	__u32 left;
	__u32 done;
	__u64 found;
};

static int otr_scan_step(__u32 i, struct otr_scan *s)
{
	__u64 words[OTR_SCAN_CHUNK / 8] = {};
	__u64 n = s->left;

	otr_clamp(n, OTR_SCAN_CHUNK);
	if (!n || bpf_probe_read_user(words, n, (void *)s->at))
		return 1;
#pragma unroll
	for (int j = 0; j < OTR_SCAN_CHUNK / 8; j++) {
		s->found |= otr_blank_line(s->before, words[j]);
		s->before = words[j];
	}
	s->at += n;
	s->left -= n;
	s->done += n;
	return s->found != 0;
}

/* How many of the `n` bytes at `base` belong to a head that `before` is a part of: all if there
 * is no blank line, else those up to the blank line and less than a chunk more. */
static __always_inline __u32 otr_head_left(__u64 base, __u64 before, __u32 n, __u32 *over)
{
	struct otr_scan s = {.at = base, .before = before, .left = n};

	bpf_loop(OTR_LONG_HEAD / OTR_SCAN_CHUNK, otr_scan_step, &s, 0);
	*over = s.found != 0;
	return s.done;
}

/* Keeps the last two bytes that moved. Global, as the next two functions are, so that each has a
 * stack of its own and is verified once. */
OTR_GLOBAL int otr_keep_last(struct otr_bpf_dir *f, const struct otr_move *mv)
{
	__u64 end;
	__u32 n;
	__u16 last = 0;
	__u8 one = 0;

	if (!f || !mv)
		return 0;
	end = mv->base + mv->moved;
	n = mv->moved;

	if (mv->kind == OTR_BYTES_IOV)
		end = otr_last_iov(mv, &n);
	if (n >= 2) {
		bpf_probe_read_user(&last, sizeof(last), (void *)(end - 2));
		f->head_last = last;
	} else if (n) {
		bpf_probe_read_user(&one, sizeof(one), (void *)(end - 1));
		f->head_last = f->head_last >> 8 | (__u16)one << 8;
	}
	return 0;
}

/* The first buffer of the call. */
static __always_inline __u64 otr_first_bytes(const struct otr_move *mv, __u64 *n)
{
	struct iovec one = {};

	*n = mv->moved;
	if (mv->kind == OTR_BYTES_PLAIN)
		return mv->base;
	bpf_probe_read_user(&one, sizeof(one), (void *)mv->base);
	if (one.iov_len < *n)
		*n = one.iov_len;
	return (__u64)one.iov_base;
}

OTR_GLOBAL int otr_opens_request(const struct otr_move *mv)
{
	__u64 line[OTR_REQUEST_LINE / 8] = {};
	__u64 n, at;

	if (!mv)
		return 0;
	at = otr_first_bytes(mv, &n);
	otr_clamp(n, sizeof(line));
	if (bpf_probe_read_user(line, n, (void *)at))
		return 0;
	return otr_begins_request(line[0], line[1]);
}

/* The call is longer than `cap`, and a head that was open before it may go on in it. */
static __always_inline __u32 otr_long_cap(struct otr_bpf_dir *f, const struct otr_move *mv,
					  __u64 before, __u32 cap)
{
	__u32 room = f->copied < OTR_LONG_HEAD ? OTR_LONG_HEAD - f->copied : 0;
	__u64 n, at = otr_first_bytes(mv, &n);
	__u32 over = 0, want;

	if (n > room)
		n = room;
	want = otr_head_left(at, before, n, &over);
	f->head_open = !over && want < room;
	/* Of a head in several buffers as much is copied as the record has room for. */
	if (!over && mv->kind == OTR_BYTES_IOV && mv->moved > n)
		want = mv->moved < OTR_LONG_HEAD / 2 ? mv->moved : OTR_LONG_HEAD / 2;
	if (want > room)
		want = room;
	return want > cap ? want : cap;
}

/* Is the head still open behind the bytes of this call? `whole`: all of them are copied. */
static __always_inline void otr_head_goes_on(struct otr_bpf_dir *f, const struct otr_move *mv,
					     int whole)
{
	if (whole && (f->head_last == 0x0a0d || f->head_last == 0x0a0a))
		f->head_open = 0; /* nearly every request ends so */
	else if (mv->first)
		f->head_open = otr_opens_request(mv);
}

/* How many bytes of a call are copied, where `cap` bytes would be and a head that is open goes on
 * in it. `mv` is of the direction of requests. */
OTR_GLOBAL int otr_head_cap(struct otr_bpf_dir *f, const struct otr_move *mv, __u32 cap)
{
	__u64 before;

	if (!f || !mv)
		return cap;
	if (mv->kind == OTR_BYTES_NONE) {
		f->head_open = 0;
		return cap;
	}
	before = (__u64)f->head_last << 48;
	otr_keep_last(f, mv);
	otr_head_goes_on(f, mv, cap == mv->moved);
	if (f->head_open && cap < mv->moved)
		cap = otr_long_cap(f, mv, before, cap);
	return cap;
}

/* The same for any call of that direction. Where all bytes are in one buffer and are copied, the
 * look at the last two waits for the copy: to read memory of the process is what costs most here.
 */
static __always_inline __u32 otr_request_cap(struct otr_bpf_dir *f, struct otr_move *mv, __u32 cap)
{
	if (mv->first) {
		f->head_open = 1;
		f->head_last = 0;
	}
	if (!f->head_open)
		return cap;
	mv->whole = cap >= 2 && cap == mv->moved && mv->kind == OTR_BYTES_PLAIN;
	return mv->whole ? cap : otr_head_cap(f, mv, cap);
}

/* The bytes of such a call were copied. */
static __always_inline void otr_request_copied(struct otr_bpf_dir *f, const struct otr_move *mv)
{
	f->head_last = mv->last;
	otr_head_goes_on(f, mv, 1);
}

#endif /* OTR_HEADEND_BPF_H */

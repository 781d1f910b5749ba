/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_FRAMES_H
#define OTR_FRAMES_H

/*
 * frames.h - the walk along the frames of HTTP/2 (RFC 9113, 4.1) and of AMQP 0-9-1 (specification,
 * 2.3.5): the payload of DATA, and of bodies, is not copied, all other bytes are:
 *
 *	HTTP/2: | length 24 | type 8 | flags 8 | stream 32 | length bytes of payload | ..
 *	AMQP:	| type 8 | channel 16 | length 32 | length bytes of payload | 0xce | ..
 *
 * Pure and bounded; tested natively (tests/unit/frames_test.c).
 */

#ifndef __bpf__
#include <linux/types.h>
#endif

/* A call that is captured by CALLS and longer than one record can be, is copied by as many records,
 * if it sends requests and its policy is to copy all that a record can hold. */
#define OTR_CALL_RECORDS 4

#define OTR_FRAMES_BYTES  4096	   /* of a segment that are copied, at most */
#define OTR_PREFACE_BYTES 24	   /* "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" */
#define OTR_PREFACE_LEFT  0x505249 /* "PRI": the preface comes later, after an upgrade */
#define OTR_FRAME_USUAL	  16384	   /* bytes of a payload; DATA may be longer */
#define OTR_FRAME_HEAD	  9

#define OTR_AMQP_OPENING    8 /* "AMQP\0\0\x09\x01" */
#define OTR_AMQP_FRAME_HEAD 7
#define OTR_AMQP_BODY	    3
#define OTR_AMQP_USUAL	    (16u << 20) /* bytes of a payload */

/* The state of the walk in one direction. All zero: before a frame. */
struct otr_frames {
	__u32 left;   /* bytes of the payload to come; the length so far
		       * while `have` is not 0 */
	__u8 have;    /* bytes of a header that is not whole yet */
	__u8 preface; /* bytes of the preface to come */
	__u8 data;    /* the frame is DATA, or a body */
	__u8 lost;    /* bytes could not be read: calls are copied as they come */
	__u8 amqp;    /* the frames are those of AMQP */
	__u8 pad[3];
};

/* A part of a call: the first `copy` of `len` bytes are copied. */
struct otr_segment {
	__u32 copy;
	__u32 len;
};

/* Takes one byte of a header that was cut. */
static inline __attribute__((always_inline)) void otr_frames_byte(struct otr_frames *fr, __u8 byte)
{
	if (!fr->have)
		fr->left = 0;
	if (fr->have < 3)
		fr->left = fr->left << 8 | byte;
	else if (fr->have == 3)
		fr->data = !byte;
	fr->have = fr->have + 1 < OTR_FRAME_HEAD ? fr->have + 1 : 0;
}

/* The same of AMQP. The byte behind the payload counts as one of it. */
static inline __attribute__((always_inline)) void otr_amqp_byte(struct otr_frames *fr, __u8 byte)
{
	if (!fr->have) {
		fr->left = 0;
		fr->data = byte == OTR_AMQP_BODY;
		fr->lost |= (byte < 1 || byte > 3) && byte != 8;
	} else if (fr->have >= 3) {
		fr->left = fr->left << 8 | byte;
	}
	fr->have++;
	if (fr->have < OTR_AMQP_FRAME_HEAD)
		return;
	fr->have = 0;
	fr->lost |= fr->left > OTR_AMQP_USUAL;
	fr->left++;
}

static inline __attribute__((always_inline)) __u32 otr_amqp_head(struct otr_frames *fr,
								 const __u8 *at)
{
	fr->data = at[0] == OTR_AMQP_BODY;
	fr->left = (__u32)at[3] << 24 | (__u32)at[4] << 16 | (__u32)at[5] << 8 | at[6];
	if (at[0] < 1 || (at[0] > 3 && at[0] != 8) || fr->left > OTR_AMQP_USUAL)
		fr->lost = 1; /* the walk did not begin at a frame */
	fr->left++;
	return OTR_AMQP_FRAME_HEAD;
}

/* Does the walk need to read what comes next, a header? */
static inline __attribute__((always_inline)) int otr_frames_reads(const struct otr_frames *fr)
{
	return !fr->preface && (fr->have || !fr->left);
}

/* Steps over some of the next `n` bytes that moved, all of one kind. Where otr_frames_reads(),
 * `at` holds the first min(n, OTR_FRAME_HEAD) of them. Returns how many, and sets *copy to
 * whether these are copied. */
static inline __attribute__((always_inline)) __u32 otr_frames_step(struct otr_frames *fr,
								   const __u8 *at, __u32 n,
								   int *copy)
{
	*copy = 1;
	if (fr->preface) {
		n = n < fr->preface ? n : fr->preface;
		fr->preface -= n;
		return n;
	}
	if (!fr->have && fr->left) {
		n = n < fr->left ? n : fr->left;
		if (!fr->data && n > OTR_FRAMES_BYTES)
			n = OTR_FRAMES_BYTES;
		fr->left -= n;
		*copy = !fr->data;
		return n;
	}
	if (fr->amqp && !fr->have && n >= OTR_AMQP_FRAME_HEAD)
		return otr_amqp_head(fr, at);
	if (fr->amqp || fr->have || n < OTR_FRAME_HEAD) {
		if (fr->amqp)
			otr_amqp_byte(fr, at[0]);
		else
			otr_frames_byte(fr, at[0]);
		return 1;
	}
	fr->left = (__u32)at[0] << 16 | (__u32)at[1] << 8 | at[2];
	fr->data = !at[3];
	if (fr->left == OTR_PREFACE_LEFT && at[3] == ' ') {
		fr->left = 0;
		fr->preface = OTR_PREFACE_BYTES - OTR_FRAME_HEAD;
	} else if (at[3] > 9 && fr->left > OTR_FRAME_USUAL) {
		fr->lost = 1; /* the walk did not begin at a frame */
	}
	return OTR_FRAME_HEAD;
}

/* Adds `n` bytes to a segment. Returns 0 where the bytes begin another segment: the caller sends
 * this one first, empties it, and calls again. */
static inline __attribute__((always_inline)) int otr_segment_add(struct otr_segment *seg, __u32 n,
								 int copy)
{
	if (copy && (seg->copy < seg->len || (seg->len && seg->len + n > OTR_FRAMES_BYTES)))
		return 0;
	seg->len += n;
	if (copy)
		seg->copy += n;
	return 1;
}

#endif /* OTR_FRAMES_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TCP_ORDER_H
#define OTR_TCP_ORDER_H

/*
 * tcp_order.h - puts the segments of one direction of a captured connection in order.
 *
 *	        next
 *	---------|.........|=======|.....|====|
 *	 given     missing   held          held
 *
 * A segment may come twice, early, or overlap others. What is missing may still come; it never
 * comes once the receiver has acknowledged what lies behind it: then the capture missed it, and
 * what is held is given, with a hole before it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

/* Bytes and segments that one direction holds; beyond them the missing bytes are given up. */
#define OTR_TCP_HELD_BYTES    (256u << 10)
#define OTR_TCP_HELD_SEGMENTS 256u

struct otr_tcp_held;

/* Begins zeroed. */
struct otr_tcp_order {
	uint32_t next; /* sequence number of the next byte to give, once `begun` */
	bool begun;
	bool has_acked;
	uint32_t acked; /* the receiver has all bytes before this one */
	uint32_t n_held, held_bytes;
	struct otr_tcp_held *held; /* by sequence number; they may overlap */
};

/* Receives bytes in order: `len` bytes from `seq` on, of which `data` was captured. */
typedef void (*otr_tcp_bytes_fn)(void *arg, uint32_t seq, uint32_t len, struct otr_slice data);

/* The first byte of the direction is `seq`. */
void otr_tcp_order_begin(struct otr_tcp_order * or, uint32_t seq);

/* Takes a segment of `len` bytes, of which `data` was captured, and gives `fn` all bytes that are
 * in order now. Returns 0, or -ENOMEM: a segment that would have to be held is dropped, which
 * makes it a hole. */
int otr_tcp_order_take(struct otr_tcp_order * or, uint32_t seq, uint32_t len, struct otr_slice data,
		       otr_tcp_bytes_fn fn, void *arg);

/* The receiver has acknowledged all bytes before `ack`: gives `fn` what is held and need not wait
 * any longer. */
void otr_tcp_order_ack(struct otr_tcp_order * or, uint32_t ack, otr_tcp_bytes_fn fn, void *arg);

/* Bytes before `seq` will not come any more. Nothing is held. */
void otr_tcp_order_skip(struct otr_tcp_order * or, uint32_t seq);

/* Gives `fn` all that is held: nothing more comes. */
void otr_tcp_order_flush(struct otr_tcp_order * or, otr_tcp_bytes_fn fn, void *arg);

/* Frees what is held. */
void otr_tcp_order_fini(struct otr_tcp_order * or);

#endif /* OTR_TCP_ORDER_H */

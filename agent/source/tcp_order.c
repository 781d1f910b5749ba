/* SPDX-License-Identifier: Apache-2.0 */
/* tcp_order.c - segments in order; see tcp_order.h. Sequence numbers wrap: they are compared by
 * their difference (RFC 9293, 3.4). */

#include "agent/source/tcp_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/base/own.h"

struct otr_tcp_held {
	struct otr_tcp_held *next;
	uint32_t seq, len, cap;
	char data[];
};

/* How far `a` is behind `b`; negative: before it. */
static int32_t distance(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

void otr_tcp_order_begin(struct otr_tcp_order * or, uint32_t seq)
{
	or->next = seq;
	or->begun = true;
}

/* Gives what of the segment was not given before. It begins at `next` or before it. */
static void give(struct otr_tcp_order * or, uint32_t seq, uint32_t len, struct otr_slice data,
		 otr_tcp_bytes_fn fn, void *arg)
{
	uint32_t known = or->next - seq;

	if (known >= len)
		return;
	or->next = seq + len;
	fn(arg, seq + known, len - known, otr_slice_sub(data, known, data.len));
}

static void give_first_held(struct otr_tcp_order * or, otr_tcp_bytes_fn fn, void *arg)
{
	struct otr_tcp_held *held = or->held;
	uint32_t seq = held->seq;

	LL_DELETE(or->held, held);
	or->n_held--;
	or->held_bytes -= held->cap;
	if (distance(seq, or->next) > 0)
		or->next = seq; /* a hole is before it */
	give(or, seq, held->len, (struct otr_slice){held->data, held->cap}, fn, arg);
	free(held);
}

/* Gives held segments as long as they begin at `next` or before, or behind bytes that will not
 * come any more. */
static void give_ready(struct otr_tcp_order * or, otr_tcp_bytes_fn fn, void *arg)
{
	while (or->held && (distance(or->held->seq, or->next) <= 0 ||
			    (or->has_acked && distance(or->acked, or->held->seq) >= 0) ||
			    or->n_held > OTR_TCP_HELD_SEGMENTS ||
			    or->held_bytes > OTR_TCP_HELD_BYTES))
		give_first_held(or, fn, arg);
}

static int by_seq(const struct otr_tcp_held *a, const struct otr_tcp_held *b)
{
	return distance(a->seq, b->seq);
}

static int hold(struct otr_tcp_order * or, uint32_t seq, uint32_t len, struct otr_slice data)
{
	struct otr_tcp_held *held = malloc(sizeof(*held) + data.len);

	if (!held)
		return -ENOMEM;
	*held = (struct otr_tcp_held){.seq = seq, .len = len, .cap = (uint32_t)data.len};
	if (data.len)
		memcpy(held->data, data.data, data.len);
	LL_INSERT_INORDER(or->held, held, by_seq);
	or->n_held++;
	or->held_bytes += held->cap;
	return 0;
}

int otr_tcp_order_take(struct otr_tcp_order * or, uint32_t seq, uint32_t len, struct otr_slice data,
		       otr_tcp_bytes_fn fn, void *arg)
{
	int rc = 0;

	if (! or->begun)
		otr_tcp_order_begin(or, seq);
	if (distance(seq, or->next) <= 0) {
		if (distance(seq + len, or->next) > 0)
			give(or, seq, len, data, fn, arg);
	} else {
		rc = hold(or, seq, len, data);
	}
	give_ready(or, fn, arg);
	return rc;
}

void otr_tcp_order_ack(struct otr_tcp_order * or, uint32_t ack, otr_tcp_bytes_fn fn, void *arg)
{
	if (! or->has_acked || distance(ack, or->acked) > 0)
		or->acked = ack;
	or->has_acked = true;
	give_ready(or, fn, arg);
}

void otr_tcp_order_skip(struct otr_tcp_order * or, uint32_t seq)
{
	if (distance(seq, or->next) > 0)
		or->next = seq;
}

void otr_tcp_order_flush(struct otr_tcp_order * or, otr_tcp_bytes_fn fn, void *arg)
{
	while (or->held)
		give_first_held(or, fn, arg);
}

void otr_tcp_order_fini(struct otr_tcp_order * or)
{
	struct otr_tcp_held *held, *next;

	LL_FOREACH_SAFE(or->held, held, next)
		free(held);
	* or = (struct otr_tcp_order){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c - a message that outlives the parser's input.
 *
 *	| struct otr_msg, but the attributes it does not use | texts, one after the other |
 */

#include "agent/stitch/copy.h"

#include <string.h>

#include "agent/base/pool.h"
#include "agent/proto/proto.h"

#define TEXT_MAX 16384 /* bytes of all texts of one message */

/* Where the next text goes. */
struct mover {
	char *at;
	size_t left;
};

/* Most texts are a few bytes long: two words that overlap are the quickest copy. */
static inline void copy_text(char *to, const char *from, size_t len)
{
	uint64_t first, last;

	if (len < 8 || len > 16) {
		memcpy(to, from, len);
		return;
	}
	memcpy(&first, from, 8);
	memcpy(&last, from + len - 8, 8);
	memcpy(to, &first, 8);
	memcpy(to + len - 8, &last, 8);
}

static inline void move_slice(struct mover *mv, struct otr_slice *s)
{
	if (!s->len)
		return;
	if (s->len > mv->left)
		s->len = mv->left;
	copy_text(mv->at, s->data, s->len);
	s->data = mv->at;
	mv->at += s->len;
	mv->left -= s->len;
}

static bool has_text(const struct otr_attr *at)
{
	return at->type == OTR_ATTR_STRING || at->type == OTR_ATTR_STRINGS;
}

static size_t text_bytes(const struct otr_msg *msg)
{
	size_t n = msg->op.len + msg->trace_ctx.len + msg->trace_state.len + msg->baggage.len +
		   msg->target.len;

	for (const struct otr_attr *at = msg->attrs; at < msg->attrs + msg->n_attrs; at++)
		n += at->name.len + (has_text(at) ? at->string.len : 0);
	return n < TEXT_MAX ? n : TEXT_MAX;
}

static void move_texts(struct mover *mv, struct otr_msg *msg)
{
	move_slice(mv, &msg->op);
	move_slice(mv, &msg->trace_ctx);
	move_slice(mv, &msg->trace_state);
	move_slice(mv, &msg->baggage);
	for (struct otr_attr *at = msg->attrs; at < msg->attrs + msg->n_attrs; at++) {
		move_slice(mv, &at->name);
		if (has_text(at))
			move_slice(mv, &at->string);
	}
	move_slice(mv, &msg->target); /* the longest text: it is cut before the others */
}

struct otr_msg *otr_msg_copy(struct otr_pool *pool, const struct otr_msg *msg)
{
	size_t fixed = offsetof(struct otr_msg, attrs) + msg->n_attrs * sizeof(msg->attrs[0]);
	size_t texts = text_bytes(msg);
	struct otr_msg *copy = otr_pool_take(pool, fixed + texts);
	struct mover mv = {(char *)copy + fixed, texts};

	if (!copy)
		return NULL;
	memcpy(copy, msg, fixed);
	move_texts(&mv, copy);
	return copy;
}

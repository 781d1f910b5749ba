/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy.c - a message that outlives the parser's input.
 *
 *	| struct otr_msg, but the attributes it does not use | texts, one after the other |
 */

#include "agent/stitch/copy.h"

#include <stdlib.h>
#include <string.h>

#include "agent/proto/proto.h"

#define TEXT_MAX 16384 /* bytes of all texts of one message */

struct mover {
	char *at; /* NULL: count only */
	size_t len;
};

static void move_slice(struct mover *mv, struct otr_slice *s)
{
	if (mv->len + s->len > TEXT_MAX)
		s->len = TEXT_MAX - mv->len;
	if (mv->at && s->len) {
		memcpy(mv->at + mv->len, s->data, s->len);
		s->data = mv->at + mv->len;
	}
	mv->len += s->len;
}

static void move_attr(struct mover *mv, struct otr_attr *at)
{
	move_slice(mv, &at->name);
	if (at->type == OTR_ATTR_STRING || at->type == OTR_ATTR_STRINGS)
		move_slice(mv, &at->string);
}

static void move_texts(struct mover *mv, struct otr_msg *msg)
{
	move_slice(mv, &msg->op);
	move_slice(mv, &msg->trace_ctx);
	move_slice(mv, &msg->trace_state);
	move_slice(mv, &msg->baggage);
	for (size_t i = 0; i < msg->n_attrs; i++)
		move_attr(mv, &msg->attrs[i]);
	move_slice(mv, &msg->target); /* the longest text: it is cut before the others */
}

struct otr_msg *otr_msg_copy(const struct otr_msg *msg)
{
	size_t fixed = offsetof(struct otr_msg, attrs) + msg->n_attrs * sizeof(msg->attrs[0]);
	struct otr_msg counted, *copy;
	struct mover mv = {0};

	memcpy(&counted, msg, fixed);
	move_texts(&mv, &counted);
	copy = malloc(fixed + mv.len);
	if (!copy)
		return NULL;
	memcpy(copy, msg, fixed);
	mv = (struct mover){.at = (char *)copy + fixed};
	move_texts(&mv, copy);
	return copy;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* msg.c - attributes of a message: parse() adds them, describe() reads them. */

#include "agent/proto/msg.h"

static struct otr_attr *add_attr(struct otr_msg *msg, enum otr_key key, enum otr_attr_type type)
{
	struct otr_attr *at;

	if (msg->n_attrs == OTR_MSG_ATTRS)
		return NULL;
	at = &msg->attrs[msg->n_attrs++];
	at->key = (uint16_t)key;
	at->type = (uint16_t)type;
	at->name = OTR_SLICE_NONE;
	return at;
}

void otr_msg_add_text(struct otr_msg *msg, enum otr_key key, struct otr_slice value)
{
	struct otr_attr *at = value.len ? add_attr(msg, key, OTR_ATTR_STRING) : NULL;

	if (at)
		at->string = value;
}

void otr_msg_add_custom(struct otr_msg *msg, struct otr_slice name, struct otr_slice value)
{
	struct otr_attr *at = value.len ? add_attr(msg, OTR_KEY_CUSTOM, OTR_ATTR_STRING) : NULL;

	if (!at)
		return;
	at->name = name;
	at->string = value;
}

void otr_msg_add_int(struct otr_msg *msg, enum otr_key key, int64_t value)
{
	struct otr_attr *at = add_attr(msg, key, OTR_ATTR_INT);

	if (at)
		at->integer = value;
}

static const struct otr_attr *find_attr(const struct otr_msg *msg, enum otr_key key,
					enum otr_attr_type type, struct otr_slice name)
{
	const struct otr_attr *at = msg->attrs, *end = at + msg->n_attrs;

	for (; at < end; at++)
		if (at->key == key && at->type == type &&
		    (key != OTR_KEY_CUSTOM || otr_slice_eq(at->name, name)))
			return at;
	return NULL;
}

struct otr_slice otr_msg_text(const struct otr_msg *msg, enum otr_key key)
{
	const struct otr_attr *at = find_attr(msg, key, OTR_ATTR_STRING, OTR_SLICE_NONE);

	return at ? at->string : OTR_SLICE_NONE;
}

struct otr_slice otr_msg_custom(const struct otr_msg *msg, struct otr_slice name)
{
	const struct otr_attr *at = find_attr(msg, OTR_KEY_CUSTOM, OTR_ATTR_STRING, name);

	return at ? at->string : OTR_SLICE_NONE;
}

int64_t otr_msg_int(const struct otr_msg *msg, enum otr_key key, int64_t fallback)
{
	const struct otr_attr *at = find_attr(msg, key, OTR_ATTR_INT, OTR_SLICE_NONE);

	return at ? at->integer : fallback;
}

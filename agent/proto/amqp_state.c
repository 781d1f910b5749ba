/* SPDX-License-Identifier: Apache-2.0 */
/* amqp_state.c - what is known of the channels and consumers of a connection. */

#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/proto/amqp.h"

struct otr_amqp_channel *otr_amqp_channel(struct otr_amqp *aq, uint16_t id)
{
	for (size_t i = 0; id && i < OTR_AMQP_CHANNELS; i++)
		if (aq->channels[i].id == id)
			return &aq->channels[i];
	return NULL;
}

struct otr_amqp_channel *otr_amqp_channel_add(struct otr_amqp *aq, uint16_t id)
{
	struct otr_amqp_channel *ch = otr_amqp_channel(aq, id);

	for (size_t i = 0; id && !ch && i < OTR_AMQP_CHANNELS; i++) {
		if (aq->channels[i].id)
			continue;
		ch = &aq->channels[i];
		*ch = (struct otr_amqp_channel){.id = id};
	}
	return ch;
}

void otr_amqp_channel_close(struct otr_amqp *aq, uint16_t id)
{
	struct otr_amqp_channel *ch = otr_amqp_channel(aq, id);

	if (ch)
		ch->id = 0;
	for (size_t i = 0; i < OTR_AMQP_CONSUMERS; i++)
		if (aq->consumers[i].channel == id)
			aq->consumers[i].channel = 0;
}

static uint64_t sum(struct otr_slice tag)
{
	return tag.len ? otr_keyed_more(0, tag.data, tag.len) : 0;
}

static struct otr_amqp_consumer *find(const struct otr_amqp *aq, uint16_t channel, bool named,
				      uint64_t tag_sum)
{
	const struct otr_amqp_consumer *at;

	for (size_t i = 0; i < OTR_AMQP_CONSUMERS; i++) {
		at = &aq->consumers[i];
		if (at->channel == channel && at->named == named &&
		    (!named || at->tag_sum == tag_sum))
			return (struct otr_amqp_consumer *)(uintptr_t)at;
	}
	return NULL;
}

/* A client that sends an empty tag has to wait for the one that the server chooses: one at a time
 * is without a tag, and a second one makes both unknown. */
void otr_amqp_consume(struct otr_amqp *aq, uint16_t channel, struct otr_slice tag,
		      struct otr_slice queue, bool no_ack)
{
	struct otr_amqp_consumer *at = find(aq, channel, tag.len > 0, sum(tag));

	if (at && !tag.len) {
		at->channel = 0;
		return;
	}
	for (size_t i = 0; !at && i < OTR_AMQP_CONSUMERS; i++)
		if (!aq->consumers[i].channel)
			at = &aq->consumers[i];
	if (!at)
		return;
	at->channel = channel;
	at->named = tag.len > 0;
	at->tag_sum = sum(tag);
	at->no_ack = no_ack;
	at->queue_len = queue.len <= sizeof(at->queue) ? (uint8_t)queue.len : 0;
	if (at->queue_len)
		memcpy(at->queue, queue.data, at->queue_len);
}

void otr_amqp_consume_ok(struct otr_amqp *aq, uint16_t channel, struct otr_slice tag)
{
	struct otr_amqp_consumer *at;

	if (find(aq, channel, true, sum(tag)))
		return;
	at = find(aq, channel, false, 0);
	if (!at)
		return;
	at->named = true;
	at->tag_sum = sum(tag);
}

void otr_amqp_cancel(struct otr_amqp *aq, uint16_t channel, struct otr_slice tag)
{
	struct otr_amqp_consumer *at = find(aq, channel, true, sum(tag));

	if (at)
		at->channel = 0;
}

uint8_t otr_amqp_consumer(const struct otr_amqp *aq, uint16_t channel, struct otr_slice tag)
{
	const struct otr_amqp_consumer *at = find(aq, channel, true, sum(tag));

	return at ? (uint8_t)(1 + (at - aq->consumers)) : 0;
}

void otr_amqp_confirmed(struct otr_amqp_channel *ch, uint64_t tag, bool multiple)
{
	if (tag <= ch->low || tag > ch->published)
		return;
	if (multiple) {
		ch->above = tag - ch->low < 64 ? ch->above >> (tag - ch->low) : 0;
		ch->low = tag;
	} else if (tag - ch->low <= 64) {
		ch->above |= 1ull << (tag - ch->low - 1);
	}
	while (ch->above & 1) {
		ch->above >>= 1;
		ch->low++;
	}
}

bool otr_amqp_hold(struct otr_amqp *aq, enum otr_dir dir, const struct otr_amqp_content *c)
{
	struct otr_amqp_content *to;
	char *texts;

	for (size_t i = 0; i < OTR_AMQP_HELD; i++) {
		to = &aq->held[dir][i].content;
		texts = aq->held[dir][i].texts;
		if (to->method && to->channel != c->channel)
			continue;
		*to = *c;
		if (c->exchange.len)
			memcpy(texts, c->exchange.data, c->exchange.len);
		if (c->key.len)
			memcpy(texts + 255, c->key.data, c->key.len);
		to->exchange.data = to->key.data = NULL; /* the state may be moved */
		return true;
	}
	return false;
}

bool otr_amqp_held(struct otr_amqp *aq, enum otr_dir dir, uint16_t channel,
		   struct otr_amqp_content *c)
{
	for (size_t i = 0; i < OTR_AMQP_HELD; i++) {
		if (!aq->held[dir][i].content.method || aq->held[dir][i].content.channel != channel)
			continue;
		*c = aq->held[dir][i].content;
		c->exchange.data = aq->held[dir][i].texts;
		c->key.data = aq->held[dir][i].texts + 255;
		return true;
	}
	return false;
}

void otr_amqp_release(struct otr_amqp *aq, enum otr_dir dir, uint16_t channel)
{
	for (size_t i = 0; i < OTR_AMQP_HELD; i++)
		if (aq->held[dir][i].content.channel == channel)
			aq->held[dir][i].content.method = 0;
}

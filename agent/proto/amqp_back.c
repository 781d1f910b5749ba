/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_back.c - what a broker of AMQP sends, but for messages (amqp_front.c has them all).
 *
 *	ack, nack	RESPONSE to publishes: their number on the channel
 *	get-empty	RESPONSE
 *	close		END of all that is open on the channel, or on the connection, with its code
 */

#include "agent/base/own.h"
#include "agent/proto/amqp.h"
#include "agent/proto/msg.h"

#define MULTIPLE 1u
#define OK	 200

/* Specification, 1.7; the names are those of RabbitMQ. */
struct otr_slice otr_amqp_code(uint16_t code)
{
	static const struct {
		uint16_t code;
		const char *name;
	} codes[] = {
		{311, "CONTENT_TOO_LARGE"}, {312, "NO_ROUTE"},	       {313, "NO_CONSUMERS"},
		{320, "CONNECTION_FORCED"}, {402, "INVALID_PATH"},     {403, "ACCESS_REFUSED"},
		{404, "NOT_FOUND"},	    {405, "RESOURCE_LOCKED"},  {406, "PRECONDITION_FAILED"},
		{501, "FRAME_ERROR"},	    {502, "SYNTAX_ERROR"},     {503, "COMMAND_INVALID"},
		{504, "CHANNEL_ERROR"},	    {505, "UNEXPECTED_FRAME"}, {506, "RESOURCE_ERROR"},
		{530, "NOT_ALLOWED"},	    {540, "NOT_IMPLEMENTED"},  {541, "INTERNAL_ERROR"},
	};

	for (size_t i = 0; i < OTR_ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			return otr_slice_str(codes[i].name);
	return OTR_SLICE_NONE;
}

/* After a hole. Returns whether `tag` is of a message that was seen as a moment. */
static bool resume(struct otr_amqp_channel *ch, uint64_t tag)
{
	bool later = tag > ch->published;

	ch->resumes = false;
	ch->counts = true;
	if (!later)
		return false;
	ch->published = ch->low = tag;
	ch->above = 0;
	return true;
}

static bool confirmed(struct otr_amqp *aq, uint16_t channel, bool refused,
		      struct otr_amqp_args *args, struct otr_msg *msg)
{
	struct otr_amqp_channel *ch = otr_amqp_channel(aq, channel);
	uint64_t tag = otr_amqp_int(args, 8);
	bool multiple = otr_amqp_int(args, 1) & MULTIPLE;

	if (args->bad || !ch || !ch->confirms || !ch->published)
		return false;
	if (ch->resumes && tag >= ch->published && tag <= OTR_AMQP_TAG && resume(ch, tag))
		return false;
	if (multiple && (!tag || tag > ch->published))
		tag = ch->published;
	if (!tag || tag > ch->published)
		return false;
	otr_amqp_confirmed(ch, tag, multiple);
	msg->kind = OTR_MSG_RESPONSE;
	msg->stream = otr_amqp_stream(channel, tag);
	msg->since = multiple ? otr_amqp_stream(channel, 1) : 0;
	msg->failed = refused;
	if (refused)
		otr_msg_add_text(msg, OTR_KEY_ERROR_TYPE, OTR_SLICE("nack"));
	return true;
}

static bool closed(struct otr_amqp *aq, uint16_t channel, struct otr_amqp_args *args,
		   struct otr_msg *msg)
{
	uint64_t code = otr_amqp_int(args, 2);

	msg->failed = code != OK && !args->bad;
	if (msg->failed)
		msg->status = (int32_t)code;
	return otr_amqp_close(aq, channel, msg);
}

static bool empty(struct otr_amqp *aq, uint16_t channel, struct otr_msg *msg)
{
	const struct otr_amqp_content none = {.method = OTR_AMQP_GET_OK, .channel = channel};

	return otr_amqp_tell(aq, &none, msg);
}

bool otr_amqp_back(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		   struct otr_amqp_args *args, struct otr_msg *msg)
{
	switch (method) {
	case OTR_AMQP_CONSUME_OK:
		otr_amqp_consume_ok(aq, channel, otr_amqp_short(args));
		return false;
	case OTR_AMQP_CANCEL:
		otr_amqp_cancel(aq, channel, otr_amqp_short(args));
		return false;
	case OTR_AMQP_ACK:
	case OTR_AMQP_NACK:
		return confirmed(aq, channel, method == OTR_AMQP_NACK, args, msg);
	case OTR_AMQP_GET_EMPTY:
		return empty(aq, channel, msg);
	case OTR_AMQP_CHANNEL_OPEN_OK: /* its numbers begin again; the end of the old may be lost */
		return channel && aq->lost && otr_amqp_close(aq, channel, msg);
	case OTR_AMQP_CHANNEL_CLOSE:
		return channel && closed(aq, channel, args, msg);
	case OTR_AMQP_CONNECTION_CLOSE:
		return closed(aq, 0, args, msg);
	default:
		return false;
	}
}

bool otr_amqp_is_early(struct otr_amqp *aq, uint16_t channel, uint32_t method,
		       struct otr_amqp_args args)
{
	const struct otr_amqp_channel *ch;

	if (!aq->whole || aq->lost)
		return false;
	if (method == OTR_AMQP_GET_OK || method == OTR_AMQP_GET_EMPTY) {
		ch = otr_amqp_channel_add(aq, channel);
		return ch && ch->got == ch->gets;
	}
	if (method != OTR_AMQP_ACK && method != OTR_AMQP_NACK)
		return false;
	ch = otr_amqp_channel(aq, channel);
	return ch && ch->counts && otr_amqp_int(&args, 8) > ch->published;
}

/* Whom an answer to basic.consume names is not known any more. */
void otr_amqp_back_lost(struct otr_amqp *aq)
{
	otr_amqp_gets_lost(aq);
	for (size_t i = 0; i < OTR_AMQP_CONSUMERS; i++)
		if (!aq->consumers[i].named)
			aq->consumers[i].channel = 0;
}

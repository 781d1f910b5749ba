/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp.c - AMQP 0-9-1, as RabbitMQ speaks it, on one connection.
 *
 *	client	publish 1  header  body ..    publish 2 ..		    ack 7
 *	server			     ack 1		 deliver 7  header  body ..
 *		REQUEST		     RESPONSE		 REQUEST, pushed	    RESPONSE, pushed
 *
 * A message is told of when the header of its content was read, and ends behind the first frame of
 * its body, or behind all of them where no frame of another channel can be in between. Bodies are
 * stepped over by their sizes. What is behind frames of other channels is held (amqp_state.c).
 *
 * After a hole the parser looks for a method. What was published since is not numbered any more:
 * these messages are moments, until a confirmation tells the number of one. AMQP 1.0 is another protocol and is not read.
 */

#include "agent/proto/amqp.h"

#include "agent/proto/msg.h"

#define CUT	 (OTR_IN_CUT | OTR_IN_EOF)
#define BODY_MAX (1ull << 40)
#define PART_MIN 4088 /* bytes of a part of a body that is followed by others: 4,096 less 8 */

/* One call of parse(). */
struct call {
	struct otr_amqp *aq;
	enum otr_dir dir;
	struct otr_slice in;
	unsigned int flags;
	uint64_t *used;
	struct otr_msg *msg;
};

static bool by_client(const struct call *c)
{
	return c->aq->client == 1 + c->dir;
}

static uint64_t size_of(const struct otr_amqp_frame *fr)
{
	return OTR_AMQP_HEAD + 1 + (uint64_t)fr->size;
}

static enum otr_parse skip(const struct call *c, uint64_t used)
{
	*c->used = used;
	return OTR_PARSE_SKIP;
}

enum found {
	WAIT,  /* more bytes are needed, and may come */
	FOUND, /* the frame is there, as far as it is read */
	CUT_,  /* a part of it is there, and no more will be */
	WRONG,
};

/* Reads the frame at `at`. Of its payload OTR_AMQP_METHOD bytes are awaited, and its end. */
static enum found frame_at(const struct call *c, uint64_t at, struct otr_amqp_frame *fr)
{
	struct otr_slice in =
		at < c->in.len ? otr_slice_sub(c->in, (size_t)at, c->in.len) : OTR_SLICE_NONE;
	size_t end;

	if (in.len < OTR_AMQP_HEAD)
		return c->flags & CUT ? CUT_ : WAIT;
	if (!otr_amqp_frame_read(fr, in))
		return WRONG;
	end = OTR_AMQP_HEAD + (size_t)fr->size;
	if (fr->type != OTR_AMQP_TYPE_METHOD && fr->type != OTR_AMQP_TYPE_HEADER)
		return FOUND;
	fr->whole = otr_slice_sub(fr->whole, 0, OTR_AMQP_METHOD);
	if (fr->size > OTR_AMQP_METHOD)
		return fr->whole.len == OTR_AMQP_METHOD ? FOUND : c->flags & CUT ? CUT_ : WAIT;
	if (in.len <= end)
		return c->flags & CUT ? CUT_ : WAIT;
	return (uint8_t)in.data[end] == OTR_AMQP_END ? FOUND : WRONG;
}

/* How many bytes of the body are known to follow the header of a content: its first frame; or all,
 * if it is cut into frames of one size, and none of another channel can be in between: a server
 * sends a message at once, a client with one channel has no other. */
static enum found body_at(const struct call *c, uint16_t channel, uint64_t at, uint64_t size,
			  uint64_t *used)
{
	struct otr_amqp_frame fr;
	enum found found = size ? frame_at(c, at, &fr) : CUT_;
	bool alone = !by_client(c) || (c->aq->whole && !c->aq->several);

	*used = 0;
	if (found != FOUND)
		return found == WAIT ? WAIT : FOUND;
	if (fr.type != OTR_AMQP_TYPE_BODY || fr.channel != channel || !fr.size || fr.size > size)
		return FOUND;
	*used = size_of(&fr);
	if (fr.size < size && alone && fr.size >= PART_MIN && size <= BODY_MAX)
		*used = size + (size + fr.size - 1) / fr.size * (OTR_AMQP_HEAD + 1);
	return FOUND;
}

static enum otr_parse tell(const struct call *c, const struct otr_amqp_content *content,
			   uint64_t used)
{
	*c->used = used;
	return otr_amqp_tell(c->aq, content, c->msg) ? OTR_PARSE_MSG : OTR_PARSE_SKIP;
}

/* The header of the content `content`, at `at`. */
static enum otr_parse take_header(const struct call *c, struct otr_amqp_content *content,
				  const struct otr_amqp_frame *fr, uint64_t at, bool cut)
{
	uint64_t size = 0, body = 0;

	content->partial |= cut || fr->size > OTR_AMQP_METHOD;
	otr_amqp_properties(fr->whole, c->msg, &size);
	if (!cut && body_at(c, fr->channel, at + size_of(fr), size, &body) == WAIT)
		return OTR_PARSE_MORE;
	otr_amqp_release(c->aq, c->dir, fr->channel);
	return tell(c, content, at + size_of(fr) + body);
}

/* A method whose content follows: right behind it, or behind frames of other channels. */
static enum otr_parse take_content(const struct call *c, const struct otr_amqp_frame *method,
				   uint32_t number, struct otr_amqp_args *args)
{
	struct otr_amqp_content content;
	struct otr_amqp_frame fr = {0};
	enum found found;

	otr_amqp_content(c->aq, method->channel, number, args, &content);
	found = frame_at(c, size_of(method), &fr);
	if (found == WAIT)
		return OTR_PARSE_MORE;
	if (found == CUT_ && fr.type != OTR_AMQP_TYPE_HEADER) {
		content.partial = true;
		return tell(c, &content, size_of(method));
	}
	if (found != WRONG && fr.type == OTR_AMQP_TYPE_HEADER && fr.channel == method->channel)
		return take_header(c, &content, &fr, size_of(method), found == CUT_);
	c->msg->dropped = found == WRONG || fr.channel == method->channel ||
			  !otr_amqp_hold(c->aq, c->dir, &content);
	return skip(c, size_of(method));
}

/* Which side is the client? Most methods are sent by one side alone. */
static bool learn_client(const struct call *c, uint32_t number)
{
	bool client = otr_amqp_is_client(number), server = otr_amqp_is_server(number);

	if (!c->aq->client && client != server)
		c->aq->client = (uint8_t)(1 + (client ? c->dir : !c->dir));
	if (!c->aq->client)
		return client;
	return by_client(c) ? client : server;
}

/* A method without content, or one of which the rest is cut. */
static enum otr_parse take_alone(const struct call *c, const struct otr_amqp_frame *fr,
				 uint32_t number, struct otr_amqp_args *args)
{
	struct otr_amqp_content content;
	bool tells;

	*c->used = size_of(fr);
	if (!c->aq->client)
		return OTR_PARSE_SKIP;
	if (otr_amqp_has_content(number)) {
		otr_amqp_content(c->aq, fr->channel, number, args, &content);
		content.partial = true;
		tells = otr_amqp_tell(c->aq, &content, c->msg);
	} else if (by_client(c)) {
		tells = otr_amqp_front(c->aq, fr->channel, number, args, c->msg);
	} else {
		tells = otr_amqp_back(c->aq, fr->channel, number, args, c->msg);
	}
	return tells ? OTR_PARSE_MSG : OTR_PARSE_SKIP;
}

static enum otr_parse take_method(const struct call *c, const struct otr_amqp_frame *fr, bool cut)
{
	struct otr_amqp_args args = {.left = fr->whole};
	uint32_t number = (uint32_t)otr_amqp_int(&args, 4);

	if (args.bad || !learn_client(c, number) || (otr_amqp_has_content(number) && !fr->channel))
		return OTR_PARSE_BAD;
	c->aq->several |= number == OTR_AMQP_CHANNEL_OPEN && fr->channel != 1;
	if (!by_client(c) && !(c->flags & (CUT | OTR_IN_ALONE)) &&
	    otr_amqp_is_early(c->aq, fr->channel, number, args)) {
		c->msg->awaits = true;
		return OTR_PARSE_MORE;
	}
	if (otr_amqp_has_content(number) && !cut)
		return take_content(c, fr, number, &args);
	return take_alone(c, fr, number, &args);
}

static enum otr_parse take_frame(const struct call *c)
{
	struct otr_amqp_content content;
	struct otr_amqp_frame fr = {0};
	enum found found = frame_at(c, 0, &fr);

	if (found == WAIT)
		return OTR_PARSE_MORE;
	if (found == WRONG || !fr.type)
		return OTR_PARSE_BAD;
	if (fr.type == OTR_AMQP_TYPE_METHOD)
		return take_method(c, &fr, found == CUT_);
	if (fr.type == OTR_AMQP_TYPE_HEADER && otr_amqp_held(c->aq, c->dir, fr.channel, &content))
		return take_header(c, &content, &fr, 0, found == CUT_);
	*c->used = size_of(&fr);
	return OTR_PARSE_SKIP;
}

static bool is_opening(struct otr_slice in)
{
	return otr_slice_starts(OTR_AMQP_OPENS, otr_slice_sub(in, 0, OTR_AMQP_OPENS.len));
}

/* The client says which protocol it wants; a server that has another one answers so, too. */
static enum otr_parse take_opening(const struct call *c)
{
	if (c->in.len < OTR_AMQP_OPENS.len)
		return c->flags & CUT ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	if (!c->aq->client) {
		c->aq->client = (uint8_t)(1 + c->dir);
		c->aq->whole = true;
	}
	*c->used = OTR_AMQP_OPENS.len;
	return OTR_PARSE_SKIP;
}

static enum otr_parse parse(void *state, enum otr_dir dir, struct otr_slice in, unsigned int flags,
			    uint64_t *used, struct otr_msg *msg)
{
	const struct call c = {
		.aq = state, .dir = dir, .in = in, .flags = flags, .used = used, .msg = msg};

	*used = 0;
	if (!in.len)
		return flags & CUT ? OTR_PARSE_BAD : OTR_PARSE_MORE;
	return is_opening(in) ? take_opening(&c) : take_frame(&c);
}

static size_t resync(void *state, enum otr_dir dir, struct otr_slice in)
{
	struct otr_amqp *aq = state;
	size_t i = 0;

	aq->lost = true;
	if (aq->client != 1 + !dir)
		otr_amqp_front_lost(aq);
	if (aq->client != 1 + dir)
		otr_amqp_back_lost(aq);
	for (size_t k = 0; k < OTR_AMQP_HELD; k++)
		aq->held[dir][k].content.method = 0;
	while (i < in.len && !otr_amqp_sniff(dir, otr_slice_sub(in, i, in.len)))
		i++;
	return i;
}

const struct otr_proto_ops otr_amqp = {
	.name = "amqp",
	.title = "AMQP",
	.scope = "otrace/amqp",
	.client_only = true,
	.server_exe = "beam.smp",
	.server_arg = "rabbit", /* -s rabbit boot */
	.system = "rabbitmq",
	.multiplexed = true,
	.state_size = sizeof(struct otr_amqp),
	.capture = OTR_CAPTURE_AMQP,
	.head_bytes = 4096, /* where the walk along the frames is lost, of each call */
	.sniff = otr_amqp_sniff,
	.parse = parse,
	.resync = resync,
	.describe = otr_amqp_describe,
	.blank = &otr_amqp_blank,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nats_describe.c - the span of a NATS message, by the OpenTelemetry conventions for messaging 1.45.
 *
 *	PUB, HPUB	send SUBJECT	 PRODUCER if its headers carry a context, else CLIENT
 *	MSG, HMSG	process SUBJECT	 CONSUMER
 *	to $JS.ACK	ack STREAM	 CLIENT; JetStream's names of consumers and numbers are left out
 *	to a pull	receive STREAM	 CLIENT
 *
 * A subject that was made for one reply (_INBOX) names no span: "send (temporary)".
 */

#include <stdio.h>

#include "agent/proto/db_span.h"
#include "agent/proto/msg.h"
#include "agent/proto/nats.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define PORT 4222
#define NAME 512 /* bytes of a subject in a name */

/* What a message is for. */
struct operation {
	struct otr_slice name;
	struct otr_slice type;
	struct otr_slice destination; /* none: it is temporary */
};

/* Takes the next token off a subject. */
static struct otr_slice next_token(struct otr_slice *subject)
{
	const char *dot = subject->len ? memchr(subject->data, '.', subject->len) : NULL;
	struct otr_slice token = {subject->data,
				  dot ? (size_t)(dot - subject->data) : subject->len};

	*subject = otr_slice_sub(*subject, token.len + 1, subject->len);
	return token;
}

/* $JS.ACK.stream.consumer and five numbers; or, since 2.10, $JS.ACK.domain.account.stream.consumer,
 * five numbers and a random token. */
static struct otr_slice acked_stream(struct otr_slice rest)
{
	struct otr_slice tokens[5] = {OTR_SLICE_NONE};
	size_t n = 0;

	for (; rest.len; n++)
		if (n < 5)
			tokens[n] = next_token(&rest);
		else
			next_token(&rest);
	return n >= 9 ? tokens[2] : tokens[0];
}

static struct operation operation_of(const struct otr_msg *req)
{
	static const struct otr_slice ack = {"$JS.ACK.", 8},
				      pull = {"$JS.API.CONSUMER.MSG.NEXT.", 26};
	struct otr_slice rest;

	if (req->pushed)
		return (struct operation){OTR_SLICE("process"), OTR_SLICE("process"), req->target};
	if (otr_slice_starts(req->target, ack))
		return (struct operation){
			OTR_SLICE("ack"), OTR_SLICE("settle"),
			acked_stream(otr_slice_sub(req->target, ack.len, req->target.len))};
	rest = otr_slice_sub(req->target, pull.len, req->target.len);
	if (otr_slice_starts(req->target, pull))
		return (struct operation){OTR_SLICE("receive"), OTR_SLICE("receive"),
					  next_token(&rest)};
	return (struct operation){OTR_SLICE("send"), OTR_SLICE("send"), req->target};
}

static void set_name(const struct operation *op, struct otr_span_builder *sb)
{
	struct otr_slice shown = otr_slice_sub(op->destination, 0, NAME);
	char name[16 + NAME];
	int n;

	if (otr_nats_is_inbox(op->destination)) {
		shown = OTR_SLICE("(temporary)");
		otr_sb_bool(sb, OTR_KEY_MESSAGING_DESTINATION_TEMPORARY, true);
	} else {
		otr_sb_string(sb, OTR_KEY_MESSAGING_DESTINATION_NAME, op->destination);
	}
	n = snprintf(name, sizeof(name), "%.*s %.*s", OTR_SLICE_ARG(op->name),
		     OTR_SLICE_ARG(shown));
	otr_sb_name(sb, (struct otr_slice){name, (size_t)n});
}

static enum otr_span_kind kind_of(const struct otr_side *side, const struct otr_msg *req)
{
	if (req->pushed)
		return OTR_SPAN_CONSUMER;
	if (side->role == OTR_ROLE_SERVER)
		return OTR_SPAN_SERVER;
	return req->trace_ctx.len ? OTR_SPAN_PRODUCER : OTR_SPAN_CLIENT;
}

int otr_nats_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct operation op = operation_of(req);
	char code[12];

	sb->span.kind = kind_of(side, req);
	otr_sb_string(sb, OTR_KEY_MESSAGING_SYSTEM, otr_slice_str(otr_nats.system));
	otr_sb_string(sb, OTR_KEY_MESSAGING_OPERATION_NAME, op.name);
	otr_sb_string(sb, OTR_KEY_MESSAGING_OPERATION_TYPE, op.type);
	set_name(&op, sb);
	otr_db_server(side, PORT, sb);
	if (req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("head"));
	if (rsp && rsp->failed) {
		snprintf(code, sizeof(code), "%d", rsp->status);
		otr_sb_error(sb, otr_slice_str(code));
	}
	return 0;
}

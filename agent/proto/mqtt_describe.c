/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqtt_describe.c - the span of an MQTT message, by the OpenTelemetry conventions for messaging 1.45.
 *
 *	client PUBLISH	send TOPIC	PRODUCER if it carries a context, else CLIENT
 *	broker PUBLISH	process TOPIC	CONSUMER
 *
 * A message whose topic is not known, as its alias was set before the connection was traced, has no
 * destination.
 */

#include <stdio.h>

#include "agent/base/own.h"
#include "agent/proto/db_span.h"
#include "agent/proto/mqtt.h"
#include "agent/proto/msg.h"
#include "agent/proto/side.h"
#include "agent/span/span_builder.h"

#define PORT 1883
#define NAME 512 /* bytes of a topic in a name */

/* Names of the specification, section 2.4. */
static const struct {
	uint8_t code;
	const char *name;
} reasons[] = {
	{0x80, "unspecified_error"},	    {0x83, "implementation_specific_error"},
	{0x87, "not_authorized"},	    {0x90, "topic_name_invalid"},
	{0x91, "packet_identifier_in_use"}, {0x97, "quota_exceeded"},
	{0x99, "payload_format_invalid"},
};

static void set_error(int32_t status, struct otr_span_builder *sb)
{
	char code[12];

	for (size_t i = 0; i < OTR_ARRAY_SIZE(reasons); i++) {
		if (reasons[i].code != status)
			continue;
		otr_sb_error(sb, otr_slice_str(reasons[i].name));
		return;
	}
	snprintf(code, sizeof(code), "%d", status);
	otr_sb_error(sb, otr_slice_str(code));
}

static enum otr_span_kind kind_of(const struct otr_side *side, const struct otr_msg *req)
{
	if (req->pushed)
		return OTR_SPAN_CONSUMER;
	if (side->role == OTR_ROLE_SERVER)
		return OTR_SPAN_SERVER;
	return req->trace_ctx.len ? OTR_SPAN_PRODUCER : OTR_SPAN_CLIENT;
}

static void set_name(struct otr_slice op, struct otr_slice topic, struct otr_span_builder *sb)
{
	struct otr_slice shown = otr_slice_sub(topic, 0, NAME);
	char name[16 + NAME];
	int n;

	n = snprintf(name, sizeof(name), "%.*s%s%.*s", OTR_SLICE_ARG(op), shown.len ? " " : "",
		     OTR_SLICE_ARG(shown));
	otr_sb_name(sb, (struct otr_slice){name, (size_t)n});
}

int otr_mqtt_describe(const struct otr_side *side, const struct otr_msg *req,
		      const struct otr_msg *rsp, struct otr_span_builder *sb)
{
	struct otr_slice op = req->pushed ? OTR_SLICE("process") : OTR_SLICE("send");

	sb->span.kind = kind_of(side, req);
	otr_sb_string(sb, OTR_KEY_MESSAGING_SYSTEM, otr_slice_str(otr_mqtt.system));
	otr_sb_string(sb, OTR_KEY_MESSAGING_OPERATION_NAME, op);
	otr_sb_string(sb, OTR_KEY_MESSAGING_OPERATION_TYPE, op);
	otr_sb_string(sb, OTR_KEY_MESSAGING_DESTINATION_NAME, req->target);
	set_name(op, req->target, sb);
	otr_db_server(side, PORT, sb);
	if (req->partial)
		otr_sb_string(sb, OTR_KEY_OTRACE_CUT, OTR_SLICE("head"));
	if (rsp && rsp->failed)
		set_error(rsp->status, sb);
	return 0;
}

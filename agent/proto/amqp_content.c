/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp_content.c - content headers (specification, 4.2.6.1 and 1.8.1), and field tables.
 *
 *	| class 16 | weight 16 | body size 64 | flags 16 .. | a property for each flag |
 *	table: | length 32 | name, length 8 | type 8 | value | ..
 *
 * Of the properties only the identifiers of the message leave, of the table the trace context.
 */

#include "agent/base/own.h"
#include "agent/proto/amqp.h"
#include "agent/proto/msg.h"

#define MORE_FLAGS 1u
#define TABLE	   2 /* the flag of `headers`, counted from the first */

/* The types of the properties, from the first flag on. */
static const char types[] = "ssToossssqssss";

/* How many bytes a value has; 0: none of a fixed length. RabbitMQ's list of types. */
static size_t fixed(char type)
{
	switch (type) {
	case 't':
	case 'b':
	case 'B':
		return 1;
	case 's':
	case 'u':
		return 2;
	case 'I':
	case 'i':
	case 'f':
		return 4;
	case 'D':
		return 5;
	case 'l':
	case 'L':
	case 'd':
	case 'T':
		return 8;
	default:
		return 0;
	}
}

static void take_field(struct otr_slice name, struct otr_slice value, struct otr_msg *msg)
{
	if (otr_slice_eq_nocase(name, OTR_SLICE("traceparent")))
		msg->trace_ctx = value;
	else if (otr_slice_eq_nocase(name, OTR_SLICE("tracestate")))
		msg->trace_state = value;
	else if (otr_slice_eq_nocase(name, OTR_SLICE("baggage")))
		msg->baggage = value;
}

static void read_table(struct otr_slice table, struct otr_msg *msg)
{
	struct otr_amqp_args args = {.left = table};
	struct otr_slice name, value;
	char type;

	while (args.left.len && !args.bad) {
		name = otr_amqp_short(&args);
		type = (char)otr_amqp_int(&args, 1);
		if (fixed(type)) {
			otr_amqp_int(&args, fixed(type));
		} else if (type == 'S' || type == 'x' || type == 'F' || type == 'A') {
			value = otr_amqp_long(&args);
			if (!args.bad && (type == 'S' || type == 'x'))
				take_field(name, value, msg);
		} else if (type != 'V') {
			return; /* what follows it cannot be found */
		}
	}
}

/* Properties have numbers of the flags, from the first on. */
static void take_property(unsigned int number, struct otr_slice value, struct otr_msg *msg)
{
	if (number == 5)
		otr_msg_add_text(msg, OTR_KEY_MESSAGING_MESSAGE_CONVERSATION_ID, value);
	else if (number == 8)
		otr_msg_add_text(msg, OTR_KEY_MESSAGING_MESSAGE_ID, value);
	else if (number == TABLE)
		read_table(value, msg);
}

void otr_amqp_properties(struct otr_slice header, struct otr_msg *msg, uint64_t *size)
{
	struct otr_amqp_args args = {.left = header};
	struct otr_slice value;
	uint64_t flags;

	otr_amqp_int(&args, 4);
	*size = otr_amqp_int(&args, 8);
	if (!args.bad && *size <= INT64_MAX)
		otr_msg_add_int(msg, OTR_KEY_MESSAGING_MESSAGE_BODY_SIZE, (int64_t)*size);
	flags = otr_amqp_int(&args, 2);
	if (args.bad || flags & MORE_FLAGS) /* no property has such a flag */
		return;
	for (unsigned int i = 0; types[i] && !args.bad; i++) {
		if (!(flags >> (15 - i) & 1))
			continue;
		value = OTR_SLICE_NONE;
		if (types[i] == 's')
			value = otr_amqp_short(&args);
		else if (types[i] == 'T')
			value = otr_amqp_long(&args);
		else
			otr_amqp_int(&args, types[i] == 'o' ? 1 : 8);
		if (!args.bad || i == TABLE) /* of a table that is cut, what is there */
			take_property(i, value, msg);
	}
}

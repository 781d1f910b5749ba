/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_AMQP_WIRE_H
#define OTR_AMQP_WIRE_H

/* amqp_wire.h - makes frames of AMQP, and feeds them to the parser. For its tests alone. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "agent/base/own.h"
#include "agent/proto/amqp.h"
#include "agent/proto/msg.h"

/* Frames under construction. */
static struct {
	char bytes[65536];
	size_t len;
} wire;

static inline void put(const void *bytes, size_t len)
{
	assert_true(wire.len + len <= sizeof(wire.bytes));
	memcpy(wire.bytes + wire.len, bytes, len);
	wire.len += len;
}

static inline void number(uint64_t value, size_t bytes)
{
	for (size_t i = bytes; i-- > 0;)
		put(&(char){(char)(value >> 8 * i)}, 1);
}

static inline void text(const char *s)
{
	number(strlen(s), 1);
	put(s, strlen(s));
}

static inline size_t begin_frame(uint8_t type, uint16_t channel)
{
	number(type, 1);
	number(channel, 2);
	number(0, 4);
	return wire.len;
}

static inline void end_frame(size_t from)
{
	size_t size = wire.len - from;

	for (size_t i = 0; i < 4; i++)
		wire.bytes[from - 4 + i] = (char)(size >> 8 * (3 - i));
	number(OTR_AMQP_END, 1);
}

/* A method; `args`: a letter for each argument, as in amqp_frame.c. */
static inline void method(uint16_t channel, uint32_t which, const char *args, ...)
{
	size_t from = begin_frame(1, channel);
	va_list ap;

	number(which, 4);
	va_start(ap, args);
	for (; *args; args++) {
		if (*args == 's')
			text(va_arg(ap, const char *));
		else if (*args == 'q')
			number(va_arg(ap, uint64_t), 8);
		else
			number(va_arg(ap, unsigned int), *args == 'o' ? 1 : *args == 'w' ? 2 : 4);
	}
	va_end(ap);
	end_frame(from);
}

static inline void header(uint16_t channel, uint64_t body)
{
	size_t from = begin_frame(2, channel);

	number(60u << 16, 4);
	number(body, 8);
	number(0, 2);
	end_frame(from);
}

static inline void publish(uint16_t channel, const char *exchange, const char *key)
{
	method(channel, OTR_AMQP_PUBLISH, "wsso", 0u, exchange, key, 0u);
	header(channel, 0);
}

static inline void deliver(uint16_t channel, const char *consumer, uint64_t tag)
{
	method(channel, OTR_AMQP_DELIVER, "sqoss", consumer, tag, 0u, "shop", "new");
	header(channel, 0);
}

static struct otr_amqp state;

static inline int fresh(void **unused)
{
	(void)unused;
	memset(&state, 0, sizeof(state));
	wire.len = 0;
	return 0;
}

/* Parses all that is in `wire`; returns the last message, and how many there were. */
static inline size_t feed(enum otr_dir dir, struct otr_msg *last, unsigned int flags)
{
	struct otr_slice in = {wire.bytes, wire.len};
	struct otr_msg msg;
	uint64_t used;
	size_t n = 0;

	otr_msg_clear(last);
	while (in.len) {
		enum otr_parse rc;

		otr_msg_clear(&msg);
		rc = otr_amqp.parse(&state, dir, in, flags, &used, &msg);
		if (rc == OTR_PARSE_MORE || rc == OTR_PARSE_BAD)
			break;
		if (rc == OTR_PARSE_MSG) {
			*last = msg;
			n++;
		}
		in = otr_slice_sub(in, used < in.len ? (size_t)used : in.len, in.len);
	}
	wire.len = 0;
	return n;
}

static inline void open_connection(void)
{
	struct otr_msg msg;

	put("AMQP\0\0\x09\x01", 8);
	method(1, OTR_AMQP_CHANNEL_OPEN, "s", "");
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 0);
}

static inline void confirms(uint16_t channel)
{
	struct otr_msg msg;

	method(channel, OTR_AMQP_CONFIRM_SELECT, "o", 0u);
	assert_int_equal(feed(OTR_DIR_OUT, &msg, 0), 0);
}

#endif /* OTR_AMQP_WIRE_H */

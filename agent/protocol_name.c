/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol_name.c - protocols by their first bytes, one row each:
 *
 *	TLS         a record: type 20 to 23, version 3 (RFC 8446, 5.1)
 *	SSH         its name (RFC 4253, 4.2)
 *	HTTP/2      its preface (RFC 9113, 3.4)
 *	FastCGI     version 1, BEGIN_REQUEST, 8 bytes of content (FastCGI 1.0, 3.3 and 5.1)
 *	uwsgi       modifiers 0 and 0, then the length and the name of a variable
 *	SCGI        a netstring that begins with CONTENT_LENGTH
 *	AJP         0x1234, of a server's front
 *	MySQL       the server's greeting: packet 0, protocol 10, a version
 *	Redis       RESP: an array of bulk strings
 *	MongoDB     no answer to anything, OP_MSG or OP_QUERY
 *	Kafka       ApiVersions or Metadata, which a client asks first
 *	AMQP, MQTT  their names; NATS: the server's INFO
 *	SMTP, FTP   the server's 220
 *	D-Bus       a NUL, then AUTH
 */

#include "agent/protocol_name.h"

#include <stdbool.h>

enum {
	ANY = -1,
	DIGIT = -2,
	UPPER = -3,
	SMALL = -4,
	RECORD = -5
};

struct sign {
	const char *text;
	int16_t bytes[16]; /* a byte, or one of the classes above */
	uint8_t len;
};

#define TLS_TEXT "TLS: not readable here"

static const struct sign signs[] = {
	{TLS_TEXT, {RECORD, 3, SMALL}, 3},
	{"SSH: not readable", {'S', 'S', 'H', '-'}, 4},
	{"HTTP/2: not read yet", {'P', 'R', 'I', ' ', '*', ' ', 'H', 'T'}, 8},
	{"FastCGI is not parsed yet", {1, 1, ANY, ANY, 0, 8, ANY, 0}, 8},
	{"uwsgi is not parsed yet", {0, ANY, ANY, 0, ANY, 0, UPPER, UPPER}, 8},
	{"SCGI is not parsed yet", {DIGIT, DIGIT, ':', 'C', 'O', 'N', 'T', 'E'}, 8},
	{"SCGI is not parsed yet", {DIGIT, DIGIT, DIGIT, ':', 'C', 'O', 'N', 'T'}, 8},
	{"AJP is not parsed yet", {0x12, 0x34, ANY, ANY, SMALL}, 5},
	{"MySQL is not parsed yet", {ANY, ANY, 0, 0, 10, DIGIT}, 6},
	{"Redis is not parsed yet", {'*', DIGIT, '\r', '\n', '$', DIGIT}, 6},
	{"Redis is not parsed yet", {'*', DIGIT, DIGIT, '\r', '\n', '$'}, 6},
	{"MongoDB is not parsed yet",
	 {ANY, ANY, ANY, 0, ANY, ANY, ANY, ANY, 0, 0, 0, 0, 0xdd, 0x07, 0, 0},
	 16},
	{"MongoDB is not parsed yet",
	 {ANY, ANY, ANY, 0, ANY, ANY, ANY, ANY, 0, 0, 0, 0, 0xd4, 0x07, 0, 0},
	 16},
	{"Kafka is not parsed yet", {0, 0, ANY, ANY, 0, 18, 0, SMALL, ANY, ANY, ANY, ANY}, 12},
	{"Kafka is not parsed yet", {0, 0, ANY, ANY, 0, 3, 0, SMALL, ANY, ANY, ANY, ANY}, 12},
	{"AMQP is not parsed yet", {'A', 'M', 'Q', 'P'}, 4},
	{"MQTT is not parsed yet", {0x10, ANY, 0, 4, 'M', 'Q', 'T', 'T'}, 8},
	{"MQTT is not parsed yet", {0x10, ANY, ANY, 0, 4, 'M', 'Q', 'T', 'T'}, 9},
	{"NATS is not parsed yet", {'I', 'N', 'F', 'O', ' ', '{'}, 6},
	{"SMTP or FTP is not parsed yet", {'2', '2', '0', ' '}, 4},
	{"SMTP or FTP is not parsed yet", {'2', '2', '0', '-'}, 4},
	{"D-Bus is not parsed yet", {0, 'A', 'U', 'T', 'H'}, 5},
};

static bool is_of(uint8_t byte, int16_t wanted)
{
	switch (wanted) {
	case ANY:
		return true;
	case DIGIT:
		return byte >= '0' && byte <= '9';
	case UPPER:
		return (byte >= 'A' && byte <= 'Z') || byte == '_';
	case SMALL: /* a version, a kind */
		return byte < 32;
	case RECORD:
		return byte >= 20 && byte <= 23;
	default:
		return byte == wanted;
	}
}

static bool matches(const struct sign *sign, const uint8_t *head, size_t len)
{
	if (len < sign->len)
		return false;
	for (size_t i = 0; i < sign->len; i++)
		if (!is_of(head[i], sign->bytes[i]))
			return false;
	return true;
}

const char *otr_protocol_by_head(const uint8_t *head, size_t len)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (matches(&signs[i], head, len))
			return signs[i].text;
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol_name.c - recognises protocols by their first bytes:
 *
 *	TLS         a record: type 20 to 23, version 3 (RFC 8446, 5.1)
 *	SSH         its name (RFC 4253, 4.2)
 *	uwsgi       modifiers 0 and 0, then the length and the name of a variable
 *	SCGI        a netstring that begins with CONTENT_LENGTH
 *	AJP         0x1234, from a web server to its back end
 *	AMQP        its name
 *	SMTP, FTP   220, from the server
 *	D-Bus       a NUL, then AUTH
 */

#include "agent/protocol_name.h"

#include <stdbool.h>
#include <string.h>

#include "agent/proto/proto.h"

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

#define NOT_PARSED(name) name " is not parsed yet"

static const struct sign signs[] = {
	{"TLS: not readable here", {RECORD, 3, SMALL}, 3},
	{"SSH: not readable", {'S', 'S', 'H', '-'}, 4},
	{NOT_PARSED("uwsgi"), {0, ANY, ANY, 0, ANY, 0, UPPER, UPPER}, 8},
	{NOT_PARSED("SCGI"), {DIGIT, DIGIT, ':', 'C', 'O', 'N', 'T', 'E'}, 8},
	{NOT_PARSED("SCGI"), {DIGIT, DIGIT, DIGIT, ':', 'C', 'O', 'N', 'T'}, 8},
	{NOT_PARSED("AJP"), {0x12, 0x34, ANY, ANY, SMALL}, 5},
	{NOT_PARSED("AMQP"), {'A', 'M', 'Q', 'P'}, 4},
	{NOT_PARSED("SMTP or FTP"), {'2', '2', '0', ' '}, 4},
	{NOT_PARSED("SMTP or FTP"), {'2', '2', '0', '-'}, 4},
	{NOT_PARSED("D-Bus"), {0, 'A', 'U', 'T', 'H'}, 5},
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
	case SMALL: /* a version or a kind */
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

const char *otr_protocol_by_head(struct otr_slice head)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (matches(&signs[i], (const uint8_t *)head.data, head.len))
			return signs[i].text;
	return NULL;
}

const char *otr_protocol_unread(struct otr_slice first, struct otr_slice answer)
{
	const char *why = NULL;

	for (size_t i = 0; !why && otr_protos[i]; i++)
		if (otr_protos[i]->unread)
			why = otr_protos[i]->unread(first, answer);
	if (!why)
		why = otr_protocol_by_head(first);
	return why ? why : otr_protocol_by_head(answer);
}

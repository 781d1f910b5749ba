/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http1_field.c - the fields of an HTTP/1 head that otrace reads: RFC 9110 section 5.
 *
 * Most fields of a head are none of them: the first letter of a line tells so. The colon is not
 * searched; it is where the name ends.
 */

#include "agent/proto/http1.h"

#include "agent/base/own.h"

static struct otr_slice trim(struct otr_slice s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = (struct otr_slice){s.data + 1, s.len - 1};
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static void read_length(struct otr_http1_head *head, struct otr_slice value)
{
	uint64_t n = 0;
	bool ok = value.len > 0 && value.len <= 18;

	for (size_t i = 0; ok && i < value.len; i++) {
		ok = value.data[i] >= '0' && value.data[i] <= '9';
		n = n * 10 + (uint64_t)(value.data[i] - '0');
	}
	if (head->framing == OTR_HTTP1_CHUNKED || head->framing == OTR_HTTP1_CODED)
		return; /* 6.3: Transfer-Encoding overrides Content-Length */
	if (!ok || (head->framing == OTR_HTTP1_LENGTH && head->length != n))
		head->framing = OTR_HTTP1_UNCLEAR;
	else if (head->framing == OTR_HTTP1_NONE)
		head->framing = OTR_HTTP1_LENGTH;
	head->length = n;
}

/* Reads Transfer-Encoding: the body is chunked if that is the last coding. */
static void read_coding(struct otr_http1_head *head, struct otr_slice value)
{
	size_t from = value.len;

	while (from && value.data[from - 1] != ',')
		from--;
	value = trim(otr_slice_sub(value, from, value.len));
	head->framing = otr_slice_eq_nocase(value, OTR_SLICE("chunked")) ? OTR_HTTP1_CHUNKED
									 : OTR_HTTP1_CODED;
}

static void read_traceparent(struct otr_http1_head *head, struct otr_slice value)
{
	if (head->req.n_traceparent < 2)
		head->req.n_traceparent++;
	head->req.traceparent = value;
}

static void read_tracestate(struct otr_http1_head *head, struct otr_slice value)
{
	if (value.len && head->req.n_tracestate < OTR_HTTP_TRACESTATES)
		head->req.tracestate[head->req.n_tracestate++] = value;
}

#define TEXT(member, text)                                                                  \
	{                                                                                   \
		{text, sizeof(text) - 1}, offsetof(struct otr_http1_head, req.member), NULL \
	}

/* By their first letters. */
static const struct row {
	struct otr_slice name;
	size_t at; /* offset of a slice in struct otr_http1_head; 0: `read` reads the field */
	void (*read)(struct otr_http1_head *head, struct otr_slice value);
} fields[] = {
	TEXT(baggage, "baggage"),
	{{"content-length", 14}, 0, read_length},
	TEXT(forwarded, "forwarded"),
	TEXT(host, "host"),
	{{"traceparent", 11}, 0, read_traceparent},
	{{"tracestate", 10}, 0, read_tracestate},
	{{"transfer-encoding", 17}, 0, read_coding},
	TEXT(user_agent, "user-agent"),
	TEXT(x_forwarded_for, "x-forwarded-for"),
	TEXT(x_forwarded_host, "x-forwarded-host"),
	TEXT(x_forwarded_proto, "x-forwarded-proto"),
};

/* By letter (OTR_HTTP1_FIELD_LETTERS has them all): the row behind its last one, and how many rows
 * it has. */
static const struct {
	uint8_t end, n;
} letters[32] = {
	[OTR_HTTP1_LETTER('b')] = {1, 1},  [OTR_HTTP1_LETTER('c')] = {2, 1},
	[OTR_HTTP1_LETTER('f')] = {3, 1},  [OTR_HTTP1_LETTER('h')] = {4, 1},
	[OTR_HTTP1_LETTER('t')] = {7, 3},  [OTR_HTTP1_LETTER('u')] = {8, 1},
	[OTR_HTTP1_LETTER('x')] = {11, 3},
};

#define CASE_BITS 0x2020202020202020ull

static inline bool is_word(const char *name, const char *want)
{
	uint64_t a, b;

	memcpy(&a, name, sizeof(a));
	memcpy(&b, want, sizeof(b));
	return (a | CASE_BITS) == b;
}

/* Does `name`, which has as many bytes, equal `want` but for case? `want` has small letters and "-"
 * alone: all of these have the bit 0x20, by which small letters differ from capitals. */
static inline bool is_named(const char *name, struct otr_slice want)
{
	size_t i = 0;

	for (; i + 8 <= want.len; i += 8)
		if (!is_word(name + i, want.data + i))
			return false;
	if (i && i < want.len)
		return is_word(name + want.len - 8, want.data + want.len - 8);
	for (; i < want.len; i++)
		if ((name[i] | 0x20) != want.data[i])
			return false;
	return true;
}

static void take_value(struct otr_http1_head *head, const struct row *row, struct otr_slice value)
{
	struct otr_slice *slot = (struct otr_slice *)((char *)head + row->at);

	if (row->read)
		row->read(head, value);
	else if (!slot->data)
		*slot = value;
}

void otr_http1_field(struct otr_http1_head *head, struct otr_slice line)
{
	unsigned int letter = OTR_HTTP1_LETTER((unsigned char)line.data[0]);
	const struct row *row = fields + letters[letter].end;

	for (unsigned int n = letters[letter].n; n--;) {
		row--;
		if (line.len <= row->name.len || line.data[row->name.len] != ':' ||
		    !is_named(line.data, row->name))
			continue;
		take_value(head, row, trim(otr_slice_sub(line, row->name.len + 1, line.len)));
		return;
	}
}

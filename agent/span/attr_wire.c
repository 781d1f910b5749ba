/* SPDX-License-Identifier: Apache-2.0 */
/* attr_wire.c - texts and attributes in protobuf's wire format; see attr_wire.h. */

#include "agent/span/attr_wire.h"

#include "agent/base/utf8.h"

enum { /* exporters/otlp.proto */
	KEY_VALUE_KEY = 1,
	KEY_VALUE_VALUE = 2,
	VALUE_STRING = 1,
	VALUE_BOOL = 2,
	VALUE_INT = 3,
	VALUE_DOUBLE = 4,
	VALUE_ARRAY = 5,
	ARRAY_VALUES = 1,
};

size_t otr_wire_text_max(struct otr_slice s)
{
	return OTR_PBUF_TAG_MAX + OTR_UTF8_COPY_MAX(s.len);
}

size_t otr_wire_attrs_max(const struct otr_attr *at, size_t n)
{
	size_t sum = 0;

	for (const struct otr_attr *end = at + n; at < end; at++) {
		sum += 128; /* tags, lengths, and a key that otrace defines */
		if (at->key == OTR_KEY_CUSTOM)
			sum += otr_wire_text_max(at->name);
		if (at->type == OTR_ATTR_STRING)
			sum += otr_wire_text_max(at->string);
		else if (at->type == OTR_ATTR_STRINGS) /* at most one string for each byte */
			sum += (at->string.len + 1) * (2 * OTR_PBUF_TAG_MAX + 3);
	}
	return sum;
}

/* The bytes of a string, without tag and length. */
static void put_chars(struct otr_pbuf *w, struct otr_slice s)
{
	size_t max, n;

	if (otr_utf8_valid(s) == s.len) {
		otr_pbuf_bytes(w, s.data, s.len);
		return;
	}
	max = OTR_UTF8_COPY_MAX(s.len);
	n = otr_utf8_copy(w->data + w->at - max, s);
	memmove(w->data + w->at - n, w->data + w->at - max, n);
	w->at -= n;
}

static void put_text_or_empty(struct otr_pbuf *w, unsigned int field, struct otr_slice s)
{
	size_t from = otr_pbuf_len(w);

	if (s.len)
		put_chars(w, s);
	otr_pbuf_close(w, field, from);
}

void otr_wire_text(struct otr_pbuf *w, unsigned int field, struct otr_slice s)
{
	if (s.len)
		put_text_or_empty(w, field, s);
}

/* Writes an array of the strings of `s`, which are parted by NULs. */
static void put_strings(struct otr_pbuf *w, struct otr_slice s)
{
	size_t list = otr_pbuf_len(w), value, end = s.len, at;

	if (end && !s.data[end - 1])
		end--; /* the NUL that ends the last string */
	for (bool more = s.len > 0; more; end = at ? at - 1 : 0) {
		for (at = end; at && s.data[at - 1];)
			at--;
		value = otr_pbuf_len(w);
		put_text_or_empty(w, VALUE_STRING, otr_slice_sub(s, at, end - at));
		otr_pbuf_close(w, ARRAY_VALUES, value);
		more = at > 0;
	}
	otr_pbuf_close(w, VALUE_ARRAY, list);
}

static void put_value(struct otr_pbuf *w, const struct otr_attr *at)
{
	uint64_t bits;

	switch ((enum otr_attr_type)at->type) {
	case OTR_ATTR_STRING:
		put_text_or_empty(w, VALUE_STRING, at->string);
		break;
	case OTR_ATTR_INT:
		otr_pbuf_number(w, VALUE_INT, (uint64_t)at->integer);
		break;
	case OTR_ATTR_BOOL:
		otr_pbuf_number(w, VALUE_BOOL, at->boolean);
		break;
	case OTR_ATTR_DOUBLE:
		memcpy(&bits, &at->real, sizeof(bits));
		otr_pbuf_fixed64(w, VALUE_DOUBLE, bits);
		break;
	case OTR_ATTR_STRINGS:
		put_strings(w, at->string);
		break;
	}
}

void otr_wire_attr(struct otr_pbuf *w, unsigned int field, const struct otr_attr *at)
{
	size_t from = otr_pbuf_len(w), value = from;
	struct otr_slice key;

	put_value(w, at);
	otr_pbuf_close(w, KEY_VALUE_VALUE, value);
	if (at->key == OTR_KEY_CUSTOM) {
		otr_wire_text(w, KEY_VALUE_KEY, at->name);
	} else {
		key = otr_key_slice(at->key);
		otr_pbuf_string(w, KEY_VALUE_KEY, key.data, key.len);
	}
	otr_pbuf_close(w, field, from);
}

void otr_wire_attrs(struct otr_pbuf *w, unsigned int field, const struct otr_attr *at, size_t n)
{
	while (n)
		otr_wire_attr(w, field, &at[--n]);
}

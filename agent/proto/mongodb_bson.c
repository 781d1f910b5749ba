/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mongodb_bson.c - fields of a BSON document (bsonspec.org, 1.1), of which only the first bytes may
 * be there.
 *
 *	| size 32 | type 8, name, NUL, value | .. | 0 |
 *
 * A value that is not wanted is stepped over by its size. What is no BSON ends the document: then
 * `ended` is not set, as if it were cut.
 */

#include <math.h>

#include "agent/proto/mongodb.h"

enum type {
	DOUBLE = 1,
	STRING,
	DOCUMENT,
	ARRAY,
	BINARY,
	UNDEFINED,
	OBJECT_ID,
	BOOLEAN,
	DATE,
	NIL,
	REGEX,
	POINTER,
	CODE,
	SYMBOL,
	SCOPED_CODE,
	INT32,
	TIMESTAMP,
	INT64,
	DECIMAL,
	MAX_KEY = 0x7f,
	MIN_KEY = 0xff,
};

static bool is_type(uint8_t type)
{
	return (type >= DOUBLE && type <= DECIMAL) || type == MAX_KEY || type == MIN_KEY;
}

/* Types whose values have a size in front: how many bytes it does not count, itself among them. */
static uint32_t beyond_size(uint8_t type)
{
	switch (type) {
	case STRING:
	case CODE:
	case SYMBOL:
		return 4;
	case BINARY:
		return 5;
	case POINTER:
		return 4 + 12;
	default:
		return 0; /* documents, arrays, code with a scope */
	}
}

static uint32_t fixed_size(uint8_t type)
{
	switch (type) {
	case DOUBLE:
	case DATE:
	case TIMESTAMP:
	case INT64:
		return 8;
	case OBJECT_ID:
		return 12;
	case BOOLEAN:
		return 1;
	case INT32:
		return 4;
	case DECIMAL:
		return 16;
	default:
		return 0;
	}
}

/* The size of the text that begins at `at`, with its NUL; 0: that is not there. */
static size_t text_size(struct otr_slice in, size_t at)
{
	const char *end = at < in.len ? memchr(in.data + at, 0, in.len - at) : NULL;

	return end ? (size_t)(end - in.data) - at + 1 : 0;
}

/* The size of the value of `type` at `at`; false: it is not there, or not possible. */
static bool value_size(uint8_t type, struct otr_slice in, size_t at, uint64_t *size)
{
	size_t pattern;
	uint32_t n;

	switch (type) {
	case STRING:
	case DOCUMENT:
	case ARRAY:
	case BINARY:
	case POINTER:
	case CODE:
	case SYMBOL:
	case SCOPED_CODE:
		if (in.len - at < 4)
			return false;
		n = otr_mongodb_u32(in.data + at);
		*size = (uint64_t)n + beyond_size(type);
		return n <= OTR_MONGODB_MAX && *size >= 5;
	case REGEX:
		pattern = text_size(in, at);
		*size = pattern ? pattern + text_size(in, at + pattern) : 0;
		return *size > pattern;
	default:
		*size = fixed_size(type);
		return true;
	}
}

struct otr_bson otr_bson_at(struct otr_slice in, size_t at)
{
	struct otr_bson doc = {.in = otr_slice_sub(in, at, in.len)};
	uint32_t size;

	if (doc.in.len < 4)
		return (struct otr_bson){.in = OTR_SLICE_NONE};
	size = otr_mongodb_u32(doc.in.data);
	doc.size = size > 4 ? size - 4 : 0;
	doc.in = otr_slice_sub(doc.in, 4, doc.size);
	return doc;
}

bool otr_bson_next(struct otr_bson *doc, struct otr_bson_field *field)
{
	uint64_t size = 0, left;
	size_t name;

	if (doc->ended || doc->at >= doc->in.len)
		return false;
	field->type = (uint8_t)doc->in.data[doc->at];
	doc->ended = !field->type && doc->at + 1 == doc->size;
	name = text_size(doc->in, doc->at + 1);
	if (!is_type(field->type) || !name)
		return false;
	field->key = otr_slice_sub(doc->in, doc->at + 1, name - 1);
	doc->at += 1 + name;
	if (!value_size(field->type, doc->in, doc->at, &size)) {
		doc->at = doc->in.len;
		return false;
	}
	left = doc->in.len - doc->at;
	field->whole = size <= left;
	field->value = otr_slice_sub(doc->in, doc->at, size < left ? (size_t)size : (size_t)left);
	doc->at += field->value.len;
	return true;
}

struct otr_slice otr_bson_text(const struct otr_bson_field *field)
{
	if (field->type != STRING || !field->whole || field->value.len < 5 ||
	    field->value.data[field->value.len - 1])
		return OTR_SLICE_NONE;
	return otr_slice_sub(field->value, 4, field->value.len - 5);
}

static int64_t of_double(const char *at, int64_t fallback)
{
	uint64_t bits = otr_mongodb_u32(at) | (uint64_t)otr_mongodb_u32(at + 4) << 32;
	double value;

	memcpy(&value, &bits, sizeof(value));
	return fabs(value) < 1e15 ? (int64_t)value : fallback;
}

int64_t otr_bson_int(const struct otr_bson_field *field, int64_t fallback)
{
	const char *at = field->value.data;

	if (!field->whole)
		return fallback;
	switch (field->type) {
	case DOUBLE:
		return of_double(at, fallback);
	case BOOLEAN:
		return *at != 0;
	case INT32:
		return (int32_t)otr_mongodb_u32(at);
	case INT64:
		return (int64_t)(otr_mongodb_u32(at) | (uint64_t)otr_mongodb_u32(at + 4) << 32);
	default:
		return fallback;
	}
}

struct otr_bson otr_bson_within(const struct otr_bson_field *field)
{
	if (field->type != DOCUMENT && field->type != ARRAY)
		return (struct otr_bson){.in = OTR_SLICE_NONE};
	return otr_bson_at(field->value, 0);
}

#define NAME_LOOK 64 /* bytes of the first name that are looked at */

bool otr_bson_may_be(struct otr_slice in, size_t at, uint64_t max)
{
	uint32_t size;
	uint8_t type;

	in = otr_slice_sub(in, at, 5 + NAME_LOOK);
	if (in.len < 4)
		return true;
	size = otr_mongodb_u32(in.data);
	if (size < 5 || size > max)
		return false;
	if (in.len == 4)
		return true;
	type = (uint8_t)in.data[4];
	if (size == 5)
		return !type;
	if (!is_type(type))
		return false;
	for (at = 5; at < in.len && in.data[at]; at++)
		if ((unsigned char)in.data[at] < ' ')
			return false;
	return true;
}

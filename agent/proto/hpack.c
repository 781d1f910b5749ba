/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpack.c - a block of fields (RFC 7541, 6).
 *
 *	| 1 | index 7+                                 |  a field of the tables
 *	| 01 | index 6+ | [name] | value               |  a field that enters the dynamic table
 *	| 001 | size 5+                                |  its size changes: nothing to do (hpack.h)
 *	| 000x | index 4+ | [name] | value             |  a field that does not enter it
 */

#include "agent/proto/hpack.h"

#include <string.h>

#include "agent/base/own.h"

#define ROOM	      (32u << 10) /* bytes of the values of one block; others are unknown */
#define INT_MAX_BYTES 5

/* One call of otr_hpack_read(). */
struct block {
	struct otr_hpack *hp;
	struct otr_slice in; /* what is left of it */
	otr_hpack_fn fn;
	void *arg;
	char *room; /* for values */
	size_t left;
};

/* A field that is being read. */
struct field {
	enum otr_hpack_field field;
	struct otr_slice value;
	bool known;
};

static uint8_t first_byte(const struct block *b)
{
	return b->in.len ? (uint8_t)b->in.data[0] : 0;
}

static void step(struct block *b, size_t n)
{
	b->in.data += n;
	b->in.len -= n;
}

/* Reads a number of which the first byte has the last `bits` (5.1). */
static bool take_int(struct block *b, unsigned int bits, uint32_t *out)
{
	uint32_t most = (1u << bits) - 1;
	uint8_t byte;

	if (!b->in.len)
		return false;
	*out = first_byte(b) & most;
	step(b, 1);
	if (*out < most)
		return true;
	for (unsigned int i = 0; i < INT_MAX_BYTES - 1 && b->in.len; i++) {
		byte = first_byte(b);
		step(b, 1);
		*out += (uint32_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* Takes a string off as it is sent (5.2). */
static bool take_string(struct block *b, bool *huffman, struct otr_slice *out)
{
	uint32_t len;

	*huffman = first_byte(b) & 0x80;
	if (!take_int(b, 7, &len) || len > b->in.len)
		return false;
	*out = otr_slice_sub(b->in, 0, len);
	step(b, len);
	return true;
}

/* One of the fields that the user named, or OTHER. */
static enum otr_hpack_field field_of_user(const struct otr_hpack *hp, struct otr_slice name)
{
	int row = hp->headers ? otr_header_names_find(hp->headers, name) : -1;

	return row < 0 ? OTR_HPACK_OTHER : (enum otr_hpack_field)(OTR_HPACK_NAMED + row);
}

static bool take_name(struct block *b, enum otr_hpack_field *out)
{
	char name[OTR_HEADER_NAME_MAX];
	struct otr_slice text;
	bool huffman;

	*out = OTR_HPACK_OTHER;
	if (!take_string(b, &huffman, &text))
		return false;
	/* No character of a name that is read has more than 8 bits. */
	if (text.len > (b->hp->headers ? sizeof(name) : OTR_HPACK_NAME_MAX))
		return true;
	if (huffman) {
		text.len = otr_hpack_huffman(text, name, sizeof(name));
		text.data = name;
	}
	if (text.len == OTR_HPACK_BAD)
		return true;
	*out = otr_hpack_named(text);
	if (*out == OTR_HPACK_OTHER)
		*out = field_of_user(b->hp, text);
	return true;
}

/* Reads a value. One that cannot be decoded, or for which there is no room, is not known. */
static bool take_value(struct block *b, struct field *f)
{
	bool huffman;

	if (!take_string(b, &huffman, &f->value))
		return false;
	f->known = f->field > OTR_HPACK_UNKNOWN;
	if (!huffman || !f->known)
		return true;
	f->value.len = otr_hpack_huffman(f->value, b->room, b->left);
	f->known = f->value.len != OTR_HPACK_BAD;
	f->value.data = b->room;
	if (!f->known)
		f->value = OTR_SLICE_NONE;
	b->room += f->value.len;
	b->left -= f->value.len;
	return true;
}

/* The place of a value in the ring, where it is not split. */
static char *reserve(struct otr_hpack *hp, struct otr_hpack_entry *e, size_t len)
{
	uint32_t at = hp->put % OTR_HPACK_VALUES;

	if (at + len > OTR_HPACK_VALUES)
		hp->put += OTR_HPACK_VALUES - at;
	e->at = hp->put;
	e->len = (uint16_t)len;
	hp->put += (uint32_t)len;
	return hp->values + e->at % OTR_HPACK_VALUES;
}

static void insert(struct otr_hpack *hp, const struct field *f)
{
	struct otr_hpack_entry *e = &hp->entries[hp->inserted++ % OTR_HPACK_ENTRIES];

	*e = (struct otr_hpack_entry){.field = (uint8_t)f->field};
	if (f->field <= OTR_HPACK_UNKNOWN || !f->known || f->value.len > OTR_HPACK_VALUES)
		return;
	e->known = true;
	memcpy(reserve(hp, e, f->value.len), f->value.data, f->value.len);
}

/* Copies a value that another may replace before the block is read. */
static void copy_value(struct block *b, struct field *f, const char *from, size_t len)
{
	f->known = len <= b->left;
	if (!f->known)
		return;
	memcpy(b->room, from, len);
	f->value = (struct otr_slice){b->room, len};
	b->room += len;
	b->left -= len;
}

static const struct otr_hpack_entry *entry_at(const struct otr_hpack *hp, uint32_t index)
{
	uint32_t age = index - OTR_HPACK_STATIC; /* 1: the newest */

	if (age > hp->inserted || age > OTR_HPACK_ENTRIES)
		return NULL;
	return &hp->entries[(hp->inserted - age) % OTR_HPACK_ENTRIES];
}

/* Finds a field of the tables. False: there is no index 0. */
static bool look_up(struct block *b, uint32_t index, struct field *f, bool with_value)
{
	const struct otr_hpack_entry *e;

	*f = (struct field){.field = OTR_HPACK_UNKNOWN};
	if (index <= OTR_HPACK_STATIC) {
		f->field = otr_hpack_static(index, &f->value);
		if (f->field == OTR_HPACK_OTHER)
			f->field = field_of_user(b->hp, otr_hpack_static_name(index));
		f->known = true;
		return index > 0;
	}
	e = entry_at(b->hp, index);
	if (!e)
		return true;
	f->field = (enum otr_hpack_field)e->field;
	if (with_value && e->known && b->hp->put - e->at <= OTR_HPACK_VALUES)
		copy_value(b, f, b->hp->values + e->at % OTR_HPACK_VALUES, e->len);
	return true;
}

/* Reads a field whose value is not in a table. */
static bool take_literal(struct block *b, unsigned int bits, struct field *f)
{
	uint32_t index;

	if (!take_int(b, bits, &index))
		return false;
	if (index)
		look_up(b, index, f, false);
	else if (!take_name(b, &f->field))
		return false;
	return take_value(b, f);
}

static bool take_size(struct block *b)
{
	uint32_t size;

	return take_int(b, 5, &size);
}

static bool take_indexed(struct block *b, struct field *f)
{
	uint32_t index;

	return take_int(b, 7, &index) && look_up(b, index, f, true);
}

static bool take_field(struct block *b)
{
	uint8_t byte = first_byte(b);
	struct field f = {.field = OTR_HPACK_OTHER};

	if (byte & 0x80) {
		if (!take_indexed(b, &f))
			return false;
	} else if (byte & 0x40) {
		if (!take_literal(b, 6, &f))
			return false;
		insert(b->hp, &f);
	} else if (byte & 0x20) {
		return take_size(b);
	} else if (!take_literal(b, 4, &f)) {
		return false;
	}
	if (f.field != OTR_HPACK_OTHER)
		b->fn(b->arg, f.field, f.value, f.known);
	return true;
}

bool otr_hpack_read(struct otr_hpack *hp, struct otr_slice in, otr_hpack_fn fn, void *arg)
{
	static _Thread_local char room[ROOM];
	struct block b = {
		.hp = hp, .in = in, .fn = fn, .arg = arg, .room = room, .left = sizeof(room)};

	while (b.in.len)
		if (!take_field(&b)) {
			otr_hpack_lost(hp);
			return false;
		}
	return true;
}

void otr_hpack_lost(struct otr_hpack *hp)
{
	hp->inserted = 0;
}

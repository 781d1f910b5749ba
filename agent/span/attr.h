/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ATTR_H
#define OTR_ATTR_H

/* attr.h - one attribute of a span or a resource. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

/* Names of attributes, by the semantic conventions; agent/span/attr.def. */
enum otr_key {
	OTR_KEY_NONE,
#define OTR_ATTR(id, name, type) OTR_KEY_##id,
#include "agent/span/attr.def"
#undef OTR_ATTR
	OTR_KEY_CUSTOM, /* otr_attr.name holds it */
	OTR_KEY_MAX,
};

/* A set of keys. */
struct otr_key_set {
	uint64_t words[2];
};
_Static_assert(OTR_KEY_MAX <= 128, "a set of keys is two words");

static inline bool otr_key_set_has(const struct otr_key_set *set, enum otr_key key)
{
	return set->words[key >> 6] >> (key & 63) & 1;
}

static inline void otr_key_set_add(struct otr_key_set *set, enum otr_key key)
{
	set->words[key >> 6] |= UINT64_C(1) << (key & 63);
}

static inline void otr_key_set_join(struct otr_key_set *set, const struct otr_key_set *other)
{
	set->words[0] |= other->words[0];
	set->words[1] |= other->words[1];
}

/* The name of `key`; "" for OTR_KEY_NONE and OTR_KEY_CUSTOM. */
const char *otr_key_name(enum otr_key key);
struct otr_slice otr_key_slice(enum otr_key key);

/* Attribute keys come from one table (agent/span/attr.def: enum, name in the semantic
 * conventions, type), so that no string is compared or stored twice. */
enum otr_attr_type {
	OTR_ATTR_STRING,
	OTR_ATTR_INT,
	OTR_ATTR_BOOL,
	OTR_ATTR_DOUBLE,
	OTR_ATTR_STRINGS, /* header values: `string` holds them, NUL between */
};

struct otr_attr {
	uint16_t key;  /* enum otr_key; OTR_KEY_CUSTOM: `name` holds it */
	uint16_t type; /* enum otr_attr_type */
	struct otr_slice name;
	union {
		struct otr_slice string;
		int64_t integer;
		double real;
		bool boolean;
	};
};

#endif /* OTR_ATTR_H */

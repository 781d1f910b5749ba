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

/* For sets of keys, which are one word: keys from 64 on share the bit of OTR_KEY_NONE, which no
 * attribute has. So the bit of such a key says that one of them may be there. */
#define OTR_KEY_BIT(key) (UINT64_C(1) << ((key) < 64 ? (key) : OTR_KEY_NONE))
_Static_assert(OTR_KEY_HOST_NAME <= 64, "of spans, only custom keys have no bit of their own");

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

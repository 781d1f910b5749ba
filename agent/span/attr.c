/* SPDX-License-Identifier: Apache-2.0 */
/* attr.c - the names of attributes. */

#include "agent/span/attr.h"

static const struct otr_slice key_names[OTR_KEY_MAX] = {
#define OTR_ATTR(id, name, type) [OTR_KEY_##id] = {name, sizeof(name) - 1},
#include "agent/span/attr.def"
#undef OTR_ATTR
};

const char *otr_key_name(enum otr_key key)
{
	return otr_key_slice(key).data;
}

struct otr_slice otr_key_slice(enum otr_key key)
{
	return key < OTR_KEY_MAX && key_names[key].data ? key_names[key] : OTR_SLICE("");
}

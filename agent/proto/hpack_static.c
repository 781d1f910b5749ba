/* SPDX-License-Identifier: Apache-2.0 */
/* hpack_static.c - names of fields: the static table (RFC 7541, appendix A), and names in full. */

#include "agent/proto/hpack.h"

#include "agent/base/own.h"

/* Entries 1 to 16; the others have no value. */
static const struct {
	enum otr_hpack_field field;
	const char *value;
} first[] = {
	{OTR_HPACK_AUTHORITY, ""},   {OTR_HPACK_METHOD, "GET"},	      {OTR_HPACK_METHOD, "POST"},
	{OTR_HPACK_PATH, "/"},	     {OTR_HPACK_PATH, "/index.html"}, {OTR_HPACK_SCHEME, "http"},
	{OTR_HPACK_SCHEME, "https"}, {OTR_HPACK_STATUS, "200"},	      {OTR_HPACK_STATUS, "204"},
	{OTR_HPACK_STATUS, "206"},   {OTR_HPACK_STATUS, "304"},	      {OTR_HPACK_STATUS, "400"},
	{OTR_HPACK_STATUS, "404"},   {OTR_HPACK_STATUS, "500"},
};

#define CONTENT_TYPE 31
#define HOST	     38
#define USER_AGENT   58

enum otr_hpack_field otr_hpack_static(uint32_t index, struct otr_slice *value)
{
	*value = OTR_SLICE_NONE;
	if (index - 1 < OTR_ARRAY_SIZE(first)) {
		*value = otr_slice_str(first[index - 1].value);
		return first[index - 1].field;
	}
	switch (index) {
	case CONTENT_TYPE:
		return OTR_HPACK_CONTENT_TYPE;
	case HOST:
		return OTR_HPACK_HOST;
	case USER_AGENT:
		return OTR_HPACK_USER_AGENT;
	default:
		return OTR_HPACK_OTHER;
	}
}

static const char *const names[OTR_HPACK_FIELDS] = {
	[OTR_HPACK_METHOD] = ":method",
	[OTR_HPACK_PATH] = ":path",
	[OTR_HPACK_SCHEME] = ":scheme",
	[OTR_HPACK_AUTHORITY] = ":authority",
	[OTR_HPACK_STATUS] = ":status",
	[OTR_HPACK_BAGGAGE] = "baggage",
	[OTR_HPACK_CONTENT_TYPE] = "content-type",
	[OTR_HPACK_FORWARDED] = "forwarded",
	[OTR_HPACK_GRPC_STATUS] = "grpc-status",
	[OTR_HPACK_HOST] = "host",
	[OTR_HPACK_TRACEPARENT] = "traceparent",
	[OTR_HPACK_TRACESTATE] = "tracestate",
	[OTR_HPACK_USER_AGENT] = "user-agent",
	[OTR_HPACK_X_FORWARDED_FOR] = "x-forwarded-for",
	[OTR_HPACK_X_FORWARDED_HOST] = "x-forwarded-host",
	[OTR_HPACK_X_FORWARDED_PROTO] = "x-forwarded-proto",
};

enum otr_hpack_field otr_hpack_named(struct otr_slice name)
{
	for (size_t i = OTR_HPACK_METHOD; i < OTR_HPACK_FIELDS; i++)
		if (name.len && name.data[0] == names[i][0] &&
		    otr_slice_eq(name, otr_slice_str(names[i])))
			return (enum otr_hpack_field)i;
	return OTR_HPACK_OTHER;
}

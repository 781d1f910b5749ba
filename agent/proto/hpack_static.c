/* SPDX-License-Identifier: Apache-2.0 */
/* hpack_static.c - names of fields: the static table (RFC 7541, appendix A), and names in full. */

#include "agent/proto/hpack.h"

#include "agent/base/own.h"

/* Entries 1 to 14; of the others, one has a value. */
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

#define ACCEPT_ENCODING 16
#define CONTENT_TYPE	31
#define HOST		38
#define USER_AGENT	58

enum otr_hpack_field otr_hpack_static(uint32_t index, struct otr_slice *value)
{
	*value = OTR_SLICE_NONE;
	if (index - 1 < OTR_ARRAY_SIZE(first)) {
		*value = otr_slice_str(first[index - 1].value);
		return first[index - 1].field;
	}
	switch (index) {
	case ACCEPT_ENCODING:
		*value = OTR_SLICE("gzip, deflate");
		return OTR_HPACK_OTHER;
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

/* clang-format off */
static const char *const static_names[OTR_HPACK_STATIC + 1] = {
	"", ":authority", ":method", ":method", ":path", ":path", ":scheme", ":scheme", ":status",
	":status", ":status", ":status", ":status", ":status", ":status", "accept-charset",
	"accept-encoding", "accept-language", "accept-ranges", "accept",
	"access-control-allow-origin", "age", "allow", "authorization", "cache-control",
	"content-disposition", "content-encoding", "content-language", "content-length",
	"content-location", "content-range", "content-type", "cookie", "date", "etag", "expect",
	"expires", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
	"if-unmodified-since", "last-modified", "link", "location", "max-forwards",
	"proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after",
	"server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent",
	"vary", "via", "www-authenticate",
};
/* clang-format on */

struct otr_slice otr_hpack_static_name(uint32_t index)
{
	return otr_slice_str(static_names[index <= OTR_HPACK_STATIC ? index : 0]);
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

struct otr_slice otr_hpack_name(enum otr_hpack_field field)
{
	return otr_slice_str(names[field]);
}

enum otr_hpack_field otr_hpack_named(struct otr_slice name)
{
	for (size_t i = OTR_HPACK_METHOD; i < OTR_HPACK_FIELDS; i++)
		if (name.len && name.data[0] == names[i][0] &&
		    otr_slice_eq(name, otr_slice_str(names[i])))
			return (enum otr_hpack_field)i;
	return OTR_HPACK_OTHER;
}

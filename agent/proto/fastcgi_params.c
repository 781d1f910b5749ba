/* SPDX-License-Identifier: Apache-2.0 */
/* fastcgi_params.c - the parameters of a request of FastCGI (1.0, 3.4), which are those of CGI (RFC
 * 3875, 4.1): the request as HTTP has it. */

#include "agent/base/own.h"
#include "agent/proto/fastcgi.h"

/* Takes a length off `in`: one byte below 128, else four. */
static bool take_length(struct otr_slice *in, size_t *len)
{
	size_t n = in->len && (unsigned char)in->data[0] >> 7 ? 4 : 1;

	if (in->len < n)
		return false;
	*len = n == 1 ? (unsigned char)in->data[0]
		      : (size_t)(otr_fastcgi_u16(in->data) & 0x7fff) << 16 |
				otr_fastcgi_u16(in->data + 2);
	*in = otr_slice_sub(*in, n, in->len);
	return true;
}

/* A parameter that is read, and where it goes. */
struct param {
	struct otr_slice name;
	size_t at; /* of a slice in struct otr_http_request */
};

#define PARAM(name, field)                                                \
	{                                                                 \
		OTR_SLICE(name), offsetof(struct otr_http_request, field) \
	}

static const struct param params[] = {
	PARAM("REQUEST_METHOD", method),
	PARAM("REQUEST_URI", target),
	PARAM("HTTP_HOST", host),
	PARAM("REQUEST_SCHEME", scheme),
	PARAM("HTTP_USER_AGENT", user_agent),
	PARAM("HTTP_FORWARDED", forwarded),
	PARAM("HTTP_X_FORWARDED_FOR", x_forwarded_for),
	PARAM("HTTP_X_FORWARDED_HOST", x_forwarded_host),
	PARAM("HTTP_X_FORWARDED_PROTO", x_forwarded_proto),
	PARAM("HTTP_TRACEPARENT", traceparent),
	PARAM("HTTP_BAGGAGE", baggage),
	PARAM("HTTP_TRACESTATE", tracestate[0]),
};

static void take_param(struct otr_fastcgi_params *pa, struct otr_slice name, struct otr_slice value)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(params); i++)
		if (otr_slice_eq(name, params[i].name))
			*(struct otr_slice *)((char *)&pa->req + params[i].at) = value;
	if (otr_slice_eq(name, OTR_SLICE("SCRIPT_NAME")))
		pa->script = value;
	else if (otr_slice_eq(name, OTR_SLICE("PATH_INFO")))
		pa->path_info = value;
	else if (otr_slice_eq(name, OTR_SLICE("REMOTE_ADDR")))
		pa->remote = value;
	else if (otr_slice_eq(name, OTR_SLICE("HTTPS")) && otr_slice_eq(value, OTR_SLICE("on")))
		pa->req.scheme = OTR_SLICE("https");
	else if (otr_slice_eq(name, OTR_SLICE("SERVER_PROTOCOL")) && value.len == 8 &&
		 otr_slice_starts(value, OTR_SLICE("HTTP/")))
		pa->req.version = otr_slice_sub(value, 5, 3);
}

void otr_fastcgi_take(struct otr_fastcgi_params *pa, struct otr_slice in)
{
	size_t name, value;

	while (in.len && take_length(&in, &name) && take_length(&in, &value) && name <= in.len &&
	       value <= in.len - name) {
		take_param(pa, otr_slice_sub(in, 0, name), otr_slice_sub(in, name, value));
		in = otr_slice_sub(in, name + value, in.len);
	}
}

struct otr_http_request *otr_fastcgi_request(struct otr_fastcgi_params *pa)
{
	struct otr_http_request *req = &pa->req;

	if (!req->target.len)
		req->target = pa->script.len ? pa->script : pa->path_info;
	if (!req->forwarded.len && !req->x_forwarded_for.len)
		req->x_forwarded_for = pa->remote;
	req->n_traceparent = req->traceparent.len > 0;
	req->n_tracestate = req->tracestate[0].len > 0;
	return req;
}

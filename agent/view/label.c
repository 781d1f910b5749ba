/* SPDX-License-Identifier: Apache-2.0 */
/* label.c - how a span is named to people; see label.h. Names of attributes: agent/span/attr.def.
 */

#include "agent/view/label.h"

#include <fnmatch.h>
#include <stdio.h>

#include "agent/base/buf.h"
#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/base/text.h"
#include "agent/proto/proto.h"
#include "agent/resource/resource.h"
#include "agent/span/span.h"
#include "bpf/event.h"

/* The protocol whose spans have this db.system.name, or NULL. */
static const struct otr_proto_ops *proto_of(struct otr_slice system)
{
	for (size_t i = 0; system.len && otr_protos[i]; i++)
		if (otr_protos[i]->system &&
		    otr_slice_eq(system, otr_slice_str(otr_protos[i]->system)))
			return otr_protos[i];
	return NULL;
}

static struct otr_slice system_label(struct otr_slice system)
{
	const struct otr_proto_ops *proto = proto_of(system);

	return proto && proto->label ? otr_slice_str(proto->label) : system;
}

/* Names the span after its peer, if one is known. */
static void peer_of(const struct otr_span *sp, struct otr_label *out)
{
	struct otr_slice who = otr_span_string(sp, OTR_KEY_DB_SYSTEM_NAME);
	int64_t port = otr_span_int(sp, OTR_KEY_SERVER_PORT, 0);

	if (!who.len)
		who = otr_span_string(sp, OTR_KEY_MESSAGING_SYSTEM);
	if (who.len) {
		out->service = system_label(who);
		out->peer = true;
		return;
	}
	who = otr_span_string(sp, OTR_KEY_SERVER_ADDRESS);
	if (!who.len) {
		who = otr_span_string(sp, OTR_KEY_NETWORK_PEER_ADDRESS);
		port = otr_span_int(sp, OTR_KEY_NETWORK_PEER_PORT, 0);
	}
	if (!who.len)
		return;
	out->service = who;
	out->peer = true;
	out->port = port == 80 || port == 443 ? 0 : port;
}

static bool ends_with(struct otr_slice s, struct otr_slice end)
{
	return s.len >= end.len && otr_slice_eq(otr_slice_sub(s, s.len - end.len, end.len), end);
}

void otr_label_of(const struct otr_span *sp, struct otr_label *out)
{
	struct otr_slice summary = otr_span_string(sp, OTR_KEY_DB_QUERY_SUMMARY);
	struct otr_slice route = otr_span_string(sp, OTR_KEY_OTRACE_ROUTE);

	/* A name that ends with the summary says more than it: PREPARE is no execution. */
	*out = (struct otr_label){.name = summary.len && !ends_with(sp->name, summary) ? summary
										       : sp->name};
	out->service = sp->resource ? sp->resource->service : OTR_SLICE("unknown_service");
	if (sp->kind == OTR_SPAN_CLIENT || sp->kind == OTR_SPAN_PRODUCER)
		peer_of(sp, out);
	if (route.len && !ends_with(out->name, route))
		out->route = route;
}

void otr_label_service(struct otr_buf *out, const struct otr_label *lb)
{
	otr_text_escape(out, lb->service);
	if (lb->port)
		otr_buf_printf(out, ":%lld", (long long)lb->port);
}

void otr_label_name(struct otr_buf *out, const struct otr_label *lb)
{
	otr_text_escape(out, lb->name);
	if (!lb->route.len)
		return;
	if (lb->name.len)
		otr_buf_byte(out, ' ');
	otr_text_escape(out, lb->route);
}

/* The hash is keyed so that no traced program can choose names that collide with those of
 * others. */
uint64_t otr_sum_bytes(uint64_t sum, const void *data, size_t len)
{
	return otr_keyed_more(sum, data, len);
}

uint64_t otr_label_sum(const struct otr_label *lb)
{
	uint64_t sum = otr_sum_bytes(0, lb->service.data, lb->service.len);

	sum = otr_sum_bytes(sum, &lb->port, sizeof(lb->port));
	sum = otr_sum_bytes(sum, lb->name.data, lb->name.len);
	return otr_sum_bytes(sum, lb->route.data, lb->route.len);
}

static bool is_ok_status(const struct otr_span *sp, struct otr_slice status)
{
	const struct otr_proto_ops *proto = proto_of(otr_span_string(sp, OTR_KEY_DB_SYSTEM_NAME));

	return proto && proto->ok_status && otr_slice_eq(status, otr_slice_str(proto->ok_status));
}

struct otr_slice otr_label_status(const struct otr_span *sp, char room[24])
{
	int64_t code = otr_span_int(sp, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 0);
	struct otr_slice text;

	if (!code) /* the span is of the process that `run` started */
		code = otr_span_int(sp, OTR_KEY_PROCESS_EXIT_CODE, 0);
	if (code) {
		snprintf(room, 24, "%lld", (long long)code);
		return otr_slice_str(room);
	}
	text = otr_span_string(sp, OTR_KEY_DB_RESPONSE_STATUS_CODE);
	if (!text.len)
		text = otr_span_string(sp, OTR_KEY_RPC_RESPONSE_STATUS_CODE);
	if (!text.len && sp->failed)
		text = otr_span_string(sp, OTR_KEY_ERROR_TYPE);
	if (otr_slice_eq(text, OTR_SLICE("_OTHER")) || otr_slice_eq(text, OTR_SLICE("OK")) ||
	    is_ok_status(sp, text))
		return OTR_SLICE_NONE;
	return text;
}

bool otr_label_unanswered(const struct otr_span *sp)
{
	/* HTTP has a status in every answer. */
	return otr_span_string(sp, OTR_KEY_HTTP_REQUEST_METHOD).len &&
	       !otr_span_int(sp, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 0);
}

bool otr_label_weak(const struct otr_span *sp)
{
	return sp->evidence >= OTR_EVIDENCE_WAKE;
}

bool otr_label_ignored(char *const *patterns, const struct otr_span *root)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf name = {0};
	struct otr_label lb;

	if (!patterns)
		return false;
	otr_label_of(root, &lb);
	otr_label_name(&name, &lb);
	otr_buf_byte(&name, '\0');
	for (; !name.rc && *patterns; patterns++)
		if (!fnmatch(*patterns, name.data, FNM_NOESCAPE))
			return true;
	return false;
}

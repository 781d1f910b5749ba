/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp.c - OTLP: a POST for each batch (OTLP 1.11, "OTLP/HTTP"), or a call of gRPC, which is a POST
 * with a prefix and trailers (otlp_grpc.h).
 */

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/base/clock.h"
#include "exporters/exporter.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_grpc.h"
#include "exporters/otlp_json.h"
#include "exporters/otlp_response.h"
#include "exporters/sender.h"

struct otlp {
	struct otr_sender to;
	struct otr_otlp_encoder enc;
	struct otr_buf body, packed;
	struct otr_grpc_answer grpc;
};

static bool is_grpc(const struct otlp *o)
{
	return o->to.cfg.protocol == OTR_OTLP_GRPC;
}

/* Headers that describe the body; NULL ends. */
static const char *const *body_headers(const struct otr_otlp_config *cfg)
{
	static const char *const of[][2][4] = {
		[OTR_OTLP_PROTOBUF] = {{"Content-Type: application/x-protobuf"},
				       {"Content-Type: application/x-protobuf",
					"Content-Encoding: gzip"}},
		[OTR_OTLP_JSON] = {{"Content-Type: application/json"},
				   {"Content-Type: application/json", "Content-Encoding: gzip"}},
		[OTR_OTLP_GRPC] = {{"Content-Type: application/grpc", "TE: trailers"},
				   {"Content-Type: application/grpc", "TE: trailers",
				    "grpc-encoding: gzip"}},
	};

	return of[cfg->protocol][cfg->gzip];
}

static void otlp_close(void *state)
{
	struct otlp *o = state;

	otr_sender_fini(&o->to);
	otr_otlp_encoder_fini(&o->enc);
	otr_buf_fini(&o->body);
	otr_buf_fini(&o->packed);
}

static int otlp_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	struct otlp *o = state;
	int rc = otr_otlp_config_read(&o->to.cfg, dest, err);

	if (rc)
		return rc;
	rc = otr_sender_open(&o->to, body_headers(&o->to.cfg), is_grpc(o) ? otr_grpc_header : NULL,
			     &o->grpc, err);
	if (rc)
		otlp_close(o);
	return rc;
}

static const char *otlp_where(const void *state)
{
	return ((const struct otlp *)state)->to.cfg.to.shown;
}

/* Appends the body, compressed, to `packed`, behind the prefix of gRPC. */
static int pack(struct otlp *o, struct otr_slice *body)
{
	uint8_t prefix[OTR_GRPC_PREFIX] = {0};
	size_t n = is_grpc(o) ? sizeof(prefix) : 0;
	int rc;

	otr_buf_reset(&o->packed);
	otr_buf_add(&o->packed, prefix, n);
	rc = otr_gzip(&o->to.gz, &o->packed, *body);
	if (rc)
		return rc;
	otr_grpc_prefix(prefix, o->packed.len - n, true);
	memcpy(o->packed.data, prefix, n);
	*body = otr_buf_view(&o->packed);
	return 0;
}

/* Writes the prefix of gRPC in front of what the encoder has written. */
static int frame(struct otlp *o, struct otr_slice *body)
{
	uint8_t prefix[OTR_GRPC_PREFIX];

	if (otr_pbuf_room(&o->enc.wire, sizeof(prefix)))
		return -ENOMEM;
	otr_grpc_prefix(prefix, body->len, false);
	otr_pbuf_bytes(&o->enc.wire, prefix, sizeof(prefix));
	*body = (struct otr_slice){o->enc.wire.data + o->enc.wire.at, otr_pbuf_len(&o->enc.wire)};
	return 0;
}

/* Encodes a batch; `out` is the body to send. */
static int encode(void *state, const struct otr_span *const *spans, size_t n, struct otr_slice *out)
{
	struct otlp *o = state;
	int rc;

	if (o->to.cfg.protocol == OTR_OTLP_JSON) {
		otr_buf_reset(&o->body);
		rc = otr_otlp_json_line(&o->body, spans, n);
		*out = otr_buf_view(&o->body);
	} else {
		rc = otr_otlp_encode(&o->enc, spans, n, out);
	}
	if (!rc && o->to.cfg.gzip)
		return pack(o, out);
	return !rc && is_grpc(o) ? frame(o, out) : rc;
}

/* Tells the backend until when the answer is waited for. */
static bool set_timeout(struct otlp *o, uint64_t start_ns, uint64_t until_ns)
{
	char line[64];

	otr_grpc_reset(&o->grpc);
	if (until_ns == UINT64_MAX)
		return otr_post_first_header(&o->to.post, NULL);
	otr_grpc_timeout(line, sizeof(line), until_ns > start_ns ? until_ns - start_ns : 0);
	return otr_post_first_header(&o->to.post, line);
}

/* A stream may be reset after its trailers, with a body that was not read to its end. Such an answer can
 * refuse the batch; that it was taken is believed of a whole answer alone. */
static bool has_status(const struct otlp *o, CURLcode rc)
{
	return is_grpc(o) && o->grpc.status != OTR_GRPC_NONE && o->grpc.status != OTR_GRPC_OK &&
	       rc != CURLE_OPERATION_TIMEDOUT;
}

static enum otr_push judge(struct otlp *o, size_t n, struct otr_push_result *res)
{
	struct otr_otlp_response rsp = {.is_zipkin = false};

	otr_sender_response(&o->to, &rsp);
	if (is_grpc(o))
		return otr_grpc_judge(&o->grpc, rsp.status, rsp.body, n, res);
	rsp.json = rsp.type && !strncasecmp(rsp.type, "application/json", 16);
	rsp.protobuf = rsp.type && !strncasecmp(rsp.type, "application/x-protobuf", 22);
	return otr_otlp_judge(&rsp, n, res);
}

static enum otr_push otlp_send(void *state, struct otr_slice body, size_t n,
			       const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	struct otlp *o = state;
	uint64_t start = otr_now(), until = otr_sender_until(&o->to, start, *deadline_ns);
	CURLcode rc = CURLE_OUT_OF_MEMORY;

	if (is_grpc(o) && !set_timeout(o, start, until))
		return otr_post_unanswered(&o->to.post, rc, 0, res);
	if (otr_post(&o->to.post, body, until, deadline_ns, &rc) || has_status(o, rc))
		return judge(o, n, res);
	return otr_post_unanswered(&o->to.post, rc, otr_now() - start, res);
}

static enum otr_push otlp_push(void *state, const struct otr_span *const *spans, size_t n,
			       const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	struct otr_slice body;
	int rc = encode(state, spans, n, &body);

	return rc ? otr_push_fault(rc, "cannot encode the spans", res)
		  : otlp_send(state, body, n, deadline_ns, res);
}

static const char *otlp_kind(const void *state)
{
	static const char *const kinds[][2] = {
		[OTR_OTLP_PROTOBUF] = {"otlp/protobuf", "otlp/protobuf+gzip"},
		[OTR_OTLP_JSON] = {"otlp/json", "otlp/json+gzip"},
		[OTR_OTLP_GRPC] = {"otlp/grpc", "otlp/grpc+gzip"},
	};
	const struct otlp *o = state;

	return kinds[o->to.cfg.protocol][o->to.cfg.gzip];
}

static uint64_t otlp_batch_ns(const void *state)
{
	return ((const struct otlp *)state)->to.cfg.batch_ns;
}

const struct otr_exporter_ops otr_exporter_otlp = {
	.name = "otlp",
	.schemes = (const char *const[]){"http", "https", "grpc", "grpcs", NULL},
	.help = "OTLP, to a Collector, Jaeger or Tempo. By HTTP as http://HOST:4318, "
		"by gRPC as grpc://HOST:4317; grpcs: uses TLS.",
	.options = otr_otlp_options,
	.settings_size = sizeof(struct otr_otlp_settings),
	.state_size = sizeof(struct otlp),
	.open = otlp_open,
	.where = otlp_where,
	.push = otlp_push,
	.encode = encode,
	.kind = otlp_kind,
	.send = otlp_send,
	.batch_ns = otlp_batch_ns,
	.close = otlp_close,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_bench.c - CPU per span of encoding and gzip, in batches of 512.
 *
 * The spans are those of a small web service: server spans with 12 attributes, their
 * ids random, paths and times differing. Prints the best of 5 rounds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"
#include "exporters/gzip.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_json.h"

#define SPANS  512
#define ROUNDS 5
#define TURNS  40

static const struct otr_span *spans[SPANS];
static struct otr_otlp_encoder enc;
static struct otr_buf out, packed;
static struct otr_slice body; /* of protobuf */
static z_stream zs;

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void random_bytes(void *to, size_t n)
{
	for (uint8_t *c = to; n--; c++)
		*c = (uint8_t)(rand() >> 8);
}

static const struct otr_span *make_span(struct otr_span_builder *sb, struct otr_procs *procs,
					uint32_t i)
{
	static uint64_t now = 1700000000000000000u;
	char path[64];

	otr_sb_reset(sb);
	random_bytes(sb->span.trace_id, sizeof(sb->span.trace_id));
	random_bytes(sb->span.span_id, sizeof(sb->span.span_id));
	random_bytes(sb->span.parent_id, sizeof(sb->span.parent_id));
	now += (uint64_t)rand() % 1000000u;
	sb->span.start_ns = now;
	sb->span.end_ns = now + (uint64_t)rand() % 30000000u;
	sb->span.kind = OTR_SPAN_SERVER;
	sb->span.evidence = OTR_EVIDENCE_WIRE;
	sb->span.scope = i % 4 ? "otrace/http" : "otrace/pgsql";
	sb->span.resource = otr_procs_resource(procs, 100 + i % 4);
	snprintf(path, sizeof(path), "/orders/%d/items", rand() % 100000);
	otr_sb_name(sb, OTR_SLICE("GET /orders/{id}/items"));
	otr_sb_string(sb, OTR_KEY_HTTP_REQUEST_METHOD, OTR_SLICE("GET"));
	otr_sb_string(sb, OTR_KEY_URL_PATH, otr_slice_str(path));
	otr_sb_string(sb, OTR_KEY_URL_SCHEME, OTR_SLICE("http"));
	otr_sb_int(sb, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 200);
	otr_sb_string(sb, OTR_KEY_SERVER_ADDRESS, OTR_SLICE("orders.internal"));
	otr_sb_int(sb, OTR_KEY_SERVER_PORT, 8080);
	otr_sb_string(sb, OTR_KEY_CLIENT_ADDRESS, OTR_SLICE("10.0.12.7"));
	otr_sb_string(sb, OTR_KEY_NETWORK_PEER_ADDRESS, OTR_SLICE("10.0.12.7"));
	otr_sb_int(sb, OTR_KEY_NETWORK_PEER_PORT, 30000 + rand() % 20000);
	otr_sb_string(sb, OTR_KEY_NETWORK_PROTOCOL_VERSION, OTR_SLICE("1.1"));
	otr_sb_string(sb, OTR_KEY_USER_AGENT_ORIGINAL, OTR_SLICE("python-requests/2.31.0"));
	otr_sb_string(sb, OTR_KEY_OTRACE_ROUTE, OTR_SLICE("/orders/{id}/items"));
	return otr_sb_finish(sb);
}

static void protobuf(int level)
{
	(void)level;
	otr_otlp_encode(&enc, spans, SPANS, &body);
}

static void json(int level)
{
	(void)level;
	otr_buf_reset(&out);
	otr_otlp_json_line(&out, spans, SPANS);
}

static void gzip(int level)
{
	char *to;

	if (!zs.state)
		deflateInit2(&zs, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
	deflateReset(&zs);
	deflateParams(&zs, level, Z_DEFAULT_STRATEGY);
	otr_buf_reset(&packed);
	to = otr_buf_room(&packed, deflateBound(&zs, body.len));
	zs.next_in = (Bytef *)(uintptr_t)body.data;
	zs.avail_in = (uInt)body.len;
	zs.next_out = (Bytef *)to;
	zs.avail_out = (uInt)packed.cap;
	deflate(&zs, Z_FINISH);
	packed.len = packed.cap - zs.avail_out;
}

static double best_of(void (*fn)(int level), int level)
{
	uint64_t best = UINT64_MAX, from, t;

	for (int r = 0; r < ROUNDS; r++) {
		from = cpu_ns();
		for (int i = 0; i < TURNS; i++)
			fn(level);
		t = cpu_ns() - from;
		best = t < best ? t : best;
	}
	return (double)best / 1000.0 / TURNS / SPANS;
}

static void put(void *procs, const struct otr_event *ev)
{
	otr_procs_event(procs, ev);
}

int main(void)
{
	OTR_AUTO(otr_sb_fini) struct otr_span_builder sb = {0};
	struct otr_procs *procs;
	double us;

	if (otr_procs_new(&procs, 16))
		return 1;
	for (uint32_t i = 0; i < 4; i++)
		otr_meta_put(100 + i, OTR_META_EXE, OTR_SLICE("/usr/bin/orders"), 1, put, procs);
	for (uint32_t i = 0; i < SPANS; i++)
		spans[i] = make_span(&sb, procs, i);

	us = best_of(json, 0);
	printf("json       %5.2f us/span  %zu bytes/span\n", us, out.len / SPANS);
	us = best_of(protobuf, 0);
	printf("protobuf   %5.2f us/span  %zu bytes/span\n", us, body.len / SPANS);
	for (int level = 1; level <= 6; level += level == 1 ? 2 : 3) {
		us = best_of(gzip, level);
		printf("gzip -%d    %5.2f us/span  %zu bytes/span\n", level, us,
		       packed.len / SPANS);
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode_bench.c - CPU per span of encoding, gzip, a spool on disk and metrics, in batches of 512.
 *
 * The spans are those of a small web service: server spans with 12 attributes, their
 * ids random, paths and times differing. Prints the best of 5 rounds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/span/span_builder.h"
#include "bpf/event.h"
#include "exporters/gzip.h"
#include "exporters/metrics.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_json.h"
#include "exporters/spool.h"
#include "exporters/zipkin_json.h"

#define SPANS  512
#define ROUNDS 5
#define TURNS  40

static const struct otr_span *spans[SPANS];
static struct otr_otlp_encoder enc;
static struct otr_buf out, packed;
static struct otr_slice body; /* of protobuf */
static z_stream zs;
static struct otr_metrics *metrics;
static struct otr_spool *spool;

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

static void zipkin(int level)
{
	(void)level;
	otr_buf_reset(&out);
	otr_zipkin_json(&out, spans, SPANS);
}

/* Server spans whose clients are not seen: each is looked up, and waits in vain. */
static void count(int level)
{
	static uint64_t now;

	(void)level;
	now += 100000000;
	for (int i = 0; i < SPANS; i++)
		otr_metrics_add(metrics, spans[i], now);
}

static void page(int level)
{
	(void)level;
	otr_buf_reset(&out);
	otr_metrics_write(metrics, &out, OTR_PAGE_PLAIN, 0);
}

/* One batch to disk and back. */
static void spool_batch(int level)
{
	uint64_t dropped;
	uint32_t n;

	(void)level;
	if (otr_spool_put(spool, body, SPANS, &dropped) || otr_spool_first(spool, &packed, &n))
		abort();
	otr_spool_done(spool);
}

static char dir[] = "/tmp/otrace-bench.XXXXXX";

static void open_spool(void)
{
	struct otr_err err;

	if (!mkdtemp(dir) || otr_spool_open(&spool, dir, 64u << 20, "bench", &err))
		abort();
}

static void close_spool(void)
{
	char lock[sizeof(dir) + 8];

	otr_spool_close(&spool);
	snprintf(lock, sizeof(lock), "%s/lock", dir);
	remove(lock);
	remove(dir);
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

static size_t lines(void)
{
	size_t n = 0;

	for (size_t i = 0; i < out.len; i++)
		n += out.data[i] == '\n';
	return n;
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
	us = best_of(zipkin, 0);
	printf("zipkin     %5.2f us/span  %zu bytes/span\n", us, out.len / SPANS);
	if (otr_metrics_new(&metrics, 1000))
		return 1;
	us = best_of(count, 0);
	printf("metrics    %5.2f us/span\n", us);
	us = best_of(page, 0);
	printf("page       %5.2f us/line  %zu bytes\n", us * SPANS / (double)lines(), out.len);
	open_spool();
	us = best_of(spool_batch, 0);
	printf("spool      %5.2f us/span  %.0f us/batch\n", us, us * SPANS);
	close_spool();
	for (int level = 1; level <= 6; level += level == 1 ? 2 : 3) {
		us = best_of(gzip, level);
		printf("gzip -%d    %5.2f us/span  %zu bytes/span\n", level, us,
		       packed.len / SPANS);
	}
	return 0;
}

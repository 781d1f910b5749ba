/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_graph.c - which service calls which; see service_graph.h.
 *
 * Both the spans that wait and the names are limited. If the ring is full, the oldest span waits no
 * longer; if there are too many names, further ones are "other". Nothing is left out of the counts.
 */

#include "exporters/service_graph.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/span/resource.h"
#include "agent/span/span.h"

#define RING	  16384
#define WAIT_NS	  10000000000ull
#define NAMES_MAX 4096
#define NAME_MAX  128

struct otr_graph_name {
	UT_hash_handle hh;
	size_t len;
	char text[];
};

enum type {
	NONE,
	VIRTUAL,
	DATABASE,
	MESSAGING,
};

static const char *const type_names[] = {"", "virtual_node", "database", "messaging_system"};

struct otr_graph_half {
	UT_hash_handle hh;
	struct {
		uint8_t trace_id[16];
		uint8_t span_id[8]; /* of the client's span */
	} key;
	bool waits, is_server, failed;
	enum type system;    /* that a client asks; NONE: a service */
	const char *service; /* of the span */
	const char *peer;    /* a client's server, if that is not traced */
	double seconds, weight;
	uint64_t since_ns;
};

static const double bounds[] = {0.002, 0.004, 0.008, 0.016, 0.032, 0.064,
				0.128, 0.256, 0.512, 1.02,  2.05,  4.1};

int otr_graph_init(struct otr_graph *g)
{
	memset(g, 0, sizeof(*g));
	g->total = (struct otr_metric){
		.name = "traces_service_graph_request_total",
		.help = "Requests between two services.",
	};
	g->failed = (struct otr_metric){
		.name = "traces_service_graph_request_failed_total",
		.help = "Failed requests between two services.",
	};
	g->client = (struct otr_metric){
		.name = "traces_service_graph_request_client_seconds",
		.help = "Duration of requests, as the client sees it.",
		.bounds = bounds,
		.n_bounds = OTR_ARRAY_SIZE(bounds),
	};
	g->server = g->client;
	g->server.name = "traces_service_graph_request_server_seconds";
	g->server.help = "Duration of requests, as the server sees it.";
	g->unpaired = (struct otr_metric){
		.name = "traces_service_graph_unpaired_spans_total",
		.help = "Server spans whose client is not traced here.",
	};
	g->ring = calloc(RING, sizeof(*g->ring)); /* pages are used as they are needed */
	return g->ring ? 0 : -ENOMEM;
}

void otr_graph_fini(struct otr_graph *g)
{
	struct otr_graph_name *name, *next;

	HASH_CLEAR(hh, g->waiting);
	free(g->ring);
	HASH_ITER(hh, g->names, name, next) {
		HASH_DEL(g->names, name);
		free(name);
	}
	otr_metric_fini(&g->total);
	otr_metric_fini(&g->failed);
	otr_metric_fini(&g->client);
	otr_metric_fini(&g->server);
	otr_metric_fini(&g->unpaired);
}

/* One copy of each name, which lives as long as the graph. */
static const char *name_of(struct otr_graph *g, struct otr_slice text)
{
	struct otr_graph_name *name;

	text = otr_slice_sub(text, 0, NAME_MAX);
	HASH_FIND(hh, g->names, text.data, text.len, name);
	if (name)
		return name->text;
	name = g->n_names < NAMES_MAX ? calloc(1, sizeof(*name) + text.len + 1) : NULL;
	if (!name)
		return "other";
	memcpy(name->text, text.data, text.len);
	name->len = text.len;
	HASH_ADD_KEYPTR(hh, g->names, name->text, name->len, name);
	if (!name->hh.tbl) {
		free(name);
		return "other";
	}
	g->n_names++;
	return name->text;
}

/* The name of a server that is not traced. */
static const char *peer_of(struct otr_graph *g, const struct otr_span *sp)
{
	static const enum otr_key keys[] = {OTR_KEY_DB_NAMESPACE, OTR_KEY_DB_SYSTEM_NAME};
	struct otr_slice name = otr_span_custom(sp, OTR_SLICE("peer.service"));
	char text[NAME_MAX];

	if (!name.len)
		name = otr_span_string(sp, OTR_KEY_SERVER_ADDRESS);
	if (name.len)
		return name_of(g, name);
	name = otr_span_string(sp, OTR_KEY_NETWORK_PEER_ADDRESS);
	if (name.len) {
		snprintf(text, sizeof(text), "%.*s:%" PRId64, OTR_SLICE_ARG(name),
			 otr_span_int(sp, OTR_KEY_NETWORK_PEER_PORT, 0));
		return name_of(g, otr_slice_str(text));
	}
	for (size_t i = 0; i < OTR_ARRAY_SIZE(keys) && !name.len; i++)
		name = otr_span_string(sp, keys[i]);
	return name.len ? name_of(g, name) : "unknown";
}

static void labels_of(struct otr_buf *out, const char *client, const char *server, enum type type)
{
	otr_metric_label(out, "client", otr_slice_str(client));
	otr_metric_label(out, "server", otr_slice_str(server));
	otr_metric_label(out, "connection_type", otr_slice_str(type_names[type]));
}

/* An edge; a half that is NULL belongs to a node that is not traced. */
static void add_edge(struct otr_graph *g, const struct otr_graph_half *client,
		     const struct otr_graph_half *server)
{
	const struct otr_graph_half *any = client ? client : server;
	enum type system = client ? client->system : NONE;
	enum type type = system || (client && server) ? system : VIRTUAL;
	char space[512];
	struct otr_buf labels = OTR_BUF_ON(space, 0);
	struct otr_slice set;

	labels_of(&labels, client ? client->service : "user",
		  server ? server->service : client->peer, type);
	set = otr_buf_view(&labels);
	otr_metric_add(&g->total, set, 0, any->weight, NULL);
	if ((client && client->failed) || (server && server->failed))
		otr_metric_add(&g->failed, set, 0, any->weight, NULL);
	if (client)
		otr_metric_add(&g->client, set, client->seconds, client->weight, NULL);
	if (server)
		otr_metric_add(&g->server, set, server->seconds, server->weight, NULL);
	otr_buf_fini(&labels);
}

static void add_unpaired(struct otr_graph *g, const struct otr_graph_half *server)
{
	char space[256];
	struct otr_buf labels = OTR_BUF_ON(space, 0);

	otr_metric_label(&labels, "client", OTR_SLICE(""));
	otr_metric_label(&labels, "server", otr_slice_str(server->service));
	otr_metric_add(&g->unpaired, otr_buf_view(&labels), 0, server->weight, NULL);
	otr_buf_fini(&labels);
}

/* The other half did not come. */
static void end_waiting(struct otr_graph *g, struct otr_graph_half *half)
{
	HASH_DEL(g->waiting, half);
	half->waits = false;
	if (half->is_server)
		add_unpaired(g, half);
	else
		add_edge(g, half, NULL);
}

static void drop_first(struct otr_graph *g)
{
	struct otr_graph_half *half = &g->ring[g->first++ % RING];

	if (half->waits)
		end_waiting(g, half);
}

void otr_graph_expire(struct otr_graph *g, uint64_t now_ns)
{
	const struct otr_graph_half *half;

	while (g->first < g->next) {
		half = &g->ring[g->first % RING];
		if (half->waits && now_ns - half->since_ns < WAIT_NS)
			return;
		drop_first(g);
	}
}

static void keep(struct otr_graph *g, const struct otr_graph_half *half)
{
	struct otr_graph_half *at;

	if (g->next - g->first == RING)
		drop_first(g);
	at = &g->ring[g->next++ % RING];
	*at = *half;
	at->waits = true;
	HASH_ADD(hh, g->waiting, key, sizeof(at->key), at);
	if (at->hh.tbl)
		return;
	at->waits = false; /* out of memory */
	if (at->is_server)
		add_unpaired(g, at);
	else
		add_edge(g, at, NULL);
}

/* Joins the half with the other one of its call, or waits for that. */
static void pair(struct otr_graph *g, const struct otr_graph_half *half)
{
	struct otr_graph_half *other;

	HASH_FIND(hh, g->waiting, &half->key, sizeof(half->key), other);
	if (!other || other->is_server == half->is_server) {
		keep(g, half);
		return;
	}
	HASH_DEL(g->waiting, other);
	other->waits = false;
	add_edge(g, half->is_server ? other : half, half->is_server ? half : other);
}

static enum type system_of(const struct otr_span *sp)
{
	if (otr_span_string(sp, OTR_KEY_DB_SYSTEM_NAME).len)
		return DATABASE;
	return otr_span_string(sp, OTR_KEY_MESSAGING_SYSTEM).len ? MESSAGING : NONE;
}

void otr_graph_add(struct otr_graph *g, const struct otr_span *sp, double weight, uint64_t now_ns)
{
	static const uint8_t none[sizeof(sp->parent_id)];
	bool is_server = sp->kind == OTR_SPAN_SERVER;
	struct otr_graph_half half = {
		.is_server = is_server,
		.failed = sp->failed,
		.seconds =
			sp->end_ns > sp->start_ns ? (double)(sp->end_ns - sp->start_ns) / 1e9 : 0,
		.weight = weight,
		.since_ns = now_ns,
	};

	if (!is_server && sp->kind != OTR_SPAN_CLIENT && sp->kind != OTR_SPAN_PRODUCER)
		return;
	half.service =
		name_of(g, sp->resource ? sp->resource->service : OTR_SLICE("unknown_service"));
	memcpy(half.key.trace_id, sp->trace_id, sizeof(half.key.trace_id));
	memcpy(half.key.span_id, is_server ? sp->parent_id : sp->span_id, sizeof(half.key.span_id));
	if (!is_server) {
		half.system = system_of(sp);
		half.peer = peer_of(g, sp);
	}
	if (is_server && !memcmp(sp->parent_id, none, sizeof(none)))
		add_edge(g, NULL, &half);
	else if (is_server && sp->parent_remote)
		add_unpaired(g, &half);
	else
		pair(g, &half);
	otr_graph_expire(g, now_ns);
}

void otr_graph_write(const struct otr_graph *g, struct otr_buf *out, enum otr_page page)
{
	otr_metric_write(&g->total, out, page);
	otr_metric_write(&g->failed, out, page);
	otr_metric_write(&g->client, out, page);
	otr_metric_write(&g->server, out, page);
	otr_metric_write(&g->unpaired, out, page);
}

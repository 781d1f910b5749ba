/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - spans as metrics; see metrics.h.
 *
 * traces_spanmetrics_* have the names and labels of Tempo, which Grafana asks for. The others are the
 * semantic conventions of HTTP, RPC and databases, as the OpenTelemetry specification has them in
 * Prometheus: points are underscores, the unit is in the name. http.route is the route that is known
 * or guessed (otrace.route), never a path.
 */

#include "exporters/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/span/resource.h"
#include "agent/span/span.h"
#include "exporters/metrics_self.h"
#include "exporters/series.h"
#include "exporters/service_graph.h"
#include "exporters/target_info.h"

#define PAGE_ROOM (32u << 20) /* a struct otr_buf holds 64 MiB, and some parts have no series */

struct otr_metrics {
	size_t room; /* of PAGE_ROOM, for further series */
	struct otr_metric spans, http_server, http_client, rpc_server, rpc_client, db_client;
	struct otr_graph graph;
	struct otr_targets targets;
};

static const double span_bounds[] = {0.002, 0.004, 0.008, 0.016, 0.032, 0.064,
				     0.128, 0.256, 0.512, 1.02,	 2.05,	4.1};
static const double http_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
				     0.5,   0.75, 1,	 2.5,  5,     7.5, 10};
static const double db_bounds[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10};

static struct otr_metric histogram(const char *name, const char *help, const double *bounds,
				   size_t n_bounds)
{
	return (struct otr_metric){
		.name = name, .help = help, .bounds = bounds, .n_bounds = n_bounds};
}

static void limit(struct otr_metrics *m, size_t max)
{
	struct otr_metric *const all[] = {
		&m->spans,	  &m->http_server,  &m->http_client,	&m->rpc_server,
		&m->rpc_client,	  &m->db_client,    &m->graph.total,	&m->graph.failed,
		&m->graph.client, &m->graph.server, &m->graph.unpaired,
	};

	m->room = PAGE_ROOM;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(all); i++) {
		all[i]->max = max;
		all[i]->room = &m->room;
	}
}

static void name_metrics(struct otr_metrics *m)
{
	m->spans = histogram("traces_spanmetrics_latency", "Duration of spans, in seconds.",
			     span_bounds, OTR_ARRAY_SIZE(span_bounds));
	m->spans.count_name = "traces_spanmetrics_calls_total";
	m->spans.count_help = "Spans.";
	m->http_server = histogram("http_server_request_duration_seconds",
				   "Duration of HTTP requests, as the server sees them.",
				   http_bounds, OTR_ARRAY_SIZE(http_bounds));
	m->http_client = histogram("http_client_request_duration_seconds",
				   "Duration of HTTP requests, as the client sees them.",
				   http_bounds, OTR_ARRAY_SIZE(http_bounds));
	m->rpc_server = histogram("rpc_server_call_duration_seconds",
				  "Duration of calls, as the server sees them.", http_bounds,
				  OTR_ARRAY_SIZE(http_bounds));
	m->rpc_client = histogram("rpc_client_call_duration_seconds",
				  "Duration of calls, as the client sees them.", http_bounds,
				  OTR_ARRAY_SIZE(http_bounds));
	m->db_client = histogram("db_client_operation_duration_seconds",
				 "Duration of operations of databases, as the client sees them.",
				 db_bounds, OTR_ARRAY_SIZE(db_bounds));
}

int otr_metrics_new(struct otr_metrics **out, size_t series_max)
{
	OTR_AUTO(otr_metrics_free) struct otr_metrics *m = calloc(1, sizeof(*m));

	if (!m || otr_graph_init(&m->graph))
		return -ENOMEM;
	name_metrics(m);
	limit(m, series_max);
	*out = OTR_TAKE(m);
	return 0;
}

void otr_metrics_free(struct otr_metrics **mp)
{
	struct otr_metrics *m = OTR_TAKE(*mp);

	if (!m)
		return;
	otr_metric_fini(&m->spans);
	otr_metric_fini(&m->http_server);
	otr_metric_fini(&m->http_client);
	otr_metric_fini(&m->rpc_server);
	otr_metric_fini(&m->rpc_client);
	otr_metric_fini(&m->db_client);
	otr_graph_fini(&m->graph);
	otr_targets_fini(&m->targets);
	free(m);
}

static struct otr_slice service_of(const struct otr_span *sp)
{
	return sp->resource ? sp->resource->service : OTR_SLICE("unknown_service");
}

/* How many spans this one stands for. */
static double weight_of(const struct otr_span *sp)
{
	const struct otr_attr *at;

	if (!otr_key_set_has(&sp->keys, OTR_KEY_OTRACE_SAMPLED_SHARE))
		return 1;
	for (size_t i = 0; (at = otr_span_attr(sp, i)); i++)
		if (at->key == OTR_KEY_OTRACE_SAMPLED_SHARE && at->type == OTR_ATTR_DOUBLE)
			return at->real > 0 && at->real < 1 ? 1 / at->real : 1;
	return 1;
}

/* A label for an attribute of the span, if it has that. */
static void attr_label(struct otr_buf *out, const char *name, const struct otr_span *sp,
		       enum otr_key key)
{
	struct otr_slice value = otr_span_string(sp, key);

	if (value.len)
		otr_metric_label(out, name, value);
}

static void int_label(struct otr_buf *out, const char *name, const struct otr_span *sp,
		      enum otr_key key)
{
	int64_t n = otr_span_int(sp, key, -1);
	char text[24];

	if (n < 0)
		return;
	snprintf(text, sizeof(text), "%" PRId64, n);
	otr_metric_label(out, name, otr_slice_str(text));
}

static void span_labels(struct otr_buf *out, const struct otr_span *sp)
{
	static const char *const kinds[] = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL",
					    "SPAN_KIND_SERVER",	     "SPAN_KIND_CLIENT",
					    "SPAN_KIND_PRODUCER",    "SPAN_KIND_CONSUMER"};
	const char *kind = kinds[sp->kind < OTR_ARRAY_SIZE(kinds) ? sp->kind : 0];

	otr_metric_label(out, "service", service_of(sp));
	otr_metric_label(out, "span_name", sp->name);
	otr_metric_label(out, "span_kind", otr_slice_str(kind));
	otr_metric_label(out, "status_code",
			 sp->failed ? OTR_SLICE("STATUS_CODE_ERROR")
				    : OTR_SLICE("STATUS_CODE_UNSET"));
}

static void http_labels(struct otr_buf *out, const struct otr_span *sp)
{
	otr_metric_label(out, "service_name", service_of(sp));
	attr_label(out, "http_request_method", sp, OTR_KEY_HTTP_REQUEST_METHOD);
	if (sp->kind == OTR_SPAN_SERVER) {
		attr_label(out, "http_route", sp, OTR_KEY_OTRACE_ROUTE);
		attr_label(out, "url_scheme", sp, OTR_KEY_URL_SCHEME);
	} else {
		attr_label(out, "server_address", sp, OTR_KEY_SERVER_ADDRESS);
		int_label(out, "server_port", sp, OTR_KEY_SERVER_PORT);
	}
	int_label(out, "http_response_status_code", sp, OTR_KEY_HTTP_RESPONSE_STATUS_CODE);
	attr_label(out, "network_protocol_version", sp, OTR_KEY_NETWORK_PROTOCOL_VERSION);
	attr_label(out, "error_type", sp, OTR_KEY_ERROR_TYPE);
}

static void rpc_labels(struct otr_buf *out, const struct otr_span *sp)
{
	otr_metric_label(out, "service_name", service_of(sp));
	attr_label(out, "rpc_system_name", sp, OTR_KEY_RPC_SYSTEM_NAME);
	attr_label(out, "rpc_method", sp, OTR_KEY_RPC_METHOD);
	attr_label(out, "rpc_response_status_code", sp, OTR_KEY_RPC_RESPONSE_STATUS_CODE);
	if (sp->kind == OTR_SPAN_CLIENT) {
		attr_label(out, "server_address", sp, OTR_KEY_SERVER_ADDRESS);
		int_label(out, "server_port", sp, OTR_KEY_SERVER_PORT);
	}
	attr_label(out, "error_type", sp, OTR_KEY_ERROR_TYPE);
}

static void db_labels(struct otr_buf *out, const struct otr_span *sp)
{
	otr_metric_label(out, "service_name", service_of(sp));
	attr_label(out, "db_system_name", sp, OTR_KEY_DB_SYSTEM_NAME);
	attr_label(out, "db_namespace", sp, OTR_KEY_DB_NAMESPACE);
	attr_label(out, "db_operation_name", sp, OTR_KEY_DB_OPERATION_NAME);
	attr_label(out, "db_query_summary", sp, OTR_KEY_DB_QUERY_SUMMARY);
	attr_label(out, "server_address", sp, OTR_KEY_SERVER_ADDRESS);
	int_label(out, "server_port", sp, OTR_KEY_SERVER_PORT);
	attr_label(out, "error_type", sp, OTR_KEY_ERROR_TYPE);
}

typedef void (*labels_fn)(struct otr_buf *out, const struct otr_span *sp);

/* A trace that is not sampled is exported nowhere, so it is no example. */
static const struct otr_exemplar *exemplar_of(const struct otr_span *sp, struct otr_exemplar *ex)
{
	if (!(sp->flags & OTR_FLAG_SAMPLED))
		return NULL;
	memcpy(ex->trace_id, sp->trace_id, sizeof(ex->trace_id));
	memcpy(ex->span_id, sp->span_id, sizeof(ex->span_id));
	ex->time_ns = sp->end_ns;
	return ex;
}

static void observe(struct otr_metric *m, labels_fn labels, const struct otr_span *sp,
		    double seconds, double weight)
{
	struct otr_exemplar ex;
	char space[1024];
	struct otr_buf set = OTR_BUF_ON(space, 0);

	labels(&set, sp);
	if (!set.rc)
		otr_metric_add(m, otr_buf_view(&set), seconds, weight, exemplar_of(sp, &ex));
	otr_buf_fini(&set);
}

void otr_metrics_add(struct otr_metrics *m, const struct otr_span *sp, uint64_t now_ns)
{
	uint64_t ns = sp->end_ns > sp->start_ns ? sp->end_ns - sp->start_ns : 0;
	double seconds = (double)ns / 1e9, weight = weight_of(sp);
	bool is_client = sp->kind == OTR_SPAN_CLIENT;
	bool is_call = is_client || sp->kind == OTR_SPAN_SERVER;

	observe(&m->spans, span_labels, sp, seconds, weight);
	if (is_call && otr_key_set_has(&sp->keys, OTR_KEY_RPC_SYSTEM_NAME))
		observe(is_client ? &m->rpc_client : &m->rpc_server, rpc_labels, sp, seconds,
			weight);
	else if (is_call && otr_key_set_has(&sp->keys, OTR_KEY_HTTP_REQUEST_METHOD))
		observe(is_client ? &m->http_client : &m->http_server, http_labels, sp, seconds,
			weight);
	else if (is_client && otr_key_set_has(&sp->keys, OTR_KEY_DB_SYSTEM_NAME))
		observe(&m->db_client, db_labels, sp, seconds, weight);
	otr_graph_add(&m->graph, sp, weight, now_ns);
	otr_targets_add(&m->targets, sp->resource, now_ns);
}

void otr_metrics_write(struct otr_metrics *m, struct otr_buf *out, enum otr_page page,
		       uint64_t now_ns)
{
	otr_graph_expire(&m->graph, now_ns);
	otr_targets_write(&m->targets, out, page, now_ns);
	otr_metric_write(&m->http_server, out, page);
	otr_metric_write(&m->http_client, out, page);
	otr_metric_write(&m->rpc_server, out, page);
	otr_metric_write(&m->rpc_client, out, page);
	otr_metric_write(&m->db_client, out, page);
	otr_metric_write(&m->spans, out, page);
	otr_graph_write(&m->graph, out, page);
	otr_metrics_self(out, page);
	if (page == OTR_PAGE_OPENMETRICS)
		otr_buf_str(out, "# EOF\n");
}

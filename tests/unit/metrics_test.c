/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_test.c - spans as metrics: labels, limits, weights, and the service graph. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/span/span.h"
#include "agent/span/span_builder.h"
#include "exporters/metrics.h"
#include "exporters/series.h"
#include "exporters/service_graph.h"

#define S 1000000000ull

static struct otr_span_builder sb;
static struct otr_procs *procs;
static struct otr_metrics *metrics;
static struct otr_buf page;

static void put(void *arg, const struct otr_event *ev)
{
	otr_procs_event(arg, ev);
}

static int begin(void **state)
{
	(void)state;
	assert_int_equal(otr_procs_new(&procs, 16), 0);
	otr_meta_put(1, OTR_META_SERVICE, OTR_SLICE("shop"), 1, put, procs);
	otr_meta_put(2, OTR_META_SERVICE, OTR_SLICE("prices"), 1, put, procs);
	assert_int_equal(otr_metrics_new(&metrics, 3), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	otr_metrics_free(&metrics);
	otr_sb_fini(&sb);
	memset(&sb, 0, sizeof(sb));
	otr_procs_free(&procs);
	otr_buf_fini(&page);
	memset(&page, 0, sizeof(page));
	return 0;
}

/* Begins a span of process `pid`, which takes 30 ms. */
static void span(uint32_t pid, enum otr_span_kind kind, uint8_t id, uint8_t parent)
{
	otr_sb_reset(&sb);
	sb.span.trace_id[0] = 7;
	sb.span.span_id[0] = id;
	sb.span.parent_id[0] = parent;
	sb.span.kind = (uint8_t)kind;
	sb.span.start_ns = S;
	sb.span.end_ns = S + S * 3 / 100;
	sb.span.resource = otr_procs_resource(procs, pid);
	otr_sb_name(&sb, OTR_SLICE("GET /"));
}

static void add(uint64_t now_ns)
{
	struct otr_span *sp = otr_sb_finish(&sb);

	assert_non_null(sp);
	otr_metrics_add(metrics, sp, now_ns);
	otr_span_unref(&sp);
}

static void read_format(enum otr_page format, uint64_t now_ns)
{
	otr_buf_reset(&page);
	otr_metrics_write(metrics, &page, format, now_ns);
	otr_buf_byte(&page, '\0');
	assert_int_equal(page.rc, 0);
}

static void read_page(uint64_t now_ns)
{
	read_format(OTR_PAGE_PLAIN, now_ns);
}

static void has(const char *line)
{
	if (!strstr(page.data, line))
		fail_msg("no %s in\n%s", line, page.data);
}

static void has_not(const char *line)
{
	if (strstr(page.data, line))
		fail_msg("%s is in\n%s", line, page.data);
}

static void labels_hold_any_text(void **state)
{
	struct otr_buf out = {0};
	char longer[500];

	(void)state;
	otr_metric_label(&out, "a", OTR_SLICE("x\"y\\z\n\xff\xc3\xa9"));
	otr_metric_label(&out, "b", OTR_SLICE(""));
	otr_buf_byte(&out, '\0');
	assert_string_equal(out.data, "a=\"x\\\"y\\\\z\\n\xef\xbf\xbd\xc3\xa9\",b=\"\"");
	otr_buf_reset(&out);
	memset(longer, '"', sizeof(longer));
	otr_metric_label(&out, "a", (struct otr_slice){longer, sizeof(longer)});
	assert_int_equal(out.len, 4 + 2 * 200); /* cut, but no escape is */
	otr_buf_fini(&out);
}

static void names_of_labels_are_those_of_prometheus(void **state)
{
	static const char *const rows[][2] = {
		{"k8s.pod.name", "k8s_pod_name"},
		{"a..b", "a_b"},
		{"__x", "_x"},
		{"1st", "key_1st"},
		{"", "key_"},
		{"h\xc3\xa9", "h_"},
	};
	struct otr_buf out = {0};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		otr_buf_reset(&out);
		otr_metric_label_name(&out, otr_slice_str(rows[i][0]));
		otr_buf_byte(&out, '\0');
		assert_string_equal(out.data, rows[i][1]);
	}
	otr_buf_fini(&out);
}

static void a_span_is_in_each_bucket_above_it(void **state)
{
	(void)state;
	span(1, OTR_SPAN_SERVER, 1, 0);
	otr_sb_string(&sb, OTR_KEY_HTTP_REQUEST_METHOD, OTR_SLICE("GET"));
	otr_sb_string(&sb, OTR_KEY_OTRACE_ROUTE, OTR_SLICE("/cart/{id}"));
	otr_sb_int(&sb, OTR_KEY_HTTP_RESPONSE_STATUS_CODE, 503);
	otr_sb_error(&sb, OTR_SLICE("503"));
	add(S);
	read_page(S);
#define HTTP                                                                            \
	"{service_name=\"shop\",http_request_method=\"GET\",http_route=\"/cart/{id}\"," \
	"http_response_status_code=\"503\",error_type=\"503\""
	has("http_server_request_duration_seconds_bucket" HTTP ",le=\"0.025\"} 0\n");
	has("http_server_request_duration_seconds_bucket" HTTP ",le=\"0.05\"} 1\n");
	has("http_server_request_duration_seconds_bucket" HTTP ",le=\"10\"} 1\n");
	has("http_server_request_duration_seconds_bucket" HTTP ",le=\"+Inf\"} 1\n");
	has("http_server_request_duration_seconds_sum" HTTP "} 0.03\n");
	has("traces_spanmetrics_calls_total{service=\"shop\",span_name=\"GET /\","
	    "span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_ERROR\"} 1\n");
}

/* The sum of the values of all lines of `name`. */
static double sum_of(const char *name)
{
	double sum = 0;

	for (const char *line = page.data; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == '{')
			sum += strtod(strstr(line, "} ") + 2, NULL);
	}
	return sum;
}

/* As many sets of labels as the option takes, each as long as it can be. */
static void the_longest_page_is_written(void **state)
{
	char name[256];
	const int n = 10000;

	(void)state;
	otr_metrics_free(&metrics);
	assert_int_equal(otr_metrics_new(&metrics, (size_t)n), 0);
	memset(name, '"', sizeof(name));
	for (int i = 0; i < n; i++) {
		span(1, OTR_SPAN_SERVER, 1, 0);
		snprintf(name, sizeof(name), "/%06d", i);
		name[7] = '"';
		otr_sb_name(&sb, (struct otr_slice){name, sizeof(name)});
		otr_sb_string(&sb, OTR_KEY_HTTP_REQUEST_METHOD, OTR_SLICE("GET"));
		otr_sb_string(&sb, OTR_KEY_OTRACE_ROUTE, (struct otr_slice){name, sizeof(name)});
		add(S);
	}
	read_page(S);
	assert_in_range(page.len, 16 << 20, 33 << 20);
	assert_true(sum_of("traces_spanmetrics_calls_total") == n);
	assert_true(sum_of("traces_spanmetrics_latency_count") == n);
	assert_true(sum_of("http_server_request_duration_seconds_count") == n);
	has("traces_spanmetrics_calls_total{otel_metric_overflow=\"true\"} ");
	read_format(OTR_PAGE_OPENMETRICS, S);
}

static void a_call_of_grpc_is_one_of_rpc(void **state)
{
	(void)state;
	span(1, OTR_SPAN_SERVER, 1, 0);
	otr_sb_string(&sb, OTR_KEY_RPC_SYSTEM_NAME, OTR_SLICE("grpc"));
	otr_sb_string(&sb, OTR_KEY_RPC_METHOD, OTR_SLICE("shop.Cart/Add"));
	otr_sb_string(&sb, OTR_KEY_RPC_RESPONSE_STATUS_CODE, OTR_SLICE("NOT_FOUND"));
	add(S);
	read_page(S);
	has("rpc_server_call_duration_seconds_count{service_name=\"shop\",rpc_system_name="
	    "\"grpc\",rpc_method=\"shop.Cart/Add\",rpc_response_status_code=\"NOT_FOUND\"} 1\n");
	has_not("http_server");
}

/* A fifth of the requests is traced: each of them stands for five. */
static void a_share_is_scaled(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		span(1, OTR_SPAN_CLIENT, (uint8_t)(i + 1), 0);
		otr_sb_string(&sb, OTR_KEY_DB_SYSTEM_NAME, OTR_SLICE("postgresql"));
		otr_sb_string(&sb, OTR_KEY_DB_NAMESPACE, OTR_SLICE("stock"));
		if (i)
			otr_sb_double(&sb, OTR_KEY_OTRACE_SAMPLED_SHARE, i == 1 ? 0.2 : 0);
		add(S);
	}
	read_page(20 * S);
	has("db_client_operation_duration_seconds_count{service_name=\"shop\","
	    "db_system_name=\"postgresql\",db_namespace=\"stock\"} 7\n");
	has("db_client_operation_duration_seconds_sum{service_name=\"shop\","
	    "db_system_name=\"postgresql\",db_namespace=\"stock\"} 0.21\n");
	has("traces_service_graph_request_total{client=\"shop\",server=\"stock\","
	    "connection_type=\"database\"} 7\n");
}

/* A broker is a node, whoever of the client and its program put a context into the message. */
static void a_broker_is_a_node(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		span(1, i ? OTR_SPAN_PRODUCER : OTR_SPAN_CLIENT, (uint8_t)(i + 1), 0);
		otr_sb_string(&sb, OTR_KEY_MESSAGING_SYSTEM, OTR_SLICE("kafka"));
		otr_sb_string(&sb, OTR_KEY_SERVER_ADDRESS, OTR_SLICE("broker1"));
		add(S);
	}
	read_page(20 * S);
	has("traces_service_graph_request_total{client=\"shop\",server=\"broker1\","
	    "connection_type=\"messaging_system\"} 2\n");
}

static void what_exceeds_the_limit_is_counted_in_one(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < 50; i++) {
		span(1, OTR_SPAN_INTERNAL, 1, 0);
		snprintf(name, sizeof(name), "job %d", i % 10);
		otr_sb_name(&sb, otr_slice_str(name));
		add(S);
	}
	read_page(S);
	has("span_name=\"job 2\",span_kind=\"SPAN_KIND_INTERNAL\",status_code=\"STATUS_CODE_"
	    "UNSET\"} 5\n");
	has("traces_spanmetrics_calls_total{otel_metric_overflow=\"true\"} 35\n");
	has_not("job 3");
}

static void the_two_spans_of_a_call_are_an_edge(void **state)
{
	(void)state;
	span(1, OTR_SPAN_CLIENT, 1, 9);
	add(S);
	span(2, OTR_SPAN_SERVER, 2, 1);
	sb.span.failed = true;
	add(S);
	span(2, OTR_SPAN_SERVER, 4, 3); /* the server's span comes first */
	add(2 * S);
	span(1, OTR_SPAN_CLIENT, 3, 9);
	add(2 * S);
	read_page(100 * S);
#define EDGE "{client=\"shop\",server=\"prices\",connection_type=\"\"}"
	has("traces_service_graph_request_total" EDGE " 2\n");
	has("traces_service_graph_request_failed_total" EDGE " 1\n");
	has("traces_service_graph_request_client_seconds_count" EDGE " 2\n");
	has("traces_service_graph_request_server_seconds_sum" EDGE " 0.06\n");
	has_not("virtual_node");
	has_not("unpaired");
}

static void a_span_without_the_other_waits_for_ten_seconds(void **state)
{
	(void)state;
	span(1, OTR_SPAN_CLIENT, 1, 0);
	otr_sb_string(&sb, OTR_KEY_NETWORK_PEER_ADDRESS, OTR_SLICE("10.0.0.3"));
	otr_sb_int(&sb, OTR_KEY_NETWORK_PEER_PORT, 81);
	add(S);
	span(2, OTR_SPAN_SERVER, 2, 8);
	add(S);
	span(2, OTR_SPAN_SERVER, 3, 0); /* a root: nobody is waited for */
	add(S);
	read_page(10 * S);
	has("{client=\"user\",server=\"prices\",connection_type=\"virtual_node\"} 1\n");
	has_not("10.0.0.3");
	read_page(11 * S);
	has("{client=\"shop\",server=\"10.0.0.3:81\",connection_type=\"virtual_node\"} 1\n");
	has("traces_service_graph_unpaired_spans_total{client=\"\",server=\"prices\"} 1\n");
}

/* More spans than the ring holds, of one trace, with ids that come again: each is counted once. */
static void no_span_that_waits_is_left_out(void **state)
{
	uint32_t n = 50000;

	(void)state;
	for (uint32_t i = 0; i < n; i++) {
		span(1, OTR_SPAN_CLIENT, 0, 0);
		memcpy(sb.span.span_id, &(uint32_t){i % 20000 + 1}, 4);
		otr_sb_string(&sb, OTR_KEY_SERVER_ADDRESS, OTR_SLICE("far"));
		add(S);
	}
	read_page(100 * S);
	has("{client=\"shop\",server=\"far\",connection_type=\"virtual_node\"} 50000\n");
}

static void a_process_that_is_silent_is_left_out(void **state)
{
	(void)state;
	span(1, OTR_SPAN_SERVER, 1, 0);
	add(S);
	read_page(300 * S);
	has("target_info{job=\"shop\",instance=\"");
	read_page(302 * S);
	has_not("target_info");
}

static void two_attributes_are_no_label_twice(void **state)
{
	const char *at;

	(void)state;
	otr_meta_put(3, OTR_META_SERVICE, OTR_SLICE("odd"), 1, put, procs);
	otr_meta_put(3, OTR_META_ENV,
		     OTR_SLICE("OTEL_RESOURCE_ATTRIBUTES=job=mine,host.name=a,host_name=b,9=c"), 1,
		     put, procs);
	span(3, OTR_SPAN_SERVER, 1, 0);
	add(S);
	read_page(S);
	at = strstr(page.data, "target_info{job=\"odd\"");
	assert_non_null(at);
	at = strstr(at, "host_name=\"");
	assert_non_null(at);
	assert_null(strstr(at + 1, "host_name=\""));
	assert_null(strstr(page.data, ",job=\"mine\""));
}

/* The slowest sampled span of a minute, on the line of its bucket. */
static void an_exemplar_is_a_sampled_trace(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 4; i++) {
		span(1, OTR_SPAN_INTERNAL, (uint8_t)(i + 1), 0);
		sb.span.flags = i < 2 ? OTR_FLAG_SAMPLED : 0;
		sb.span.end_ns = sb.span.start_ns + (i + 1) * (S / 100); /* 10, 20, 30, 40 ms */
		add(S);
	}
	read_page(S);
	has_not("trace_id");
	has_not("# EOF");
	read_format(OTR_PAGE_OPENMETRICS, S);
#define OF                                                                                    \
	"{service=\"shop\",span_name=\"GET /\",span_kind=\"SPAN_KIND_INTERNAL\",status_code=" \
	"\"STATUS_CODE_UNSET\""
	has("traces_spanmetrics_latency_bucket" OF ",le=\"0.016\"} 1\n");
	has("traces_spanmetrics_latency_bucket" OF
	    ",le=\"0.032\"} 3 # {trace_id=\"07000000000000000000000000000000\",span_id="
	    "\"0200000000000000\"} 0.02 1.020\n");
	has("traces_spanmetrics_latency_bucket" OF ",le=\"0.064\"} 4\n");
	has("# TYPE traces_spanmetrics_calls counter\ntraces_spanmetrics_calls_total{");
	has("# TYPE target info\ntarget_info{");
	has("# TYPE otrace_lost counter\n");
	assert_string_equal(page.data + page.len - 7, "# EOF\n");

	span(1, OTR_SPAN_INTERNAL, 9, 0); /* two minutes later a faster one takes its place */
	sb.span.flags = OTR_FLAG_SAMPLED;
	sb.span.start_ns = 121 * S;
	sb.span.end_ns = sb.span.start_ns + S / 1000;
	add(S);
	read_format(OTR_PAGE_OPENMETRICS, S);
	has(",le=\"0.002\"} 1 # {trace_id=\"07000000000000000000000000000000\",span_id="
	    "\"0900000000000000\"} 0.001 121.001\n");
	has(",le=\"0.032\"} 4\n");
}

static void losses_and_cost_are_there(void **state)
{
	(void)state;
	read_page(S);
	has("otrace_lost_total{cause=\"ring\",unit=\"events\"} 0\n");
	has("\nprocess_cpu_seconds_total ");
	has("\notrace_build_info{version=\"");
	has_not("(null)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_hold_any_text),
		cmocka_unit_test(names_of_labels_are_those_of_prometheus),
		cmocka_unit_test_setup_teardown(a_span_is_in_each_bucket_above_it, begin, end),
		cmocka_unit_test_setup_teardown(the_longest_page_is_written, begin, end),
		cmocka_unit_test_setup_teardown(a_call_of_grpc_is_one_of_rpc, begin, end),
		cmocka_unit_test_setup_teardown(a_share_is_scaled, begin, end),
		cmocka_unit_test_setup_teardown(a_broker_is_a_node, begin, end),
		cmocka_unit_test_setup_teardown(what_exceeds_the_limit_is_counted_in_one, begin,
						end),
		cmocka_unit_test_setup_teardown(the_two_spans_of_a_call_are_an_edge, begin, end),
		cmocka_unit_test_setup_teardown(a_span_without_the_other_waits_for_ten_seconds,
						begin, end),
		cmocka_unit_test_setup_teardown(no_span_that_waits_is_left_out, begin, end),
		cmocka_unit_test_setup_teardown(a_process_that_is_silent_is_left_out, begin, end),
		cmocka_unit_test_setup_teardown(two_attributes_are_no_label_twice, begin, end),
		cmocka_unit_test_setup_teardown(an_exemplar_is_a_sampled_trace, begin, end),
		cmocka_unit_test_setup_teardown(losses_and_cost_are_there, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* export_config_test.c - settings of exporters, as users write them, and the messages on wrong
 * ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/own.h"
#include "exporters/backoff.h"
#include "exporters/exporter.h"
#include "exporters/health.h"
#include "exporters/otlp_config.h"
#include "exporters/queue_config.h"
#include "exporters/spec.h"

#define BASE   "OTEL_EXPORTER_OTLP_ENDPOINT"
#define TRACES "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"

#define GRPC(at) at "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

static const struct otr_exporter_ops fake = {
	.name = "fake",
	.schemes = (const char *const[]){"http", "file", "grpc", "grpcs", NULL},
};
const struct otr_exporter_ops *const otr_exporters[] = {&fake, NULL};

static const char *const names[] = {
	BASE,
	TRACES,
	"OTEL_EXPORTER_OTLP_PROTOCOL",
	"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
	"OTEL_EXPORTER_OTLP_INSECURE",
	"OTEL_EXPORTER_OTLP_TIMEOUT",
	"OTEL_EXPORTER_OTLP_COMPRESSION",
	"OTEL_EXPORTER_OTLP_HEADERS",
	"OTEL_EXPORTER_OTLP_CERTIFICATE",
	"OTEL_BSP_MAX_QUEUE_SIZE",
	"OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
	"OTEL_BSP_EXPORT_TIMEOUT",
};

static int clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(names); i++)
		unsetenv(names[i]);
	otr_log_set(OTR_LOG_ERROR);
	return 0;
}

static const struct {
	const char *url, *origin, *want, *shown;
} rows[] = {
	{"http://c:4318", BASE, "http://c:4318/v1/traces", NULL},
	{"http://c:4318/", BASE, "http://c:4318/v1/traces", NULL},
	{"http://c:4318/my/", BASE, "http://c:4318/my/v1/traces", NULL},
	{"http://c:4318/my", BASE, "http://c:4318/my/v1/traces", NULL},
	{"http://c/v1/traces", BASE, "http://c/v1/traces/v1/traces", NULL},
	{"http://c", TRACES, "http://c/", NULL},
	{"http://c/x", TRACES, "http://c/x", NULL},
	{"http://c:4318", "--export", "http://c:4318/v1/traces", NULL},
	{"https://c/v1/traces", "--export", "https://c/v1/traces", NULL},
	{"https://c/a/v1/traces?k=v", "--export", "https://c/a/v1/traces?k=v",
	 "https://c/a/v1/traces?REDACTED"},
	{"https://me:pw@c/x", TRACES, "https://me:pw@c/x", "https://REDACTED:REDACTED@c/x"},
	{"https://c/e/abc12345/otlp/v1/traces", "--export", "https://c/e/abc12345/otlp/v1/traces",
	 "https://c/e/REDACTED/otlp/v1/traces"},
	{"https://c/SECRET", BASE, "https://c/SECRET/v1/traces", "https://c/REDACTED/v1/traces"},
	{"https://c/a%53b", TRACES, "https://c/a%53b", "https://c/REDACTED"},
	{"https://SECRET@c/x", TRACES, "https://SECRET@c/x", "https://REDACTED:REDACTED@c/x"},
	{"http://[::1]:4318", BASE, "http://[::1]:4318/v1/traces", NULL},
	{"localhost:4318", BASE, NULL, NULL},
	{"ftp://c", BASE, NULL, NULL},
	{"http://", BASE, NULL, NULL},
	{"http://c:99999", BASE, NULL, NULL},
	{"http://c:4317", BASE, GRPC("http://c:4317"), "grpc://c:4317"}, /* gRPC's port */
	{"http://c:4317/v1/traces", "--export", GRPC("http://c:4317"), "grpc://c:4317"},
	{"grpc://c", "--export", GRPC("http://c:4317"), "grpc://c:4317"},
	{"GRPC://c:1", "--export", GRPC("http://c:1"), "grpc://c:1"},
	{"grpcs://c", TRACES, GRPC("https://c:4317"), "grpcs://c:4317"},
	{"grpcs://c:443/x?k=v#f", "--export", GRPC("https://c:443"), "grpcs://c:443"},
	{"grpc://me:pw@[::1]:4317", "--export", GRPC("http://me:pw@[::1]:4317"),
	 "grpc://REDACTED:REDACTED@[::1]:4317"},
	{"grpc://", "--export", NULL, NULL},
	{"grpc://c:0x", "--export", NULL, NULL},
};

static void follows_the_endpoint_rules(void **state)
{
	struct otr_otlp_config cfg;
	struct otr_err err;
	int rc;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		struct otr_destination dest = {.url = rows[i].url, .origin = rows[i].origin};

		rc = otr_otlp_config_read(&cfg, &dest, &err);
		if (!rows[i].want) {
			assert_int_equal(rc, -EINVAL);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(cfg.to.url, rows[i].want);
		assert_string_equal(cfg.to.shown, rows[i].shown ? rows[i].shown : rows[i].want);
		assert_int_equal(cfg.gzip, strcmp(cfg.to.host, "localhost") &&
						   strcmp(cfg.to.host, "127.0.0.1") &&
						   strcmp(cfg.to.host, "[::1]"));
		otr_otlp_config_fini(&cfg);
	}
}

/* If a URL cannot be parsed, a message shows only its beginning. */
static void errors_show_no_secret(void **state)
{
	static const char *const bad[] = {
		"http://me:SECRET@c:99999/",
		"http://SECRET@",
		"http://me:SEC/RET@c:1x",
		"http://c:99999/SECRET",
		"http://c:99999?token=SECRET",
		"http://c:99999/#SECRET",
		"ftp://c/SECRET",
		"grpc://c:99999/SECRET?token=SECRET",
		"ghp_SECRETabcdefghijklmnop",
	};
	struct otr_otlp_config cfg;
	struct otr_err err;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(bad); i++) {
		struct otr_export_spec spec;

		if (!otr_export_spec_read(&spec, bad[i], "--export", &err))
			assert_int_equal(otr_otlp_config_read(&cfg, &spec.dest, &err), -EINVAL);
		otr_export_spec_fini(&spec);
		if (strstr(err.text, "SEC"))
			fail_msg("%s: %s", bad[i], err.text);
	}
}

static void reads_the_variables(void **state)
{
	struct otr_destination dest = {.url = "http://c:4317", .origin = BASE};
	struct otr_otlp_config cfg;
	struct otr_err err;

	(void)state;
	setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1);
	setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "HTTP/json", 1);
	setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "250", 1);
	setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none", 1);
	assert_int_equal(otr_otlp_config_read(&cfg, &dest, &err), 0);
	assert_int_equal(cfg.protocol, OTR_OTLP_JSON);
	assert_false(cfg.gzip);
	assert_int_equal(cfg.timeout_ns, 250000000);
	otr_otlp_config_fini(&cfg);

	setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1h", 1);
	setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem", 1);
	assert_int_equal(otr_otlp_config_read(&cfg, &dest, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/nowhere.pem"));
	setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "", 1);
	setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "", 1);
	assert_int_equal(otr_otlp_config_read(&cfg, &dest, &err), 0);
	assert_int_equal(cfg.protocol, OTR_OTLP_GRPC);
	otr_otlp_config_fini(&cfg);
}

/* The protocol is that of the scheme, else of the variable, else of the port. */
static void knows_grpc(void **state)
{
	static const struct {
		const char *url, *variable;
		enum otr_otlp_protocol want;
	} cases[] = {
		{"http://c:4317", NULL, OTR_OTLP_GRPC},
		{"http://c:4317", "http/protobuf", OTR_OTLP_PROTOBUF},
		{"http://c:4317", "carrier pigeon", OTR_OTLP_GRPC},
		{"http://c:4318", "GRPC", OTR_OTLP_GRPC},
		{"http://c", NULL, OTR_OTLP_PROTOBUF},
		{"grpc://c:4318", "http/json", OTR_OTLP_GRPC},
	};
	struct otr_otlp_config cfg;
	struct otr_err err;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(cases); i++) {
		struct otr_destination dest = {.url = cases[i].url, .origin = BASE};

		setenv("OTEL_EXPORTER_OTLP_PROTOCOL", cases[i].variable ? cases[i].variable : "",
		       1);
		assert_int_equal(otr_otlp_config_read(&cfg, &dest, &err), 0);
		assert_int_equal(cfg.protocol, cases[i].want);
		otr_otlp_config_fini(&cfg);
	}
}

/* "collector:4317", in a variable of OpenTelemetry alone. */
static void a_target_of_grpc_needs_no_scheme(void **state)
{
	struct otr_export_spec spec;
	struct otr_err err;

	(void)state;
	setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1);
	assert_int_equal(otr_export_spec_read(&spec, "c:1", BASE, &err), 0);
	assert_string_equal(spec.dest.url, "grpcs://c:1");
	otr_export_spec_fini(&spec);
	setenv("OTEL_EXPORTER_OTLP_INSECURE", "TRUE", 1);
	assert_int_equal(otr_export_spec_read(&spec, "c:1", BASE, &err), 0);
	assert_string_equal(spec.dest.url, "grpc://c:1");
	otr_export_spec_fini(&spec);
	assert_int_equal(otr_export_spec_read(&spec, "http://c:1", BASE, &err), 0);
	assert_string_equal(spec.dest.url, "http://c:1");
	otr_export_spec_fini(&spec);
	assert_int_equal(otr_export_spec_read(&spec, "c:1", "--export", &err), -EINVAL);
	setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", 1);
	assert_int_equal(otr_export_spec_read(&spec, "c:1", BASE, &err), -EINVAL);
}

static void no_message_holds_a_password(void **state)
{
	struct otr_destination dest = {.url = "http://me:pw@c:99999", .origin = BASE};
	struct otr_export_spec spec;
	struct otr_otlp_config cfg;
	struct otr_err err;

	(void)state;
	assert_int_equal(otr_otlp_config_read(&cfg, &dest, &err), -EINVAL);
	assert_null(strstr(err.text, "pw"));
	assert_int_equal(otr_export_spec_read(&spec, "me:pw@c", BASE, &err), -EINVAL);
	assert_null(strstr(err.text, "pw"));
}

static void decodes_headers(void **state)
{
	static const struct {
		const char *text, *want[3];
	} cases[] = {
		{NULL, {NULL}},
		{"api-key=secret", {"api-key: secret"}},
		{" a = b%20c%3D , d=e=f,", {"a: b c=", "d: e=f"}},
		{"a=", {"a;"}},
		{"a=x%0d%0aevil:1,b=2", {"b: 2"}},
		{"a b=1,%zz=1,c,=x,b=2", {"b: 2"}},
		{"Content-Type=x,b=2", {"b: 2"}},
		{"TE=x,Grpc-Timeout=1S,b=2", {"b: 2"}},
		{"Authorization=Basic%20abc", {"Authorization: Basic abc"}},
	};

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(cases); i++) {
		struct curl_slist *list = otr_otlp_headers(cases[i].text), *l = list;

		for (size_t k = 0; cases[i].want[k]; k++, l = l->next) {
			assert_non_null(l);
			assert_string_equal(l->data, cases[i].want[k]);
		}
		assert_null(l);
		curl_slist_free_all(list);
	}
}

static void reports_host_and_port(void **state)
{
	char host[16];
	uint16_t port;

	(void)state;
	assert_int_equal(otr_otlp_http_endpoint("https://c/x", host, 16, &port), 0);
	assert_string_equal(host, "c");
	assert_int_equal(port, 443);
	assert_int_equal(otr_otlp_http_endpoint("http://c:1", host, 16, &port), 0);
	assert_int_equal(port, 1);
	assert_int_equal(otr_otlp_http_endpoint("grpc://c", host, 16, &port), 0);
	assert_int_equal(port, 4317);
	assert_int_equal(otr_otlp_http_endpoint("c:1", host, 16, &port), -EINVAL);
	assert_int_equal(otr_otlp_http_endpoint("http://a.long.host.example", host, 16, &port),
			 -ENAMETOOLONG);
}

static void reads_the_bounds_of_a_queue(void **state)
{
	struct otr_queue_config cfg;

	(void)state;
	setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100", 1);
	setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "x", 1);
	setenv("OTEL_BSP_EXPORT_TIMEOUT", "0", 1);
	otr_queue_config_read(&cfg);
	assert_int_equal(cfg.queue_max, 100);
	assert_int_equal(cfg.batch_max, 100);
	assert_true(cfg.push_ns == UINT64_MAX);
	assert_true(cfg.delay_ns == 1000000000u);
}

static void waits_longer_and_longer(void **state)
{
	static const uint64_t seconds[] = {1, 2, 4, 8, 16, 30, 30};
	struct otr_backoff bo = {0};
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(seconds); i++) {
		ns = otr_backoff_next(&bo);
		assert_in_range(ns, seconds[i] * 499999999u, seconds[i] * 1500000000u);
	}
}

static const char *note(struct otr_health *he, struct otr_buf *out, enum otr_push outcome,
			const char *why, size_t rejected, uint64_t now_s)
{
	struct otr_push_result res = {.rejected = rejected};

	strncpy(res.why, why, sizeof(res.why) - 1);
	otr_buf_reset(out);
	otr_health_note(he,
			&(struct otr_health_push){.where = "http://127.0.0.1:4318/v1/traces",
						  .origin = BASE,
						  .outcome = outcome,
						  .res = &res,
						  .n = 214,
						  .waiting = 214,
						  .room = 2048,
						  .now_ns = now_s * 1000000000u,
						  .next_ns = 8000000000u},
			out);
	otr_buf_byte(out, '\0');
	return out->data;
}

#define WHERE "export to http://127.0.0.1:4318/v1/traces (from " BASE "): "

static void reports_news_only(void **state)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	static const char why[] = "connection refused\nNothing listens on port 4318 here.";
	struct otr_health he = {0};

	(void)state;
	assert_string_equal(note(&he, &out, OTR_PUSH_OK, "", 0, 1), "");
	assert_string_equal(note(&he, &out, OTR_PUSH_RETRY, why, 0, 10), "");
	assert_string_equal(note(&he, &out, OTR_PUSH_RETRY, why, 0, 12), "");
	assert_string_equal(note(&he, &out, OTR_PUSH_RETRY, why, 0, 14),
			    WHERE "connection refused, 3 times in 4 s\n"
				  "214 spans wait, limit 2,048, next try in 8 s; tracing goes "
				  "on. Nothing listens on port 4318 here.");
	assert_string_equal(note(&he, &out, OTR_PUSH_RETRY, why, 0, 22), "");
	assert_string_equal(note(&he, &out, OTR_PUSH_OK, "", 0, 52),
			    WHERE "reached again after 42 s; 214 spans wait");
	assert_string_equal(note(&he, &out, OTR_PUSH_OK, "", 0, 53), "");
	assert_string_equal(note(&he, &out, OTR_PUSH_DROP, "HTTP 400: no", 0, 60),
			    WHERE "HTTP 400: no\n214 spans of 214 are lost, not "
				  "sent again; tracing goes on.");
	assert_string_equal(note(&he, &out, OTR_PUSH_DROP, "HTTP 400", 0, 61), "");
	assert_string_equal(note(&he, &out, OTR_PUSH_OK, "", 0, 62),
			    WHERE "takes spans again; 214 spans wait");
	assert_string_equal(note(&he, &out, OTR_PUSH_OK, "x", 3, 63), "");
	assert_string_equal(note(&he, &out, OTR_PUSH_OK, "x", 1, 163),
			    WHERE "x\n1 span of 214 is lost, not sent again; "
				  "tracing goes on.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(follows_the_endpoint_rules, clean),
		cmocka_unit_test(errors_show_no_secret),
		cmocka_unit_test_setup(reads_the_variables, clean),
		cmocka_unit_test_setup(knows_grpc, clean),
		cmocka_unit_test_setup(a_target_of_grpc_needs_no_scheme, clean),
		cmocka_unit_test_setup(no_message_holds_a_password, clean),
		cmocka_unit_test_setup(decodes_headers, clean),
		cmocka_unit_test_setup(reports_host_and_port, clean),
		cmocka_unit_test_setup(reads_the_bounds_of_a_queue, clean),
		cmocka_unit_test(waits_longer_and_longer),
		cmocka_unit_test(reports_news_only),
	};

	return cmocka_run_group_tests_name("export_config", tests, NULL, NULL);
}

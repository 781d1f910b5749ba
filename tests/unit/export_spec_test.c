/* SPDX-License-Identifier: Apache-2.0 */
/* export_spec_test.c - one --export as a person writes it: scheme, URL, options. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/config/config.h"
#include "exporters/otlp_config.h"
#include "exporters/spec.h"

#define BASE   "OTEL_EXPORTER_OTLP_ENDPOINT"
#define TRACES "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"

struct toy_settings {
	uint64_t wait_ns;
	int64_t size;
};

static const struct otr_option toy_options[] = {
	{.name = "wait",
	 .type = OTR_OPTION_DURATION,
	 .offset = offsetof(struct toy_settings, wait_ns),
	 .value = "D"},
	{.name = "size",
	 .type = OTR_OPTION_INT,
	 .offset = offsetof(struct toy_settings, size),
	 .value = "N",
	 .min = 1,
	 .max = 9},
	{.name = NULL},
};

static const struct otr_exporter_ops plain = {
	.name = "plain",
	.schemes = (const char *const[]){"file", NULL},
};
static const struct otr_exporter_ops otlp = {
	.name = "otlp",
	.schemes = (const char *const[]){"http", "https", NULL},
	.options = otr_otlp_options,
	.settings_size = sizeof(struct otr_otlp_settings),
};
static const struct otr_exporter_ops toy = {
	.name = "toy",
	.schemes = (const char *const[]){"toy+http", "toy+https", NULL},
	.options = toy_options,
	.settings_size = sizeof(struct toy_settings),
};
const struct otr_exporter_ops *const otr_exporters[] = {&plain, &otlp, &toy, NULL};

static int clean(void **state)
{
	extern char **environ;
	char name[128];

	(void)state;
	for (char **e = environ; *e;) {
		if (strncmp(*e, "OTEL_", 5)) {
			e++;
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e);
		unsetenv(name);
		e = environ;
	}
	return 0;
}

static void scheme_names_the_exporter(void **state)
{
	static const struct {
		const char *text, *url;
		const struct otr_exporter_ops *ops;
	} rows[] = {
		{"http://h:4318", "http://h:4318", &otlp},
		{"HTTPS://h", "HTTPS://h", &otlp},
		{"file:a+b", "file:a+b", &plain},
		{"toy+http://h:9411/a+b", "http://h:9411/a+b", &toy},
		{"Toy+HTTPS://h", "HTTPS://h", &toy},
		{"toy+http://h,size=3", "http://h", &toy},
		{"http+toy://h", NULL, NULL},
		{"other+http://h", NULL, NULL},
		{"+http://h", NULL, NULL},
		{"toy+http", NULL, NULL},
		{"toy://h", NULL, NULL},
		{"", NULL, NULL},
	};
	struct otr_export_spec spec;
	struct otr_err err;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		int rc = otr_export_spec_read(&spec, rows[i].text, "--export", &err);

		assert_int_equal(rc, rows[i].ops ? 0 : -EINVAL);
		assert_ptr_equal(spec.ops, rows[i].ops);
		if (rows[i].ops)
			assert_string_equal(spec.dest.url, rows[i].url);
		otr_export_spec_fini(&spec);
	}
	assert_int_equal(otr_export_spec_read(&spec, "ftp://c:4317", "--export", &err), -EINVAL);
	assert_non_null(strstr(err.text, "ftp: (from --export)"));
	assert_non_null(strstr(err.text, "file:, http:, https:, toy+http:, toy+https:"));
}

static void options_follow_the_url(void **state)
{
	const struct toy_settings *set;
	struct otr_export_spec spec;
	struct otr_err err;

	(void)state;
	assert_int_equal(otr_export_spec_read(&spec, "toy+http://h/x,size=7,wait=1.5s",
					      "OTRACE_EXPORT", &err),
			 0);
	set = spec.dest.settings;
	assert_string_equal(spec.dest.url, "http://h/x");
	assert_int_equal(set->size, 7);
	assert_int_equal(set->wait_ns, 1500000000);
	assert_int_equal(spec.dest.given, 3);
	otr_export_spec_fini(&spec);

	assert_int_equal(otr_export_spec_read(&spec, "toy+http://h,size=2", "--export", &err), 0);
	assert_int_equal(spec.dest.given, 2);
	otr_export_spec_fini(&spec);
}

static void wrong_options_are_errors(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"toy+http://h,sise=2", "no option \"sise\"\nright: ,wait=D  ,size=N\n"},
		{"toy+http://h,size=12",
		 "export to toy+http:.. (from --export): size: 12 is out of range"},
		{"toy+http://h,wait=soon", "(from --export): wait: \"soon\" is not a duration"},
		{"toy+http://h,size", "followed by no NAME=VALUE"},
		{"toy+http://h,", "followed by no NAME=VALUE"},
		{"file:a,b.jsonl", "a comma that belongs to the URL or to a value is written %2C"},
		{"file:a,size=2", "no option \"size\""},
		{"http://h,header=a b:SECRET",
		 "export to http://h/v1/traces: header: \"a b\" is no header"},
		{"http://h,header=SECRET",
		 "export to http://h/v1/traces: header: \"\" is no header"},
		{"http://h,header=Content-Type:x", "\"Content-Type\" is no header"},
		{"http://h,header=a:x%0d%0aSECRET:1", "\"a\" is no header"},
		{"http://h,ca=/nowhere.pem", "cannot read /nowhere.pem (from --export)"},
		{"http://h,compression=zip",
		 "(from --export): compression: \"zip\" is not gzip or none"},
		{"http://me:SEC,RET@h", "followed by no NAME=VALUE"},
		{"http://me:a,SECRET=x@h", "followed by no NAME=VALUE"},
	};
	struct otr_otlp_config cfg;
	struct otr_export_spec spec;
	struct otr_err err;

	(void)state;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(rows); i++) {
		int rc = otr_export_spec_read(&spec, rows[i].text, "--export", &err);

		if (!rc)
			rc = otr_otlp_config_read(&cfg, &spec.dest, &err);
		otr_export_spec_fini(&spec);
		assert_true(rc == -EINVAL || rc == -ERANGE);
		if (!strstr(err.text, rows[i].part) || strstr(err.text, "SEC"))
			fail_msg("%s: %s", rows[i].text, err.text);
	}
}

static int read_otlp(const char *text, const char *origin, struct otr_otlp_config *cfg)
{
	struct otr_export_spec spec;
	struct otr_err err;
	int rc = otr_export_spec_read(&spec, text, origin, &err);

	if (!rc)
		rc = otr_otlp_config_read(cfg, &spec.dest, &err);
	otr_export_spec_fini(&spec);
	return rc;
}

static void an_option_wins_over_its_variable(void **state)
{
	struct otr_otlp_config cfg;

	(void)state;
	setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "250", 1);
	setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none", 1);
	setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=2", 1);
	setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", 1);
	assert_int_equal(read_otlp("http://h", "--export", &cfg), 0);
	assert_int_equal(cfg.timeout_ns, 250000000);
	assert_false(cfg.gzip);
	assert_int_equal(cfg.protocol, OTR_OTLP_JSON);
	assert_string_equal(cfg.headers->data, "a: 1");
	otr_otlp_config_fini(&cfg);

	assert_int_equal(read_otlp("http://h:4318,compression=gzip,timeout=5s,header=K:V,"
				   "header=k2:%2C%20x=y:z,protocol=http/protobuf",
				   "--export", &cfg),
			 0);
	assert_string_equal(cfg.to.url, "http://h:4318/v1/traces");
	assert_int_equal(cfg.timeout_ns, 5000000000);
	assert_true(cfg.gzip);
	assert_int_equal(cfg.protocol, OTR_OTLP_PROTOBUF);
	assert_string_equal(cfg.headers->data, "K: V");
	assert_string_equal(cfg.headers->next->data, "k2: , x=y:z");
	assert_null(cfg.headers->next->next);
	otr_otlp_config_fini(&cfg);

	assert_int_equal(read_otlp("http://h,timeout=0", "--export", &cfg), 0);
	assert_true(cfg.timeout_ns == UINT64_MAX);
	otr_otlp_config_fini(&cfg);
}

static void files_of_tls_are_options(void **state)
{
	struct otr_export_spec spec;
	struct otr_otlp_config cfg;
	struct otr_err err;

	(void)state;
	setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem", 1);
	assert_int_equal(read_otlp("https://h", "--export", &cfg), -EINVAL);
	assert_int_equal(otr_export_spec_read(&spec, "https://h,ca=/dev/null,key=/dev/zero",
					      "--export", &err),
			 0);
	assert_int_equal(otr_otlp_config_read(&cfg, &spec.dest, &err), 0);
	assert_string_equal(cfg.ca, "/dev/null");
	assert_string_equal(cfg.key, "/dev/zero");
	assert_null(cfg.cert);
	otr_otlp_config_fini(&cfg);
	otr_export_spec_fini(&spec);
}

static void a_comma_is_written_in_percent(void **state)
{
	struct otr_otlp_config cfg;
	char text[] = "a%2Cb%2c%2";

	(void)state;
	assert_int_equal(read_otlp("http://h/a%2Cb/v1/traces", "--export", &cfg), 0);
	assert_string_equal(cfg.to.url, "http://h/a%2Cb/v1/traces");
	otr_otlp_config_fini(&cfg);
	otr_export_decode_commas(text);
	assert_string_equal(text, "a,b,%2");
}

/* The specification of OpenTelemetry defines no options in these variables. */
static void variables_of_opentelemetry_keep_their_commas(void **state)
{
	struct otr_export_spec spec;
	struct otr_err err;

	(void)state;
	assert_int_equal(otr_export_spec_read(&spec, "http://h/a,timeout=5s", TRACES, &err), 0);
	assert_string_equal(spec.dest.url, "http://h/a,timeout=5s");
	assert_int_equal(spec.dest.given, 0);
	otr_export_spec_fini(&spec);

	setenv(TRACES, "http://other", 1);
	assert_int_equal(otr_export_spec_read(&spec, "http://h", BASE, &err), 0);
	assert_string_equal(spec.dest.url, "http://other");
	assert_string_equal(spec.dest.origin, TRACES);
	otr_export_spec_fini(&spec);
	assert_int_equal(otr_export_spec_read(&spec, "http://h", "--export", &err), 0);
	assert_string_equal(spec.dest.url, "http://h");
	otr_export_spec_fini(&spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(scheme_names_the_exporter, clean),
		cmocka_unit_test_setup(options_follow_the_url, clean),
		cmocka_unit_test_setup(wrong_options_are_errors, clean),
		cmocka_unit_test_setup(an_option_wins_over_its_variable, clean),
		cmocka_unit_test_setup(files_of_tls_are_options, clean),
		cmocka_unit_test_setup(a_comma_is_written_in_percent, clean),
		cmocka_unit_test_setup(variables_of_opentelemetry_keep_their_commas, clean),
	};

	return cmocka_run_group_tests_name("export_spec", tests, NULL, NULL);
}

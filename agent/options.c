/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - every option of every command, one row each.
 *
 * Flag, variable, default, check, help, man page and completions are made from the row. `CMD -h`
 * shows the first sentence of a help text alone: 50 characters.
 */

#include "agent/config/settings.h"

#include "agent/cmd.h"
#include "agent/parser_settings.h"
#include "agent/proto/header_names.h"
#include "agent/rules.h"
#include "agent/sample/sampler.h"
#include "agent/sink/trace_hold.h"
#include "exporters/spec.h"

#define R OTR_CMD_RUN
#define A OTR_CMD_ATTACH
#define G OTR_CMD_AGENT
#define P OTR_CMD_REPLAY
#define D OTR_CMD_DOCTOR

/* The key in the file of configuration: an example of its value. LIVE: a new value is taken over
 * when the agent reads the file again. */
#define KEY(e)	.example = (e)
#define LIVE(e) .example = (e), .live = true

#define FIELD(f)      .offset = offsetof(struct otr_settings, f)
#define FLAG(n, f, c) .name = (n), .type = OTR_OPTION_BOOL, FIELD(f), .commands = (c)
#define TEXT(n, f, v, c) \
	.name = (n), .type = OTR_OPTION_STRING, FIELD(f), .value = (v), .commands = (c)
#define LIST(n, f, v, c) \
	.name = (n), .type = OTR_OPTION_LIST, FIELD(f), .value = (v), .commands = (c)
#define TIME(n, f, c) \
	.name = (n), .type = OTR_OPTION_DURATION, FIELD(f), .value = "D", .commands = (c)
#define WORD(n, f, v, w, c) \
	.name = (n), .type = OTR_OPTION_ENUM, FIELD(f), .value = (v), .words = (w), .commands = (c)

static const char *const formats[] = {"text", "line", "jsonl", NULL};
static const char *const colors[] = {"auto", "always", "never", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

/* Options and variables are left to the exporters, which report what is wrong when they open. */
static int check_export(const char *text, const char *from, struct otr_err *err)
{
	struct otr_export_spec spec;
	int rc = otr_export_spec_read(&spec, text, from, err);

	if (!rc)
		otr_export_spec_fini(&spec);
	return rc;
}

const struct otr_option otr_option_table[] = {
	{FLAG("no-follow", no_follow, R | A), .group = "what", .help = "Do not trace children."},
	{TEXT("service", service, "NAME", R | A | P), .group = "what", .env = "OTEL_SERVICE_NAME",
	 .help = "Service name of the first process. "
		 "Default: guessed from its program."},
	{TEXT("user", user, "NAME", R), .letter = 'u', .group = "what",
	 .help = "Run CMD as this user. "
		 "Uid, gid, groups and HOME; by default, those of the caller."},
	{LIST("ignore", ignore, "ROUTE", R | A | G | P), .group = "what", LIVE("GET /health"),
	 .help = "Count such traces, keep none. As in "
		 "--ignore 'GET /health'; * matches anything. "
		 "Repeatable."},
	{LIST("rule", rules, "RULE", R | G), .group = "what", .key = "rules", .head = "",
	 .max = OTR_RULES_MAX, LIVE("{exe: /usr/bin/node, port: 3000}"), .check = otr_rule_check,
	 .help = "What to trace. "
		 "exe=, cmd=, port=, cgroup=, container=, user=, language=, env=NAME=VALUE "
		 "select; mode=trace|off, sample=RATE, service=NAME say what becomes of it. "
		 "As in exe=/usr/bin/node,port=3000. * matches anything. "
		 "sample= and service= without mode= select nothing. "
		 "Repeatable; the last one that fits decides."},

	{FLAG("no-bpf", no_bpf, R), .group = "how",
	 .help = "No kernel probes: trace by the library alone. "
		 "The library is loaded into CMD and its children, and needs no privilege."},
	{FLAG("no-shim", no_shim, R | A | G), .group = "how", KEY("on"),
	 .help = "No library: trace by kernel probes alone. "
		 "Probes need privilege, see static programs too, and inject nothing."},
	{FLAG("no-inject", no_inject, R), .group = "how",
	 .help = "Put no traceparent on requests. "
		 "The library only observes. Kernel probes inject nothing."},
	{LIST("no-inject-to", no_inject_to, "HOST", R), .group = "how",
	 .help = "Put no traceparent on requests to HOST. "
		 "HOST, HOST:PORT, *.SUFFIX, as the Host header has it. Repeatable."},
	{FLAG("no-observe", no_observe, R), .group = "how",
	 .help = "Only pass the trace context on. "
		 "CMD has no spans: its requests name the span of its caller. "
		 "With --no-bpf."},
	{FLAG("sql-comment", sql_comment, R), .group = "how",
	 .help = "Put traceparent on statements, too, in a comment. "
		 "The library does, where libpq is called with the text to run."},
	{TEXT("propagators", propagators, "LIST", R | A | G), .group = "how",
	 .env = "OTEL_PROPAGATORS", .fallback = "tracecontext,baggage", KEY("tracecontext"),
	 .check = otr_propagators_check, .help = "Trace headers that are read."},
	{LIST("redact", redact, "KEY", R | A | G | P), .group = "how", KEY("customer_id"),
	 .help = "One more query key whose value is hidden. "
		 "Repeatable; the usual secrets are hidden anyway."},
	{LIST("header", headers, "NAME", R | A | G | P), .group = "how", KEY("x-request-id"),
	 .max = OTR_HEADER_NAMES, .check = otr_header_name_check,
	 .help = "A request header that becomes an attribute. "
		 "As in --header x-request-id: http.request.header.x-request-id, in gRPC "
		 "rpc.request.metadata.x-request-id. Repeatable. Those of credentials are "
		 "refused."},
	{FLAG("no-query-text", no_query_text, R | A | G | P), .group = "how", KEY("on"),
	 .help = "Keep no text of database queries. "
		 "Their summary (SELECT orders) stays."},

	{TIME("hold", hold_ns, R | A | G), .group = "how much", .fallback = "1s", KEY("2s"),
	 .help = "How long a trace waits for late evidence. "
		 "Only where a parent is not proved yet."},

	{TEXT("sample", sample, "RATE", R | A | G | P), .group = "how much",
	 .check = otr_sampler_check, LIVE("10%"),
	 .help = "Traces that are sampled: 10%, 0.1 or 100/s. "
		 "Whole traces, by their id: all hosts decide alike. All traces are counted. "
		 "A trace that begins elsewhere is sampled if its caller samples it. "
		 "A process may set OTRACE_SAMPLE or OTEL_TRACES_SAMPLER for itself. "
		 "Default: all, or as OTEL_TRACES_SAMPLER says."},
	{TEXT("keep", keep, "LIST", R | A | G | P), .group = "how much", .check = otr_keep_check,
	 LIVE("error,slow=1s,first"),
	 .help = "Kept whatever --sample says: error,slow=1s,first. "
		 "first: the first trace of each route in each minute."},

	{.name = "cpu-budget",
	 .type = OTR_OPTION_SHARE,
	 FIELD(cpu_budget),
	 .value = "SHARE",
	 .commands = R | A | G,
	 .group = "how much",
	 .fallback = "auto",
	 .example = "5%",
	 .live = true,
	 .help = "CPU that tracing may take. "
		 "A share of one core, or of what the traced processes use if "
		 "that is more. auto: 5% of what they use, a quarter of one core "
		 "in any case. Over it, whole requests are shed, and counted. "
		 "0: no limit."},

	{TEXT("output", output, "FILE", R | A | P), .letter = 'o', .group = "show",
	 .help = "Write traces and summary to FILE. Its owner alone can read "
		 "it, and it has no colour."},
	{WORD("format", format, "F", formats, R | A | P), .group = "show", .fallback = "text",
	 .help = "How traces are printed: text, line or jsonl. "
		 "line: one logfmt line a trace; jsonl: OTLP JSON."},
	{FLAG("errors", errors, R | A | P), .group = "show",
	 .help = "Print only traces with an error."},
	{TIME("slow", slow_ns, R | A | P), .group = "show", .fallback = "0",
	 .help = "Print only traces that took D or longer."},
	{FLAG("no-live", no_live, R | A | P), .group = "show",
	 .help = "Print no traces, only the summary."},
	{FLAG("no-summary", no_summary, R | A | P), .group = "show", .help = "Print no summary."},
	{FLAG("quiet", quiet, R | A | P | D), .letter = 'q', .group = "show",
	 .help = "Neither traces nor summary. Doctor: only what is not ok."},
	{.name = "rows",
	 .type = OTR_OPTION_INT,
	 FIELD(rows),
	 .value = "N",
	 .commands = R | A | P,
	 .group = "show",
	 .fallback = "30",
	 .min = 3,
	 .max = 10000,
	 .help = "Rows of one trace before it is folded. "
		 "Root, errors and the critical path are kept first."},
	{FLAG("spans", spans, R | A | P), .group = "show",
	 .help = "Client and server spans on rows of their own."},
	{.name = "print",
	 .type = OTR_OPTION_RATE,
	 FIELD(print_rate),
	 .value = "N/s",
	 .commands = R | A | P,
	 .group = "show",
	 .fallback = "10",
	 .min = 0,
	 .max = 1000000,
	 .help = "Traces printed per second at most. 0: all."},
	{WORD("color", color, "WHEN", colors, R | A | P | D), .group = "show", .fallback = "auto",
	 .help = "Colour: auto, always or never. "
		 "auto heeds NO_COLOR, TERM=dumb, and what is no terminal."},
	{FLAG("ascii", ascii, R | A | P | D), .group = "show", .help = "Draw with ASCII alone."},
	{FLAG("verbose", verbose, R | A | G | P | D), .letter = 'v', .group = "show", LIVE("on"),
	 .help = "Say more. How each parent is known; why loading failed."},

	{LIST("export", exports, "URL", R | A | G | P), .group = "send", .secret = true,
	 .check_file = check_export, .head = "url", KEY("http://127.0.0.1:4318"),
	 .env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT "
		"OTEL_EXPORTER_OTLP_ENDPOINT",
	 .help = "Send spans to URL. "
		 "Repeatable. URL,NAME=VALUE,.. sets options of that destination; a comma within "
		 "URL or VALUE is written %2C.",
	 .details = otr_exporters_describe},

	{TEXT("record", record, "FILE", R | A), .group = "keep",
	 .help = "Keep the raw events, for replay. "
		 "The file holds what was on the wire; its owner alone reads it."},

	{TEXT("config", config, "FILE", G), .group = "machine", .fallback = OTR_CONFIG_DEFAULT,
	 .help = "The file of configuration. "
		 "YAML: each option is a key. SIGHUP reads it again. The default "
		 "need not exist; /dev/null: none. See: otrace config example."},
	{TEXT("btf", btf, "FILE", R | A | G | D), .group = "machine",
	 KEY("/var/lib/otrace/vmlinux.btf"),
	 .help = "Type information of the running kernel. "
		 "Default: /sys/kernel/btf/vmlinux."},
	{FLAG("strict", strict, R | A | G | P | D), .group = "machine", LIVE("on"),
	 .help = "Exit with 5 where anything is missing or lost."},
	{WORD("log-level", log_level, "L", levels, G), .group = "machine", .fallback = "info",
	 LIVE("warn"), .help = "error, warn, info or debug."},

	{FLAG("json", json, D), .group = "doctor", .help = "Print one JSON object."},
	{FLAG("quick", quick, D), .group = "doctor",
	 .help = "Leave the self-test out. Loads no program."},
	{.name = NULL},
};

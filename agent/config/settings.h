/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SETTINGS_H
#define OTR_SETTINGS_H

/*
 * settings.h - what the options of every command fill; the table is options.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config/config.h"

enum otr_format {
	OTR_FORMAT_TEXT,
	OTR_FORMAT_LINE,
	OTR_FORMAT_JSONL
};
enum otr_color {
	OTR_COLOR_AUTO,
	OTR_COLOR_ALWAYS,
	OTR_COLOR_NEVER
};

#define OTR_CONFIG_DEFAULT "/etc/otrace/otrace.yaml"

struct otr_settings {
	/* What filled this struct, and the words of the command line, NULL at the end: to read all
	 * settings once more. Borrowed. */
	struct otr_options *opts;
	char *const *words;
	/* what */
	bool no_follow;
	bool no_bpf;
	bool no_shim;
	bool no_inject;
	bool no_observe;
	char **no_inject_to; /* "api.example.com", "*.local:8080" */
	bool sql_comment;
	char *service;
	char *user;
	char **ignore; /* "GET /health" */
	char **rules;  /* "exe=..,port=..,mode=.." */
	/* how */
	char *propagators;
	char **redact;	/* further query keys to hide */
	char **headers; /* request headers that become attributes */
	bool no_query_text;
	/* how much */
	uint64_t hold_ns;
	char *sample; /* "10%", "100/s"; NULL: as OTEL_TRACES_SAMPLER says */
	char *keep;   /* "error,slow=1s,first" */
	/* A share of one core; 0: no limit. OTR_SHARE_AUTO: 5 % of what the traced processes use,
	 * but at least a quarter of one core. */
	double cpu_budget;
	/* show */
	char *output;
	int format; /* enum otr_format */
	bool errors;
	uint64_t slow_ns; /* 0: any */
	bool no_live, no_summary, quiet;
	int64_t rows;
	bool spans;
	int64_t print_rate; /* blocks per second */
	int color;	    /* enum otr_color */
	bool ascii;
	bool verbose;
	/* send */
	char **exports;
	/* The option or variable that named them: "--export", "OTRACE_EXPORT",
	 * "OTEL_EXPORTER_OTLP_ENDPOINT" ..; or NULL. */
	const char *exports_from;
	char exports_from_text[512];
	/* keep */
	char *record;
	/* machine */
	char *config;
	char *btf;
	bool strict;
	int log_level; /* enum otr_log_level */
	/* doctor */
	bool json;
	bool quick;
};

/* Ends with a row whose name is NULL. */
extern const struct otr_option otr_option_table[];

#endif /* OTR_SETTINGS_H */

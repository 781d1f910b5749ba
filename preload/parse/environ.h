/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ENVIRON_H
#define OTR_ENVIRON_H

/*
 * environ.h - the trace in which the environment says that a process was started, and the trace in
 * which its children are started: TRACEPARENT, TRACESTATE, BAGGAGE (OpenTelemetry, environment
 * variables as context propagation carriers).
 *
 * Pure: no system call, no allocation; tests/unit/environ_test.c.
 */

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

#define OTR_TRACESTATE_MAX 512 /* the length that the W3C asks everybody to carry at least */
#define OTR_BAGGAGE_MAX	   1024
#define OTR_PARENT_LEN	   55 /* 00-TRACE-SPAN-FLAGS */
/* Bytes of our lines in an HTTP/1 head: name, colon and blank, value, CR LF. */
#define OTR_PARENT_LINE	 (sizeof("traceparent: ") - 1 + OTR_PARENT_LEN + 2)
#define OTR_STATE_LINE	 (sizeof("tracestate: ") - 1 + OTR_TRACESTATE_MAX + 2)
#define OTR_BAGGAGE_LINE (sizeof("baggage: ") - 1 + OTR_BAGGAGE_MAX + 2)
#define OTR_PRELOAD_MAX	 256  /* bytes of LD_PRELOAD without our library */
#define OTR_EMITTED_MAX	 2048 /* the agent reads a longer entry from /proc */
#define OTR_ENTRIES_MAX	 1024 /* entries of an environment that is copied */

/*
 * OTRACE_RUN, which `otrace run` sets for the program that it starts: SPAN-OUTER-UNTIL, each of 16
 * hex digits. SPAN is the span of the program, the root of its work, which its TRACEPARENT names,
 * too. OUTER is the span that TRACEPARENT named for `otrace run` itself, or zeros. UNTIL is a time
 * in ns of CLOCK_MONOTONIC, after which the work of the program does not belong to SPAN any more.
 */
struct otr_run_root {
	uint8_t span_id[8];
	uint8_t outer[8];
	uint8_t has_outer;
	uint64_t until_ns; /* 0: OTRACE_RUN is not set or not valid */
};

/* The trace that a process was started in. */
struct otr_started {
	uint8_t known;	/* 1: TRACEPARENT is valid; 0: only `emitted` is set */
	uint8_t by_run; /* 1: TRACEPARENT was set by `otrace run` */
	uint8_t trace_id[16], span_id[8], flags;
	uint16_t state_len, baggage_len;
	char parent[OTR_PARENT_LEN + 1]; /* the text of TRACEPARENT */
	char state[OTR_TRACESTATE_MAX];
	char baggage[OTR_BAGGAGE_MAX];
	struct otr_run_root run;
	/* The entries that the library emits: a valid TRACEPARENT, and OpenTelemetry's variables
	 * that name the process, with NUL between. The agent cannot read /proc of a process that
	 * lives for 5 ms in time. */
	uint16_t emitted_len;
	char emitted[OTR_EMITTED_MAX];
};

/* Reads a traceparent. Returns 0 if it is not valid. */
int otr_parent_read(const char *text, size_t len, uint8_t trace_id[16], uint8_t span_id[8],
		    uint8_t *flags);

/* Returns the value of the first variable `name`, or NULL; borrowed from `env`. */
const char *otr_env_get(char *const *env, const char *name);

/* Sets *started by the variables in `env`. */
void otr_started_read(struct otr_started *started, char *const *env);

/* Does the work of the program no longer belong to the span of `otrace run`: does the process serve
 * requests (`served`), or has it run for too long? */
int otr_run_is_over(const struct otr_started *started, int served, uint64_t now_ns);

/* Are requests without a parent in the trace in which the process was started? */
int otr_started_holds(const struct otr_started *started, int served, uint64_t now_ns);

/* Entries that replace those of a child's environment: each is NAME=VALUE, or "" to remove it. */
struct otr_carry {
	char parent[12 + OTR_PARENT_LEN + 1];
	char state[11 + OTR_TRACESTATE_MAX + 1];
	char baggage[8 + OTR_BAGGAGE_MAX + 1];
	uint8_t has_trace;	       /* 0: TRACEPARENT, TRACESTATE and BAGGAGE stay as they are */
	uint8_t unloaded;	       /* 1: our library is taken out of LD_PRELOAD */
	char preload[OTR_PRELOAD_MAX]; /* then the entry without our library, or "" */
};

/* Sets carry->preload to the entry LD_PRELOAD without our library, which `value` names. Returns 0
 * if `value` does not name the library, or the entry is too long. */
int otr_carry_unload(struct otr_carry *carry, const char *value);

/* Returns the path of our library in a value of LD_PRELOAD, and its length in *len; NULL: none. */
const char *otr_preload_path(const char *value, size_t *len);

/* Set the entries that name a trace; a list of length 0 becomes "". */
void otr_carry_parent(struct otr_carry *carry, const uint8_t trace_id[16], const uint8_t span_id[8],
		      uint8_t flags);
void otr_carry_lists(struct otr_carry *carry, const char *state, size_t state_len,
		     const char *baggage, size_t baggage_len);

/* Returns how many pointers otr_carry_copy() writes at most; 0: the environment is too long to
 * copy. */
size_t otr_carry_room(char *const *env);
/* Writes to `out` the pointers of `env` with the entries of `carry` in place of its own, and a
 * NULL. Returns `out`. */
char *const *otr_carry_copy(const struct otr_carry *carry, char *const *env, char **out);

/* Writes two hex digits for each byte, without a NUL. Returns the end of what was written. */
char *otr_hex(char *out, const uint8_t *bytes, size_t n);

#pragma GCC visibility pop

#endif /* OTR_ENVIRON_H */

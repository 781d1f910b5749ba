/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ENVIRON_H
#define OTR_ENVIRON_H

/*
 * environ.h - the trace a process was started in, as its environment says, and the one its
 * children are started in: TRACEPARENT, TRACESTATE, BAGGAGE (OpenTelemetry, environment
 * variables as context propagation carriers).
 *
 * Pure: no system call, no allocation; tests/unit/environ_test.c.
 */

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

#define OTR_TRACESTATE_MAX 512 /* the length that the W3C asks everybody to carry at least */
#define OTR_BAGGAGE_MAX	   1024
#define OTR_PARENT_LEN	   55	/* 00-TRACE-SPAN-FLAGS */
#define OTR_PRELOAD_MAX	   256	/* bytes of LD_PRELOAD without our library */
#define OTR_EMITTED_MAX	   2048 /* the agent reads a longer entry from /proc */
#define OTR_ENTRIES_MAX	   1024 /* entries of an environment that is copied */

/*
 * What `otrace run` sets for the program it starts, in OTRACE_RUN: SPAN-OUTER-UNTIL, each of 16
 * hex digits. SPAN is the program itself, the root of what it does, and named by its
 * TRACEPARENT; OUTER is the span that TRACEPARENT named before, or zeros; UNTIL is a time in ns
 * of CLOCK_MONOTONIC: a program that runs for longer is not one piece of work.
 */
struct otr_run_root {
	uint8_t span_id[8];
	uint8_t outer[8];
	uint8_t has_outer;
	uint64_t until_ns; /* 0: no limit */
};

/* The trace that a process was started in. */
struct otr_started {
	uint8_t known;	/* 1: TRACEPARENT is valid */
	uint8_t by_run; /* 1: TRACEPARENT was set by `otrace run` */
	uint8_t trace_id[16], span_id[8], flags;
	uint16_t state_len, baggage_len;
	char parent[OTR_PARENT_LEN + 1]; /* the text of TRACEPARENT */
	char state[OTR_TRACESTATE_MAX];
	char baggage[OTR_BAGGAGE_MAX];
	struct otr_run_root run;
	/* What is emitted of the environment: a valid TRACEPARENT, and OpenTelemetry's
	 * variables that name the process, with NUL between. A process that lives for 5 ms has
	 * left /proc before the agent reads it. */
	uint16_t emitted_len;
	char emitted[OTR_EMITTED_MAX];
};

/* Reads a traceparent. Returns 0 where it is not valid. */
int otr_parent_read(const char *text, size_t len, uint8_t trace_id[16], uint8_t span_id[8],
		    uint8_t *flags);

/* The value of the first variable `name`, or NULL. */
const char *otr_env_get(char *const *env, const char *name);

void otr_started_read(struct otr_started *started, char *const *env);

/* Does the program's work no longer belong to the span of `otrace run`? It does not if the
 * process serves requests (`served`), or has run for too long. */
int otr_run_is_over(const struct otr_started *started, int served, uint64_t now_ns);

/* Are requests that are sent for no exchange in the trace that the process was started in? */
int otr_started_holds(const struct otr_started *started, int served, uint64_t now_ns);

/* What replaces entries of a child's environment: each is a whole entry, or "" to remove it. */
struct otr_carry {
	char parent[12 + OTR_PARENT_LEN + 1];
	char state[11 + OTR_TRACESTATE_MAX + 1];
	char baggage[8 + OTR_BAGGAGE_MAX + 1];
	uint8_t says;		       /* 0: TRACEPARENT, TRACESTATE and BAGGAGE stay as they are */
	uint8_t unloaded;	       /* 1: our library is taken out of LD_PRELOAD */
	char preload[OTR_PRELOAD_MAX]; /* then the entry without it, or "" */
};

/* Takes our library out of a value of LD_PRELOAD. Returns 0 where the value does not name it,
 * or the rest is too long. */
int otr_carry_unload(struct otr_carry *carry, const char *value);

/* The path of our library in a value of LD_PRELOAD, up to a blank or a colon; NULL: none. */
const char *otr_preload_path(const char *value, size_t *len);

void otr_carry_parent(struct otr_carry *carry, const uint8_t trace_id[16], const uint8_t span_id[8],
		      uint8_t flags);
void otr_carry_lists(struct otr_carry *carry, const char *state, size_t state_len,
		     const char *baggage, size_t baggage_len);

/* How many pointers a copy of `env` takes, with ours and the last NULL; 0: too many. */
size_t otr_carry_room(char *const *env);
char *const *otr_carry_copy(const struct otr_carry *carry, char *const *env, char **out);

/* Writes two hex digits for each byte. Returns the position behind the last. */
char *otr_hex(char *out, const uint8_t *bytes, size_t n);

#pragma GCC visibility pop

#endif /* OTR_ENVIRON_H */

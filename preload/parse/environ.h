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

#define OTR_TRACESTATE_MAX 512 /* the least the W3C asks everybody to carry */
#define OTR_BAGGAGE_MAX	   1024
#define OTR_PARENT_LEN	   55	/* 00-TRACE-SPAN-FLAGS */
#define OTR_PRELOAD_MAX	   256	/* of LD_PRELOAD, without our library */
#define OTR_EMITTED_MAX	   2048 /* a longer entry is left to /proc */
#define OTR_ENTRIES_MAX	   1024 /* of an environment we copy */

/*
 * What `otrace run` tells the program it starts, in OTRACE_RUN: SPAN-OUTER-UNTIL, each of 16
 * hex digits. SPAN is the program itself, the root of what it does, and named by its
 * TRACEPARENT; OUTER the span that TRACEPARENT named before, or zeros; UNTIL a time in ns of
 * CLOCK_MONOTONIC: what runs for longer is no one piece of work.
 */
struct otr_run_root {
	uint8_t span_id[8];
	uint8_t outer[8];
	uint8_t has_outer;
	uint64_t until_ns; /* 0: there is none */
};

/* What a process was told when it started. */
struct otr_started {
	uint8_t known;	/* TRACEPARENT is one to follow */
	uint8_t by_run; /* and is that of `run` */
	uint8_t trace_id[16], span_id[8], flags;
	uint16_t state_len, baggage_len;
	char parent[OTR_PARENT_LEN + 1]; /* its text */
	char state[OTR_TRACESTATE_MAX];
	char baggage[OTR_BAGGAGE_MAX];
	struct otr_run_root run;
	/* What the agent is told of the environment: TRACEPARENT, if it is one to follow, and
	 * how OpenTelemetry calls the process; NUL between. A process of 5 ms has left /proc
	 * before the agent looks. */
	uint16_t emitted_len;
	char emitted[OTR_EMITTED_MAX];
};

/* A traceparent. Returns 0 where it is none to follow. */
int otr_parent_read(const char *text, size_t len, uint8_t trace_id[16], uint8_t span_id[8],
		    uint8_t *flags);

/* The value of the first `name`, or NULL. */
const char *otr_env_get(char *const *env, const char *name);

void otr_started_read(struct otr_started *started, char *const *env);

/* Is what `run` said no longer so: the process has served a request, and calls on its own
 * account, or it is too old? */
int otr_run_is_over(const struct otr_started *started, int served, uint64_t now_ns);

/* Is the process's own trace that of what it asks for by itself? */
int otr_started_holds(const struct otr_started *started, int served, uint64_t now_ns);

/* What a child's environment says instead of what is there: of each the whole entry, or ""
 * where there shall be none. */
struct otr_carry {
	char parent[12 + OTR_PARENT_LEN + 1];
	char state[11 + OTR_TRACESTATE_MAX + 1];
	char baggage[8 + OTR_BAGGAGE_MAX + 1];
	uint8_t says;		       /* 0: none of these three, and the child's own stay */
	uint8_t unloaded;	       /* 1: LD_PRELOAD does not name our library */
	char preload[OTR_PRELOAD_MAX]; /* then the whole entry without it, or "" for none */
};

/* Takes our library out of a value of LD_PRELOAD. Returns 0 where it is not named there, or
 * where what is left does not fit. */
int otr_carry_unload(struct otr_carry *carry, const char *value);

/* The path of our library in a value of LD_PRELOAD, up to a blank or a colon; NULL: none. */
const char *otr_preload_path(const char *value, size_t *len);

void otr_carry_parent(struct otr_carry *carry, const uint8_t trace_id[16], const uint8_t span_id[8],
		      uint8_t flags);
void otr_carry_lists(struct otr_carry *carry, const char *state, size_t state_len,
		     const char *baggage, size_t baggage_len);

/* How many pointers a copy of `env` takes, the last one and ours included; 0: too many. */
size_t otr_carry_room(char *const *env);
char *const *otr_carry_copy(const struct otr_carry *carry, char *const *env, char **out);

/* Two digits a byte. Returns behind the last. */
char *otr_hex(char *out, const uint8_t *bytes, size_t n);

#pragma GCC visibility pop

#endif /* OTR_ENVIRON_H */

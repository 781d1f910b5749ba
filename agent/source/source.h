/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_H
#define OTR_SOURCE_H

/*
 * source.h - where events come from: the kernel's probes, the library inside programs, a
 * recording.
 *
 * A source is one const struct of functions and a state of its own (`src`). A session opens the
 * sources it wants (sources.h) and calls them all alike. One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"

struct otr_err;

/* Receives one whole, checked record, borrowed for the call. */
typedef int (*otr_event_fn)(void *arg, const struct otr_event *ev);

/* Every source has `open`, `close` and `drain`; a live one also `fd`, `rest_ms`, `poll`,
 * `policy`, `watch`, `untarget`, `pause` and `cost_ns`. Others are NULL where a source has no use
 * for them. */
struct otr_source_ops {
	const char *name; /* as the start line shows it: "bpf", "shim", "replay" */

	/* Opens the source as `config` says, a struct of the source's own. Returns 0 and gives
	 * `*out`, or -errno with the reason in `err`. */
	int (*open)(void **out, const void *config, struct otr_err *err);
	void (*close)(void *src);

	/* A descriptor that epoll finds readable when a drain is due early. Borrowed. */
	int (*fd)(const void *src);

	/* In how many ms to drain again at the latest; `busy`: the last drain gave events. */
	int (*rest_ms)(const void *src, bool busy);

	/* Gives `fn` what waits, in the order in which it was written; merge.c orders several
	 * sources. Returns how many events, or -errno. A recording gives a part of it at each call
	 * and 0 at its end, and what `fn` returns where that is not 0. */
	int (*drain)(void *src, uint64_t now_ns, otr_event_fn fn, void *arg);

	/* Why the last drain returned an error; borrowed. NULL: its drains do not fail for a reason
	 * that a person can mend. */
	const struct otr_err *(*error)(const void *src);

	/* Gives `fn` what is in no ring: watched runs, and (each 200 ms, or with `all`) what was
	 * lost since the last time, as events of `now_ns`. */
	void (*poll)(void *src, uint64_t now_ns, bool all, otr_event_fn fn, void *arg);

	/* What the stages ask for; see feedback.h. */
	void (*policy)(void *src, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		       uint32_t head_bytes);
	void (*watch)(void *src, uint64_t conn, enum otr_dir dir, bool want);
	void (*handoff)(void *src, uint32_t tgid);

	/* Traces a process from the next `list` on, with `follow` its children too. Returns 0 or
	 * -errno. */
	int (*target)(void *src, uint32_t tgid, bool follow);
	/* A traced process executes another program, or (`forked`) is a child by fork; or NULL. */
	void (*begun)(void *src, uint32_t tgid, bool forked);
	/* Traces a process no longer. What it moved before may still come. */
	void (*untarget)(void *src, uint32_t tgid);
	/* Reports what a process (0: each that is traced) has open. Returns 0 or -errno. */
	int (*list)(void *src, uint32_t tgid);
	/* Gives `fn` an OTR_EV_LISTEN for each listener of the machine. */
	void (*listeners)(void *src, otr_event_fn fn, void *arg);

	/* While paused, requests that begin are shed, each with its answer, and counted
	 * (OTR_LOSS_BUDGET). Requests that began before are captured to their ends. */
	void (*pause)(void *src, bool pause);

	/* From now on a process that executes a program is traced on trial until it is judged, or
	 * not; see traced_set.h. */
	void (*trials)(void *src, bool on);

	/* CPU that the source has taken of the traced programs so far. */
	uint64_t (*cost_ns)(const void *src);

	/* True where this machine lacks a part of what the source can observe. */
	bool (*is_limited)(const void *src);
};

/* A source that is open. */
struct otr_source {
	const struct otr_source_ops *ops;
	void *state;
};

/* The kernel's probes; config: struct otr_bpf_config (bpf.h). */
extern const struct otr_source_ops otr_bpf_source;
/* The library inside programs; config: struct otr_shim_config (shim.h). */
extern const struct otr_source_ops otr_shim_source;
/* A recording; config: its path (const char). See record.h. */
extern const struct otr_source_ops otr_replay_source;
/* A capture of packets; config: its path. See pcap.c. */
extern const struct otr_source_ops otr_pcap_source;

/* Opens a source that has an end (a recording), gives all its events to `fn`, closes it. Returns 0,
 * what `fn` returned where that is not 0, or -errno with the reason in `err`; events that came
 * before the error were given. */
int otr_source_read(const struct otr_source_ops *ops, const void *config, otr_event_fn fn,
		    void *arg, struct otr_err *err);

/* Is `copy` one well-formed record of a known kind? Every source asks this function, and
 * tests/fuzz/fuzz_event.c fuzzes it. `copy` is private memory: in a ring a traced process could
 * change the record after the check. Returns the record, an alias of `copy`, or NULL. */
const struct otr_event *otr_event_check(const void *copy, size_t len);

#endif /* OTR_SOURCE_H */

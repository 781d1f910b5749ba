/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SINK_H
#define OTR_SINK_H

/*
 * sink.h - what a sink of spans provides: the console, the export queues.
 *
 * A sink is one struct otr_sink_ops and one row of otr_sink_table[] (sink_table.c). sinks.c opens
 * each sink that the settings ask for, and calls every open sink in the order of the table. All
 * functions are called on the core thread and must not block it for long. An op that a sink does
 * not need is NULL, except is_wanted(), open() and close().
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_err;
struct otr_settings;
struct otr_span;
struct otr_stitch_stats;

/* What becomes of a trace. All traces count in the summary; only those that are kept are sent. */
enum otr_outcome {
	OTR_TRACE_KEPT,
	OTR_TRACE_IGNORED,   /* by --ignore */
	OTR_TRACE_UNSAMPLED, /* by its sampled flag, and --keep does not ask for it */
};

/* What every sink is opened with. Borrowed for the call; `settings` and `arg` for its life. */
struct otr_sink_config {
	const struct otr_settings *settings;
	int fd;	       /* where the console writes, not closed; -1: there is no console */
	int notice_fd; /* where the console writes notices; 0: as the console chooses */
	bool shared;   /* a traced program writes to `fd` too */
	bool blocking; /* spans come from a recording: wait for a full queue, do not drop */

	/* Gives one notice to a person; `arg` is its first argument. */
	void (*notice)(void *arg, const char *text);
	void *arg;
};

/* The facts of a session that a summary shows. Texts are borrowed for the call. */
struct otr_summary {
	const char *what; /* "python3 app.py: status 0" */
	uint64_t elapsed_ns;
	const struct otr_stitch_stats *stats;
	uint64_t cpu_ns;      /* that otrace itself used */
	uint64_t lived_ns;    /* the time in which otrace used `cpu_ns`; 0: elapsed_ns */
	uint64_t inside_ns;   /* spent in the traced programs: number of calls times their price */
	uint64_t library_ns;  /* the part of `inside_ns` that the library spent; the rest: probes */
	uint64_t rss_bytes;   /* of otrace */
	const char *budget;   /* how --cpu-budget was kept; NULL: everything was traced */
	const char *not_seen; /* lines, or "" */
	const char *headers;  /* counts of trace headers put on the wire, or "" */
	const char *again;    /* a command that shows the same again, or NULL */
};

struct otr_sink_ops {
	const char *name; /* "console" */

	/* True if the settings ask for this sink. */
	bool (*is_wanted)(const struct otr_sink_config *cfg);

	/* Opens the sink. Returns 0 and gives the sink in `*out`, which every function below gets;
	 * or returns -errno with the reason in `err`, and leaves nothing open. */
	int (*open)(void **out, const struct otr_sink_config *cfg, struct otr_err *err);

	/* Tracing begins: `what` is "python3 app.py (4242)", `sources` "bpf". */
	void (*start)(void *sink, const char *what, const char *sources);

	/* One finished span, and what becomes of its trace. Borrows it; a sink that keeps the span
	 * takes a reference. */
	void (*span)(void *sink, struct otr_span *sp, enum otr_outcome outcome);

	/* No more spans of this trace are expected. */
	void (*trace)(void *sink, const uint8_t trace_id[16], enum otr_outcome outcome);

	/* A request has been open for long, called once a second: `root` as it stands now,
	 * `waits` the request that it waits for, or NULL. Borrows both. */
	void (*open_request)(void *sink, struct otr_span *root, struct otr_span *waits);

	/* Shows one notice to a person: the first line, then lines that explain it, parted by
	 * newlines. While no open sink has this op, notices go to stderr. */
	void (*notice)(void *sink, const char *text);

	/* Time passes, CLOCK_MONOTONIC. */
	void (*tick)(void *sink, uint64_t now_ns);

	/* Delivers what waits, until `deadline_ns` (CLOCK_MONOTONIC), and counts the rest as lost.
	 * Spans that come later are ignored. May be called again. */
	void (*drain)(void *sink, uint64_t deadline_ns);

	/* Shows the summary, where the settings ask for one. */
	void (*summary)(void *sink, const struct otr_summary *sum);

	/* True if the summary of this sink reaches its reader and names the losses; if no sink
	 * does so, losses are reported on stderr. */
	bool (*names_losses)(const void *sink);

	/* Frees the sink. drain() has been called before. */
	void (*close)(void *sink);
};

/* Every sink built in, in the order in which spans reach them; NULL ends. */
extern const struct otr_sink_ops *const otr_sink_table[];

#endif /* OTR_SINK_H */

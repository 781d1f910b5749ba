/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EXPORTER_H
#define OTR_EXPORTER_H

/*
 * exporter.h - what an exporter provides: a kind of destination for spans.
 *
 * Each --export runs on its own thread behind a bounded queue (queue.c), so a slow backend costs
 * spans, counted, and never stalls capture. Spans are encoded in *_encode.c, by functions without
 * side effects that the golden tests call directly.
 *
 * An exporter that pushes sends each batch in push(). An exporter that is pulled (a page of
 * metrics that somebody fetches) has the same functions: its URL names where it listens
 * (prometheus://127.0.0.1:9464), open() listens and starts a thread that answers, push() adds the
 * batch to what the thread answers with and returns OTR_PUSH_OK, close() ends the thread. push()
 * and that thread share a lock, which push() holds for no longer than the adding takes.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct otr_buf;
struct otr_err;
struct otr_exporter_ops;
struct otr_option;
struct otr_slice;
struct otr_span;

/* What every destination is opened with; spec.h reads it from text. */
struct otr_destination {
	const char *url;		  /* without options; the scheme NAME+http is http here */
	const char *origin;		  /* "--export", or the variable it came from */
	const void *settings;		  /* the struct that the options of the row fill */
	const struct otr_option *options; /* of the row */
	const char *spool;  /* the folder of a spool, or NULL; spooled.c reads these */
	uint64_t spool_max; /* in bytes */
	const struct otr_exporter_ops *spooled; /* what sends the batches of the spool */
	uint32_t given; /* bit i: option i of the row is among what the user wrote */
};

/* The value of the option called `name`, if the user gave it; else NULL. */
const void *otr_given(const struct otr_destination *dest, const char *name);

enum otr_push {
	OTR_PUSH_OK,	/* delivered; the queue forgets the batch */
	OTR_PUSH_RETRY, /* a passing fault; the queue pushes the same batch again later */
	OTR_PUSH_DROP,	/* the backend will never take the batch; the queue counts it as refused */
	OTR_PUSH_FAIL, /* this host can never send the batch; the queue counts it as not delivered */
};

/* What the backend answered, besides the outcome. */
struct otr_push_result {
	size_t rejected; /* spans of a batch that was taken in part: counted, not sent again */
	uint64_t retry_after_ns; /* how long the backend asked to wait; 0: our own back-off */

	/* Why the batch was not taken, for people: "connection refused"; a second line may explain
	 * it: "Nothing listens on port 4318 here." Empty where all of it was taken. */
	char why[256];
};

/* What a fault of this host, `rc`, means for a batch: one that is too large (-EMSGSIZE) can never be
 * sent, after all others (a full disk, no memory) it is tried again. Writes "WHAT: REASON". */
enum otr_push otr_push_fault(int rc, const char *what, struct otr_push_result *res);

struct otr_exporter_ops {
	const char *name; /* "otlp", as in counters and the manual */

	/* Of `--export URL`: "http", "https", "zipkin+http"; NULL ends. No two rows share one. */
	const char *const *schemes;
	const char *help; /* one sentence behind the schemes in --help=all and otrace(1) */

	/* Options behind the URL, as in `URL,NAME=VALUE`: name, type, words, min, max, offset,
	 * value and help of a row count; `env` names the variables that open() reads where the
	 * option is not given. At most 32 rows, then one whose name is NULL; or NULL. */
	const struct otr_option *options;
	size_t settings_size; /* of the struct that the options fill */

	/* True if push() gets the spans of traces that are not sampled, too: it counts, and passes no
	 * span on. */
	bool takes_unsampled;

	size_t state_size; /* of the state every function below is given */

	/* Gets ready to push. `state` is zeroed; `dest` is borrowed for the call. Returns 0, or
	 * -errno with the reason in `err`; then close() is not called. */
	int (*open)(void *state, const struct otr_destination *dest, struct otr_err *err);

	/* The URL in use as messages show it, without credentials. Lives as long as `state`. */
	const char *(*where)(const void *state);

	/* Delivers `n` spans in one batch. May block until `*deadline_ns`, CLOCK_MONOTONIC, and no
	 * longer; another thread may lower that at any time, to close. Borrows `spans`: the queue
	 * holds the references. `res` is zeroed before. */
	enum otr_push (*push)(void *state, const struct otr_span *const *spans, size_t n,
			      const _Atomic uint64_t *deadline_ns, struct otr_push_result *res);

	/* How long a batch may take with all its tries, when the exporter was told; 0: as queue.h
	 * says. Or NULL. */
	uint64_t (*batch_ns)(const void *state);

	/* push() in two steps, for a spool between them (spooled.c); or NULL. They run on two
	 * threads at once, and share no field that either of them writes. encode() gives the bytes
	 * of a batch, valid until its next call, and returns 0 or -errno; kind() names what they
	 * are, in less than OTR_SPOOL_KIND bytes; send() is as push(). */
	int (*encode)(void *state, const struct otr_span *const *spans, size_t n,
		      struct otr_slice *out);
	const char *(*kind)(const void *state);
	enum otr_push (*send)(void *state, struct otr_slice body, size_t n,
			      const _Atomic uint64_t *deadline_ns, struct otr_push_result *res);

	/* For an exporter with a thread of its own: appends notices that came since the last call,
	 * each with a NUL at its end; and is told that the queue closes, until when it may go on
	 * (CLOCK_MONOTONIC). Or NULL. */
	void (*notices)(void *state, struct otr_buf *out);
	void (*closing)(void *state, uint64_t deadline_ns);

	/* Releases everything open() and push() took. */
	void (*close)(void *state);
};

/* Every exporter built in, in the order --help lists them; ends with NULL. */
extern const struct otr_exporter_ops *const otr_exporters[];

#endif /* OTR_EXPORTER_H */

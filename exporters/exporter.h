/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_EXPORTER_H
#define OTR_EXPORTER_H

/*
 * exporter.h - what one destination for spans has to provide.
 *
 * Each configured exporter runs on its own thread behind a bounded queue
 * (queue.c), so a slow backend costs spans, counted, and never stalls capture.
 * Turning spans into bytes is kept apart, in *_encode.c, as functions without
 * side effects that the golden tests call directly.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct otr_err;
struct otr_span;

/* What every destination is opened with. */
struct otr_destination {
	const char *url;    /* as the user wrote it */
	const char *origin; /* "--export", or the variable it came from */
};

enum otr_push {
	OTR_PUSH_OK,	/* delivered; the queue forgets the batch */
	OTR_PUSH_RETRY, /* a passing fault; offer the same batch again later */
	OTR_PUSH_DROP,	/* it will never be taken; count it and move on */
};

/* What the other side said besides yes or no. */
struct otr_push_result {
	size_t rejected;	 /* of a batch taken in part: counted, not resent */
	uint64_t retry_after_ns; /* it asked to wait; 0: our own back-off */

	/* Of what is not a plain yes, for people: "connection refused"; a second
	 * line may say more: "Nothing listens on port 4318 here." */
	char why[256];
};

struct otr_exporter_ops {
	const char *name;	    /* "otlp-http", as in counters and the manual */
	const char *const *schemes; /* of `--export URL`: "http", "https"; NULL ends */
	const char *help;	    /* one line for --help and otrace(1) */

	size_t state_size; /* of the state every function below is given */

	/* Gets ready to push. `state` is zeroed; `dest` is borrowed for the
	 * call; settings beyond it come from the environment. Returns 0, or
	 * -errno with the reason in `err`; then close() is not called. */
	int (*open)(void *state, const struct otr_destination *dest, struct otr_err *err);

	/* What messages call it: the URL in use, without its credentials. Lives
	 * as long as `state`. */
	const char *(*where)(const void *state);

	/* Sends `n` spans in one batch. May block until `*deadline_ns`,
	 * CLOCK_MONOTONIC, and no longer; another thread may bring that nearer
	 * at any time, to close. Borrows `spans`; the queue holds the
	 * references. `res` is zeroed before. */
	enum otr_push (*push)(void *state, const struct otr_span *const *spans, size_t n,
			      const _Atomic uint64_t *deadline_ns, struct otr_push_result *res);

	/* Releases everything open() and push() took. */
	void (*close)(void *state);
};

/* Every exporter built in, in the order --help lists them; ends with NULL. */
extern const struct otr_exporter_ops *const otr_exporters[];

#endif /* OTR_EXPORTER_H */

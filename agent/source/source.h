/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_H
#define OTR_SOURCE_H

/* source.h - where events come from: the kernel, the preload shim, a file. */

#include <stddef.h>
#include <stdint.h>

struct otr_err;
struct otr_event;

/* Receives one whole, checked record, borrowed for the call. */
typedef int (*otr_event_fn)(void *arg, const struct otr_event *ev);

struct otr_source_ops {
	const char *name; /* "bpf", "preload", "replay" */
	size_t state_size;

	int (*open)(void *state, const void *config, struct otr_err *err);

	/* Becomes readable in epoll when drain() has work; -1 to be polled. */
	int (*fd)(const void *state);

	/* Hands over what is waiting, at most `max` events, in order of
	 * reservation; merge.c orders the sources among each other. Returns how
	 * many, or -errno. */
	int (*drain)(void *state, size_t max, otr_event_fn fn, void *arg);

	void (*close)(void *state);
};

/* Does `copy` hold one well-formed record of a kind we know? The only judge of
 * that, used by every source and fuzzed in tests/fuzz/fuzz_event.c. Private
 * memory only: in a ring a traced process could change it after the check.
 * Returns the record, aliasing `copy`, or NULL. */
const struct otr_event *otr_event_check(const void *copy, size_t len);

#endif /* OTR_SOURCE_H */

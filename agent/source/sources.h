/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCES_H
#define OTR_SOURCES_H

/*
 * sources.h - the live sources of a session: the kernel's probes, the library inside programs,
 * or both.
 *
 * A call goes to every open source that has the function in its row (source.h). One thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/source/bpf.h"
#include "agent/source/feedback.h"
#include "agent/source/shim.h"

struct otr_sources;

struct otr_sources_config {
	const struct otr_bpf_config *bpf;   /* NULL: no probes */
	const struct otr_shim_config *shim; /* NULL: not by the library */
	bool adopt; /* the library is used in traced processes that have it already */
	bool (*is_traced)(void *arg, uint32_t tgid);
	void *arg;
};

/* Opens the sources. Returns 0, or -errno with the reason in `err`; see otr_bpf_open(). With
 * `adopt`, probes alone do where the library's sockets cannot be opened. */
int otr_sources_open(struct otr_sources **out, const struct otr_sources_config *cfg,
		     struct otr_err *err);
void otr_sources_close(struct otr_sources **sp);

/* "bpf", "shim" or "bpf+shim". With `adopt`, the library counts once it is in a process. */
const char *otr_sources_name(const struct otr_sources *s);

/* What OTRACE_SESSION is set to in a program that shall join; NULL: none can. */
const char *otr_sources_session(const struct otr_sources *s);

/* Readable when a drain is due early. */
int otr_sources_fd(const struct otr_sources *s);

/* In how many ms to drain again at the latest: the least of all sources. */
int otr_sources_rest_ms(const struct otr_sources *s, bool busy);

/* Gives `fn` all that waits. */
void otr_sources_drain(struct otr_sources *s, uint64_t now_ns, otr_event_fn fn, void *arg);

/* Passes on an event that merge.c released, its positions aligned; see seq_align.h. */
void otr_sources_align(struct otr_sources *s, const struct otr_event *ev, otr_event_fn fn,
		       void *arg);

/* Gives `fn` what is in no ring; see source.h. */
void otr_sources_poll(struct otr_sources *s, uint64_t now_ns, bool all, otr_event_fn fn, void *arg);

/* What the pipeline asks of the sources; lives as long as they do. */
const struct otr_feedback *otr_sources_feedback(struct otr_sources *s);

/* Adopts the ring of a traced process that carries the library. Called before
 * otr_sources_list(), so that no source reports what the other does. */
enum otr_adopt otr_sources_adopt(struct otr_sources *s, uint32_t tgid, uint64_t now_ns);

/* Has any process a ring that is read here? */
bool otr_sources_announced(const struct otr_sources *s);

/* As `begun` in source.h. */
void otr_sources_begun(struct otr_sources *s, uint32_t tgid, bool forked);

/* As in source.h. */
int otr_sources_target(struct otr_sources *s, uint32_t tgid, bool follow);
void otr_sources_untarget(struct otr_sources *s, uint32_t tgid);
int otr_sources_list(struct otr_sources *s, uint32_t tgid);
void otr_sources_listeners(struct otr_sources *s, otr_event_fn fn, void *arg);
bool otr_sources_limited(const struct otr_sources *s);
void otr_sources_pause(struct otr_sources *s, bool pause);
void otr_sources_trials(struct otr_sources *s, bool on);

/* CPU that all sources, or the library alone, have taken of the traced programs. */
uint64_t otr_sources_cost_ns(const struct otr_sources *s);
uint64_t otr_sources_library_ns(const struct otr_sources *s);

/* What the library did about trace headers, in words: "12 put in; left alone: 2 had one", or ""
 * where it did nothing. Returns `out`. */
const char *otr_sources_headers(const struct otr_sources *s, char *out, size_t size);

#endif /* OTR_SOURCES_H */

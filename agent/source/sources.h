/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCES_H
#define OTR_SOURCES_H

/*
 * sources.h - all that a session draws from: the kernel, the library inside the programs,
 * or both. Where one of them is not used, what is asked of it alone does nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/source/bpf.h"
#include "agent/source/shim.h"

struct otr_sources;

struct otr_sources_config {
	bool use_bpf, use_shim;
	bool adopt; /* the library only in processes that have it: of those we trace */
	struct otr_bpf_config bpf;
	const struct otr_ring_switches *say; /* to the library from the start; or NULL */
	otr_shim_born_fn born;		     /* a process carries the library, and has said so */
	bool (*is_traced)(void *arg, uint32_t tgid); /* is this process traced? */
	otr_uncarried_fn uncarried; /* a program is started that will not carry the library */
	void *arg;		    /* of all three */
};

/* Opens what is wanted. Returns 0, or -errno with the reason in `err`; see
 * otr_bpf_open(). */
int otr_sources_open(struct otr_sources **out, const struct otr_sources_config *cfg,
		     struct otr_err *err);
void otr_sources_close(struct otr_sources **sp);

/* "bpf", "shim", "bpf+shim": also the last only where the library is in a process */
const char *otr_sources_name(const struct otr_sources *s);

/* What OTRACE_SESSION is set to in a program that shall join; NULL: none can. */
const char *otr_sources_session(const struct otr_sources *s);

/* Readable when a drain is due early. */
int otr_sources_fd(const struct otr_sources *s);

/* In how many ms to drain again at the latest: rings of processes are small. */
int otr_sources_rest_ms(const struct otr_sources *s, bool busy);

/* Hands over all that waits. */
void otr_sources_drain(struct otr_sources *s, uint64_t now_ns, otr_event_fn fn, void *arg);

/* An event that was put in order, as it goes on from here; see seq_align.h. */
void otr_sources_place(struct otr_sources *s, const struct otr_event *ev, otr_event_fn fn,
		       void *arg);

/* What is not in a ring; see otr_bpf_poll(). */
void otr_sources_poll(struct otr_sources *s, uint64_t now_ns, bool all, otr_event_fn fn, void *arg);

/* The streams' wishes, for whoever sees the connection. */
void otr_sources_policy(struct otr_sources *s, uint64_t conn, enum otr_dir dir,
			enum otr_capture capture, uint32_t head_bytes);
void otr_sources_watch(struct otr_sources *s, uint64_t conn, enum otr_dir dir, bool want);
/* It was told late for whom a thread of this process had asked. */
void otr_sources_handoff(struct otr_sources *s, uint32_t tgid);

/* A process is traced from now on, or was before: if it carries the library it is asked to
 * tell of itself. Before otr_sources_list(), so that nothing is told by both. */
enum otr_adopt otr_sources_adopt(struct otr_sources *s, uint32_t tgid, uint64_t now_ns);

/* Does any process tell of itself now? */
bool otr_sources_announced(const struct otr_sources *s);

/* Of the kernel alone; see bpf.h. */
int otr_sources_target(struct otr_sources *s, uint32_t tgid, bool follow);
int otr_sources_list(struct otr_sources *s, uint32_t tgid);
void otr_sources_listeners(struct otr_sources *s, otr_event_fn fn, void *arg);
bool otr_sources_limited(const struct otr_sources *s);

/* Of both: a process is let go of; what they cost; requests that begin now are let go. */
void otr_sources_untarget(struct otr_sources *s, uint32_t tgid);
uint64_t otr_sources_cost_ns(const struct otr_sources *s);
void otr_sources_pause(struct otr_sources *s, bool pause);

/* Of the library alone: what it costs; what its processes are told. */
uint64_t otr_sources_library_ns(const struct otr_sources *s);
void otr_sources_say(struct otr_sources *s, const struct otr_ring_switches *say);

/* Of the library alone: what all shims did about trace headers, in words: "12 put in; left
 * alone: 2 had one". "" where there was none. Returns `out`. */
const char *otr_sources_headers(const struct otr_sources *s, char *out, size_t size);

#endif /* OTR_SOURCES_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BPF_H
#define OTR_BPF_H

/*
 * bpf.h - the kernel as a source of events.
 *
 * Loads the programs, attaches them, says which processes are traced, drains both rings.
 * Nothing is pinned: when the agent ends, by whatever way, the kernel takes all of it
 * back. One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/source/source.h"
#include "bpf/event.h"

struct otr_bpf;
struct otr_err;

struct otr_bpf_config {
	const char *btf;   /* path of the kernel's BTF; NULL: the kernel's own */
	bool host;	   /* tell exec and listen of every process */
	bool trials;	   /* trace on trial who executes a program, not only who listens */
	bool follow;	   /* and its children */
	bool verbose;	   /* print the kernel's words when it takes not all */
	const char *force; /* choices to leave out, for tests: "socket lengths" */
};

/* Loads and attaches. Returns 0, or -errno with the reason in `err`: -EPERM where
 * privilege is missing, -ENOENT where the kernel has no BTF, -EOPNOTSUPP where it lacks
 * what a required row of the table needs. */
int otr_bpf_open(struct otr_bpf **out, const struct otr_bpf_config *cfg, struct otr_err *err);
void otr_bpf_close(struct otr_bpf **bp);

/* Traces a process from now on: all its threads, and with `follow` its children. Takes
 * effect with the next otr_bpf_list(). Returns 0 or -errno. */
int otr_bpf_target(struct otr_bpf *b, uint32_t tgid, bool follow);

/* Lets go of a process at once. What it moved meanwhile may still come. */
void otr_bpf_untarget(struct otr_bpf *b, uint32_t tgid);

/* Looks at what is there: sockets of new targets (as CONN_OPEN, LISTEN in the ring), then
 * their threads. With `host`: the listeners of everybody. `tgid`: this process alone
 * (Linux 6.1 and later; else all); 0: all. */
int otr_bpf_list(struct otr_bpf *b, uint32_t tgid);

/* Tells of every listener of the machine at once, as OTR_EV_LISTEN; what else waits in
 * the rings is handed to `fn` too. */
int otr_bpf_listeners(struct otr_bpf *b, otr_event_fn fn, void *arg);

/* Is a row of otr_probes not to be had here? */
bool otr_bpf_limited(const struct otr_bpf *b);

/* Readable when a ring is an eighth full. */
int otr_bpf_fd(const struct otr_bpf *b);

/* Hands over all that waits in both rings: facts, then data, each checked. Returns how
 * many, or -errno. */
int otr_bpf_drain(struct otr_bpf *b, otr_event_fn fn, void *arg);

/* What is not in a ring: runs that are watched, and (each 200 ms, or with `all`) losses
 * since the last time, as events of `now_ns`. Arms what traced processes turned out to
 * need. */
void otr_bpf_poll(struct otr_bpf *b, uint64_t now_ns, bool all, otr_event_fn fn, void *arg);

/* Attaches all that would be attached on need: doctor asks whether it can be. */
void otr_bpf_arm_all(struct otr_bpf *b);

/* The streams' wishes; see agent/stream/stream.h. */
void otr_bpf_policy(struct otr_bpf *b, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		    uint32_t head_bytes);
void otr_bpf_watch(struct otr_bpf *b, uint64_t conn, enum otr_dir dir, bool want);

/* A socket at which processes offer the library's ring, by inode: who does so is not
 * observed from the kernel any more, but counted (bpf/lib.bpf.h). Returns 0 or -errno. */
int otr_bpf_door(struct otr_bpf *b, uint64_t inode);

/* This process carries the library: the same of it from now on. */
void otr_bpf_lib(struct otr_bpf *b, uint32_t tgid);

/* Observes again who said to carry the library and is not known to (`known`), once it has
 * said so for a while. */
void otr_bpf_sweep_libs(struct otr_bpf *b, bool (*known)(void *arg, uint32_t tgid), void *arg);

/* While paused, requests that begin are let go, each with its answer, and counted
 * (OTR_LOSS_BUDGET); those that were begun before are told to their ends. */
void otr_bpf_pause(struct otr_bpf *b, bool pause);

/* CPU that the probes took of the traced programs: hits times a price measured at start
 * on a socket pair of our own. */
uint64_t otr_bpf_cost_ns(const struct otr_bpf *b);

/* What one socket call costs, in ns, as measured at start. */
uint64_t otr_bpf_price_ns(const struct otr_bpf *b);

/* Tells of each row of otr_probes: what is used, or NULL and why not. */
struct otr_probe;
void otr_bpf_each(const struct otr_bpf *b,
		  void (*fn)(void *arg, const struct otr_probe *row, const char *used,
			     const char *why),
		  void *arg);

/* How a process's goroutines are told apart, from its executable: 0 where it is no Go
 * program. golang.c. */
void otr_go_layout(uint32_t tgid, uint32_t *goid, uint32_t *parent);

/* The version of Go its executable was built with ("go1.26.1"; "" before 1.18). False: it
 * is no Go program. golang.c. */
#define OTR_GO_VERSION 64
bool otr_go_version(uint32_t tgid, char out[OTR_GO_VERSION]);

#endif /* OTR_BPF_H */

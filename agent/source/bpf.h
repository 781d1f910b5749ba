/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BPF_H
#define OTR_BPF_H

/*
 * bpf.h - the kernel's probes as a source of events.
 *
 * Loads and attaches the programs, says which processes are traced, drains both rings. Nothing is
 * pinned: when the agent ends, in whatever way, the kernel removes everything. One thread.
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
	bool host;	   /* emit exec and listen of every process */
	bool trials;	   /* who executes a program is on trial, not only who listens */
	bool follow;	   /* and the children of a process on trial */
	bool verbose;	   /* print the kernel's log where it refuses a program */
	const char *force; /* names of choices to leave out, for tests: "socket lengths" */
	bool tls_now;	   /* load the programs of TLS at once, and not on need */
	void (*notice)(void *arg, const char *text); /* tells a person; or NULL */
	void *arg;
};

/* Loads and attaches. Returns 0, or -errno with the reason in `err`: -EPERM where
 * privilege is missing, -ENOENT where the kernel has no BTF, -EOPNOTSUPP where it lacks
 * what a required row of the table needs. */
int otr_bpf_open(struct otr_bpf **out, const struct otr_bpf_config *cfg, struct otr_err *err);
void otr_bpf_close(struct otr_bpf **bp);

/* Traces a process from the next otr_bpf_list() on: all its threads, and with `follow` its
 * children. Returns 0 or -errno. */
int otr_bpf_target(struct otr_bpf *b, uint32_t tgid, bool follow);

/* A process that is traced executes another program, or (`forked`) is a child by fork: it may have
 * a TLS library in which it has no probes yet. */
void otr_bpf_begun(struct otr_bpf *b, uint32_t tgid, bool forked);

/* Ends the tracing of a process at once. What it moved before may still come. */
void otr_bpf_untarget(struct otr_bpf *b, uint32_t tgid);

/* Lists what is there: the sockets of new targets (as CONN_OPEN and LISTEN in the ring), then
 * their threads; with `host` the listeners of every process. `tgid`: this process only (Linux 6.1
 * and later; else all); 0: all. */
int otr_bpf_list(struct otr_bpf *b, uint32_t tgid);

/* Gives `fn` an OTR_EV_LISTEN for each listener of the machine, and what waits in the rings. */
int otr_bpf_listeners(struct otr_bpf *b, otr_event_fn fn, void *arg);

/* Is there a row of otr_probes that this kernel does not support? */
bool otr_bpf_limited(const struct otr_bpf *b);

/* In how many ms it is to be polled again, at most `ms`. */
int otr_bpf_rest_ms(const struct otr_bpf *b, int ms);

/* Readable when a ring is an eighth full. Borrowed. */
int otr_bpf_fd(const struct otr_bpf *b);

/* Gives `fn` all that waits in both rings: facts, then data, each checked. Returns how many, or
 * -errno. */
int otr_bpf_drain(struct otr_bpf *b, otr_event_fn fn, void *arg);

/* Gives `fn` the runs that are watched, and (each 200 ms, or with `all`) the losses since the
 * last time, as events of `now_ns`. Attaches probes that traced processes have turned out to
 * need. */
void otr_bpf_poll(struct otr_bpf *b, uint64_t now_ns, bool all, otr_event_fn fn, void *arg);

/* Attaches all probes that are attached on need, for `otrace doctor`. */
void otr_bpf_arm_all(struct otr_bpf *b);

/* As in feedback.h. */
void otr_bpf_policy(struct otr_bpf *b, uint64_t conn, enum otr_dir dir, enum otr_capture capture,
		    uint32_t head_bytes);
void otr_bpf_watch(struct otr_bpf *b, uint64_t conn, enum otr_dir dir, bool want);

/* Adds a socket, by inode, at which processes offer their rings: the kernel only counts the bytes
 * of a process that does so (bpf/lib.bpf.h). Returns 0 or -errno. */
int otr_bpf_door(struct otr_bpf *b, uint64_t inode);

/* This process carries the library: the kernel only counts its bytes from now on. */
void otr_bpf_lib(struct otr_bpf *b, uint32_t tgid);

/* Observes the bytes again of processes that have offered a ring, and for which `known` has been
 * false for a while. */
void otr_bpf_sweep_libs(struct otr_bpf *b, bool (*known)(void *arg, uint32_t tgid), void *arg);

/* As `pause` in source.h. */
void otr_bpf_pause(struct otr_bpf *b, bool pause);

/* As `trials` in source.h. */
void otr_bpf_trials(struct otr_bpf *b, bool on);

/* CPU that the probes have taken of the traced programs: hits times a price, which is measured at
 * start on a socket of the agent's own. */
uint64_t otr_bpf_cost_ns(const struct otr_bpf *b);

/* What one socket call costs, in ns, as measured at start. */
uint64_t otr_bpf_price_ns(const struct otr_bpf *b);

/* Calls `fn` for each row of otr_probes with the choice that is used, or NULL and why none is. */
struct otr_probe;
void otr_bpf_each(const struct otr_bpf *b,
		  void (*fn)(void *arg, const struct otr_probe *row, const char *used,
			     const char *why),
		  void *arg);

/* The offsets of goid and parentGoid in the goroutines of a process; 0 where its executable is no
 * Go program. golang.c. */
void otr_go_layout(uint32_t tgid, uint32_t *goid, uint32_t *parent);

/* Gives the version of Go that built the executable of a process ("go1.26.1"; "" before 1.18).
 * False: it is no Go program. golang.c. */
#define OTR_GO_VERSION 64
bool otr_go_version(uint32_t tgid, char out[OTR_GO_VERSION]);

#endif /* OTR_BPF_H */

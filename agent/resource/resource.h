/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RESOURCE_H
#define OTR_RESOURCE_H

/*
 * resource.h - processes: their names and attributes.
 *
 * Facts of a process come in events only: OTR_EV_PROC_EXEC and FORK from the kernel, and
 * OTR_EV_META, which read.c makes from /proc while the process runs. So a replay gives services the
 * same names on any machine.
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/span/resource.h"
#include "agent/span/span.h"

struct otr_event;

/* Keys of OTR_EV_META. Appended, never reordered: recordings hold them. hdr.tgid of the record is
 * the process; 0: the host, or this session. */
enum otr_meta {
	OTR_META_NONE,
	OTR_META_EXE,	  /* path of the executable */
	OTR_META_CMDLINE, /* arguments, NUL between */
	OTR_META_CWD,	  /* working directory */
	OTR_META_ENV,	  /* NAME=VALUE of OTEL_.., TRACEPARENT ..: NUL between */
	OTR_META_CGROUP,  /* path, v2, as in /proc/PID/cgroup */
	OTR_META_OWNER,	  /* name of its user */
	OTR_META_START,	  /* its start, ns of CLOCK_REALTIME, decimal */
	OTR_META_SERVICE, /* the name that the user gave it (--service), which overrides all others */
	OTR_META_HOST,	  /* tgid 0: host.name */
	OTR_META_HOST_ID,  /* tgid 0: /etc/machine-id */
	OTR_META_ARCH,	   /* tgid 0: amd64, arm64 */
	OTR_META_JAR,	   /* manifest name or base name of a java -jar */
	OTR_META_COMMAND,  /* tgid 0: how otrace was called, for the start line */
	OTR_META_RUN_ROOT, /* the process that `run` started: its tgid */
	OTR_META_COMM,	   /* name of its first thread: 15 characters */
	OTR_META_GO,	   /* the version of Go that built it: "go1.26.1" */
	/* A traceparent with the id of the run's span was passed on unchanged: its text. */
	OTR_META_NAMED,
	OTR_META_SAMPLE,   /* what a rule says of its traces: "10%"; nothing: no rule does */
	OTR_META_ENDPOINT, /* it is no process but an address in a capture: its name */
	OTR_META_MAX,
};

/* What is known of processes; each pipeline has one. Its size is bounded: a process that has
 * exited is forgotten after 60 s of event time, or when a thousand others have exited after it. */
struct otr_procs;

int otr_procs_new(struct otr_procs **out, size_t max);
void otr_procs_free(struct otr_procs **pp);

/* Takes one event, borrowed; events other than PROC_*, META and CLOCK are ignored. Returns 0 or
 * -ENOMEM. */
int otr_procs_event(struct otr_procs *procs, const struct otr_event *ev);

/* Returns the resource of a process, made by the first call, and made again after its facts have
 * changed. It is borrowed until the next event: take a reference to keep it. NULL only without
 * memory; a process without facts is unknown_service, with its pid. */
struct otr_resource *otr_procs_resource(struct otr_procs *procs, uint32_t tgid);

/* Returns the environment variable `name` of a process, one of those in OTR_META_ENV, or a none
 * slice. It is valid until the next event. */
struct otr_slice otr_procs_env(const struct otr_procs *procs, uint32_t tgid, const char *name);

/* What a rule says of the sampling of a process, or a none slice. Valid until the next event. */
struct otr_slice otr_procs_sample(const struct otr_procs *procs, uint32_t tgid);

/* Grows with each change of a fact of any process: what was made of facts is out of date then. */
uint64_t otr_procs_changes(const struct otr_procs *procs);

/* Reads /proc/TGID once and gives each fact to `put`, as a checked OTR_EV_META of time
 * `time_ns`. A process that has ended, or may not be read, gives fewer facts. Returns how many,
 * or -ESRCH. No file whose path the process can choose is read. */
typedef void (*otr_meta_fn)(void *arg, const struct otr_event *ev);
int otr_resource_read(uint32_t tgid, uint64_t time_ns, otr_meta_fn put, void *arg);

/* The same for the host (tgid 0). */
int otr_resource_read_host(uint64_t time_ns, otr_meta_fn put, void *arg);

/* Gives the environment that process TGID will have once it is executed: that of this process,
 * with another TRACEPARENT. A short process may have ended before its /proc is read. Gives
 * nothing without memory. */
void otr_resource_env_own(uint32_t tgid, struct otr_slice traceparent, uint64_t time_ns,
			  otr_meta_fn put, void *arg);

/* Gives one fact to `put`; the text is cut at 65535 bytes. In read.c. */
void otr_meta_put(uint32_t tgid, enum otr_meta key, struct otr_slice text, uint64_t time_ns,
		  otr_meta_fn put, void *arg);

#endif /* OTR_RESOURCE_H */

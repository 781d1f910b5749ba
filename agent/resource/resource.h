/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RESOURCE_H
#define OTR_RESOURCE_H

/*
 * resource.h - processes: their names and attributes.
 *
 * Facts of a process come in events only: OTR_EV_PROC_EXEC and FORK from the kernel, OTR_EV_META
 * that read.c makes from /proc while the process lives. So a replay names the services alike on
 * any machine.
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
	OTR_META_EXE,	   /* path of the executable */
	OTR_META_CMDLINE,  /* arguments, NUL between */
	OTR_META_CWD,	   /* working directory */
	OTR_META_ENV,	   /* NAME=VALUE of OTEL_.., TRACEPARENT ..: NUL between */
	OTR_META_CGROUP,   /* path, v2, as in /proc/PID/cgroup */
	OTR_META_OWNER,	   /* name of its user */
	OTR_META_START,	   /* its start, ns of CLOCK_REALTIME, decimal */
	OTR_META_SERVICE,  /* the name that the user gave it: it wins over all others */
	OTR_META_HOST,	   /* tgid 0: host.name */
	OTR_META_HOST_ID,  /* tgid 0: /etc/machine-id */
	OTR_META_ARCH,	   /* tgid 0: amd64, arm64 */
	OTR_META_JAR,	   /* manifest name or base name of a java -jar */
	OTR_META_COMMAND,  /* tgid 0: how otrace was called, for the start line */
	OTR_META_RUN_ROOT, /* the process that `run` started: its tgid */
	OTR_META_COMM,	   /* name of its first thread: 15 characters */
	OTR_META_GO,	   /* the version of Go that built it: "go1.26.1" */
	OTR_META_NAMED,	   /* the traceparent of its start, passed on unchanged */
	OTR_META_SAMPLE,   /* what a rule says of its traces: "10%"; nothing: no rule does */
	OTR_META_MAX,
};

/* What is known of processes; one per pipeline. Bounded: a process that has exited is forgotten
 * after 60 s of event time, or when a thousand others have exited after it. */
struct otr_procs;

int otr_procs_new(struct otr_procs **out, size_t max);
void otr_procs_free(struct otr_procs **pp);

/* Takes one event, borrowed; events other than PROC_*, META and CLOCK are ignored. Returns 0 or
 * -ENOMEM. */
int otr_procs_event(struct otr_procs *procs, const struct otr_event *ev);

/* The resource of a process: made when first asked for, and again after its facts have changed.
 * It is lent: take a reference to keep it. NULL only where there is no memory; a process without
 * facts is unknown_service, with its pid. */
struct otr_resource *otr_procs_resource(struct otr_procs *procs, uint32_t tgid);

/* The environment variable `name` of a process, of those in OTR_META_ENV, or a none slice. Valid
 * until the next event. */
struct otr_slice otr_procs_env(const struct otr_procs *procs, uint32_t tgid, const char *name);

/* What a rule says of the sampling of a process, or a none slice. Valid until the next event. */
struct otr_slice otr_procs_sample(const struct otr_procs *procs, uint32_t tgid);

/* Grows with each change of a fact of any process: what was made of facts is out of date then. */
uint64_t otr_procs_changes(const struct otr_procs *procs);

/* Reads /proc/TGID once and gives each fact to `put` as OTR_EV_META of `time_ns`, checked and
 * whole. A process that has ended, or may not be read, gives fewer. Returns how many, or -ESRCH.
 * Reads only /proc, and no file that the process can choose. */
typedef void (*otr_meta_fn)(void *arg, const struct otr_event *ev);
int otr_resource_read(uint32_t tgid, uint64_t time_ns, otr_meta_fn put, void *arg);

/* The same for the host (tgid 0). */
int otr_resource_read_host(uint64_t time_ns, otr_meta_fn put, void *arg);

/* Gives the environment that process TGID will have once it is executed: that of this process, with
 * another TRACEPARENT. It may have left /proc before its own is read. Gives nothing without memory. */
void otr_resource_env_own(uint32_t tgid, struct otr_slice traceparent, uint64_t time_ns,
			  otr_meta_fn put, void *arg);

/* Gives one fact to `put`; text is cut at 65535 bytes. */
void otr_meta_put(uint32_t tgid, enum otr_meta key, struct otr_slice text, uint64_t time_ns,
		  otr_meta_fn put, void *arg);

#endif /* OTR_RESOURCE_H */

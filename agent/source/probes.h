/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROBES_H
#define OTR_PROBES_H

/*
 * probes.h - what the agent asks of the kernel: one row a capability.
 *
 * The choices of a row are in order, best first; the first that the kernel accepts is used.
 * Support is found by loading the real program, never by the version of the kernel.
 */

#include <stdbool.h>
#include <stdint.h>

#define OTR_PROBE_PROGRAMS 12

enum otr_probe_when {
	OTR_PROBE_START, /* attached at start */
	OTR_PROBE_WAITS, /* while a traced process may be an event loop */
	OTR_PROBE_WAKES, /* while a traced process has several threads */
	OTR_PROBE_LIST,	 /* an iterator, run on request */
	OTR_PROBE_TLS,	 /* in the TLS libraries of traced processes: tls_probes.h */
};

struct otr_probe {
	const char *name;  /* as `otrace doctor` prints it */
	const char *means; /* what is lost without it, in words */
	bool required;	   /* the agent cannot work without it */
	enum otr_probe_when when;
	struct {
		const char *what; /* "socket lengths (6.3+)" */
		/* NULL ends. "NAME": attached where its section says; "NAME@CALL": at the exit of
		 * a system call, of which a program may have several. */
		const char *programs[OTR_PROBE_PROGRAMS];
	} choices[2];
};

/* Ends with a row whose name is NULL. */
extern const struct otr_probe otr_probes[];

#endif /* OTR_PROBES_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_PROBES_H
#define OTR_TLS_PROBES_H

/*
 * tls_probes.h - the probes in TLS libraries, by process: when a process is looked at, and when its
 * probes go.
 *
 * A process may load its TLS library at any time. It is looked at when its tracing begins, in the
 * first moments of a program, and when it has moved bytes of TLS whose plaintext nobody reads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/source/tls_attach.h"

struct otr_tls_probes;

/* Tells why probes cannot be set in a process, once for each process. `error`: an errno. */
typedef void (*otr_tls_refused_fn)(void *arg, uint32_t tgid, const char *path, int error);

/* Returns 0 or -errno. Processes wait until otr_tls_probes_ready(). */
int otr_tls_probes_new(struct otr_tls_probes **out, otr_tls_refused_fn refused, void *arg);
/* `programs`: descriptors by enum otr_tls_program, borrowed until otr_tls_probes_free();
 * `has_multi`: otr_tls_has_multi(), by which they were loaded. */
void otr_tls_probes_ready(struct otr_tls_probes *tp, const int programs[OTR_TLS_PROGRAMS],
			  bool has_multi);
/* Removes all probes. */
void otr_tls_probes_free(struct otr_tls_probes **pp);

enum otr_tls_reason {
	OTR_TLS_BEGINS,	 /* it is traced from now on, and may have just begun */
	OTR_TLS_FORKED,	 /* it is a child by fork of such a process */
	OTR_TLS_RECORDS, /* it has moved a TLS record that nobody reads */
};

/* The process is looked at by the next steps. */
void otr_tls_probes_want(struct otr_tls_probes *tp, uint32_t tgid, enum otr_tls_reason why,
			 uint64_t now_ns);

/* The process is traced no longer, has ended, or executes another program. */
void otr_tls_probes_drop(struct otr_tls_probes *tp, uint32_t tgid);

/* Looks at the processes whose time has come. */
void otr_tls_probes_step(struct otr_tls_probes *tp, uint64_t now_ns);

/* Is there a process that waits for otr_tls_probes_ready()? */
bool otr_tls_probes_wanted(const struct otr_tls_probes *tp);

/* In how many ms the next step is due, at most `ms`. */
int otr_tls_probes_rest_ms(const struct otr_tls_probes *tp, int ms);

/* How many processes have probes. */
size_t otr_tls_probes_count(const struct otr_tls_probes *tp);

#endif /* OTR_TLS_PROBES_H */

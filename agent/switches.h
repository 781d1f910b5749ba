/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SWITCHES_H
#define OTR_SWITCHES_H

/*
 * switches.h - settings of the library in the programs that `run` starts, by options or by
 * environment variables. All are checked before a program is started.
 */

#include <stdbool.h>

#include "bpf/ring.h"

struct otr_err;
struct otr_settings;

/* Is tracing switched off by OTRACE_DISABLED? Returns 0, or -EINVAL with the reason. */
int otr_switches_disabled(bool *disabled, struct otr_err *err);

/* Fills the switches for the rings of all programs. Returns 0, or -EINVAL with the reason. */
int otr_switches_read(struct otr_ring_switches *switches, const struct otr_settings *cfg,
		      struct otr_err *err);

/* Sets the same in the environment, for programs that have no ring yet, and the rules. */
void otr_switches_environment(const struct otr_settings *cfg);

#endif /* OTR_SWITCHES_H */

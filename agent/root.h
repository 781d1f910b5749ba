/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ROOT_H
#define OTR_ROOT_H

/* root.h - what `run` knows of the program that it starts: its span is the root of what it does. */

#include <stdbool.h>
#include <stdint.h>

struct otr_session;

/* This process is about to execute `exe`. `names`: of otr_launch_root, or "". `alone`: without
 * probes no source reports the exec. */
void otr_root_began(struct otr_session *s, uint32_t tgid, const char *names, const char *exe,
		    bool alone);

/* Without probes: the program has ended, with this status of wait(). */
void otr_root_ended(struct otr_session *s, uint32_t tgid, int status);

#endif /* OTR_ROOT_H */

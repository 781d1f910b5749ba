/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ROOT_H
#define OTR_ROOT_H

/* root.h - what `run` knows of the program it starts: it is the root of what it does. */

#include <stdbool.h>
#include <stdint.h>

struct otr_session;

/* This process is about to execute `exe`. `names`: what it was told that it is
 * (launch.h), or "". `alone`: the kernel is not asked, and nobody else tells of it. */
void otr_root_began(struct otr_session *s, uint32_t tgid, const char *names, const char *exe,
		    bool alone);

/* `alone`: it has ended, with this status of wait(). */
void otr_root_ended(struct otr_session *s, uint32_t tgid, int status);

#endif /* OTR_ROOT_H */

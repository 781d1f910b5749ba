/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ADOPT_RETRY_H
#define OTR_ADOPT_RETRY_H

/*
 * adopt_retry.h - when to look whether a traced process has a ring to adopt.
 *
 * A process makes its ring at its first byte or never. So the agent looks when the kernel reports
 * a connection of the process: eight times at most, each time after a longer pause.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_adopt_retry;

/* Returns 0 or -ENOMEM. */
int otr_adopt_retry_new(struct otr_adopt_retry **out);
void otr_adopt_retry_free(struct otr_adopt_retry **sp);

/* Is it time to look at this process? If so, the look is counted. */
bool otr_adopt_retry_due(struct otr_adopt_retry *s, uint32_t tgid, uint64_t now_ns);

/* No more looks at this process, until it executes another program. */
void otr_adopt_retry_over(struct otr_adopt_retry *s, uint32_t tgid);

/* The process executes another program, or ends: its looks are counted from zero. */
void otr_adopt_retry_anew(struct otr_adopt_retry *s, uint32_t tgid);

#endif /* OTR_ADOPT_RETRY_H */

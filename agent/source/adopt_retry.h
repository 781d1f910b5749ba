/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_SEEK_H
#define OTR_SOURCE_SEEK_H

/*
 * adopt_retry.h - when to look whether a traced process has a ring. It makes one at its first
 * byte or never, so we look when the kernel tells of its connections; a few times, ever more
 * seldom.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_adopt_retry;

/* Returns 0 or -ENOMEM. */
int otr_adopt_retry_new(struct otr_adopt_retry **out);
void otr_adopt_retry_free(struct otr_adopt_retry **sp);

/* Is it time to look at it? If so, that is one time. */
bool otr_adopt_retry_due(struct otr_adopt_retry *s, uint32_t tgid, uint64_t now_ns);

/* There is nothing to look for, until it executes another program. */
void otr_adopt_retry_over(struct otr_adopt_retry *s, uint32_t tgid);

/* It executes another program, or ends. */
void otr_adopt_retry_anew(struct otr_adopt_retry *s, uint32_t tgid);

#endif /* OTR_SOURCE_SEEK_H */

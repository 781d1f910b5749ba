/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SOURCE_SEEK_H
#define OTR_SOURCE_SEEK_H

/*
 * seek.h - when to look whether a traced process has a ring. It makes one at its first byte or
 * never, so we look when the kernel tells of its connections; a few times, ever more seldom.
 */

#include <stdbool.h>
#include <stdint.h>

struct otr_seek;

/* Returns 0 or -ENOMEM. */
int otr_seek_new(struct otr_seek **out);
void otr_seek_free(struct otr_seek **sp);

/* Is it time to look at it? If so, that is one time. */
bool otr_seek_due(struct otr_seek *s, uint32_t tgid, uint64_t now_ns);

/* There is nothing to look for, until it executes another program. */
void otr_seek_over(struct otr_seek *s, uint32_t tgid);

/* It executes another program, or ends. */
void otr_seek_anew(struct otr_seek *s, uint32_t tgid);

#endif /* OTR_SOURCE_SEEK_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_DESCENDANT_H
#define OTR_STITCH_DESCENDANT_H

/* descendant.h - the processes that descend from the first process of a run, that one included.
 * Inside of stitch/ only. */

#include <stdint.h>

struct otr_descendant;
struct otr_stitch;

struct otr_descendant *otr_descendant_find(const struct otr_stitch *st, uint32_t tgid);

/* Adds the process, if it is not there. NULL: no memory. */
struct otr_descendant *otr_descendant_add(struct otr_stitch *st, uint32_t tgid);

/* Removes and frees one, which may be NULL; or all, and with them the number of the first process.
 */
void otr_descendant_drop(struct otr_stitch *st, struct otr_descendant *desc);
void otr_descendant_drop_all(struct otr_stitch *st);

#endif /* OTR_STITCH_DESCENDANT_H */

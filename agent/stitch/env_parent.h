/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_ENV_PARENT_H
#define OTR_STITCH_ENV_PARENT_H

/* env_parent.h - the parent that the environment of a process names. Inside of stitch/ only. */

struct otr_exchange;
struct otr_stitch;

/* Sets the parent of `ex`, which has none, to the one that the environment of its process names, if
 * it names any. */
void otr_env_parent_find(struct otr_stitch *st, struct otr_exchange *ex);

/* `ex`, which is alone in its trace, loses its parent, and gets the one that its environment names.
 */
void otr_env_parent_only(struct otr_stitch *st, struct otr_exchange *ex);

#endif /* OTR_STITCH_ENV_PARENT_H */

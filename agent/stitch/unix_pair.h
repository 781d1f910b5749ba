/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_UNIX_PAIR_H
#define OTR_STITCH_UNIX_PAIR_H

/* unix_pair.h - two ends that become one wire. Inside of stitch/ only. */

struct otr_exchange;
struct otr_stitch;

/* `client` is over. If it is on a Unix socket and its server's end is found among the live
 * exchanges, the two ends become one wire. */
void otr_unix_pair(struct otr_stitch *st, struct otr_exchange *client);

#endif /* OTR_STITCH_UNIX_PAIR_H */

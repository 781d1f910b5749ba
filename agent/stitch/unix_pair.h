/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_UNIX_PAIR_H
#define OTR_STITCH_UNIX_PAIR_H

/* unix_pair.h - two ends that become one wire. Inside of stitch/ only. */

struct otr_exchange;
struct otr_stitch;
struct otr_wire;

/* wire.c: the two are ends of one connection, so their exchanges are joined. Neither has a peer. */
void otr_wire_join(struct otr_stitch *st, struct otr_wire *wire, struct otr_wire *peer);

/* `client`, of a Unix socket, is over: joins it with its other end, if that is known by what was
 * said. */
void otr_unix_pair(struct otr_stitch *st, struct otr_exchange *client);

#endif /* OTR_STITCH_UNIX_PAIR_H */

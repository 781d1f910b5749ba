/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_PEER_H
#define OTR_STITCH_PEER_H

/* peer.h - joins both ends of a request. Inside of stitch/ only. */

struct otr_exchange;
struct otr_stitch;
struct otr_wire;

/* Both ends of a request are seen: they become peers. */
void otr_peer_join(struct otr_stitch *st, struct otr_exchange *client, struct otr_exchange *server);

/* Both ends of `wire` are known now: the exchanges that it carried before are joined to their
 * mates. The facts of a connection may come after its bytes, where a CPU stood still. */
void otr_peer_join_wire(struct otr_stitch *st, struct otr_wire *wire);

#endif /* OTR_STITCH_PEER_H */

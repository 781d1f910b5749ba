/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_STITCH_WIRE_H
#define OTR_STITCH_WIRE_H

/* wire.h - ends of connections, and which two are one wire. Inside of stitch/ only. */

#include <stdbool.h>
#include <stdint.h>

struct otr_ev_conn;
struct otr_exchange;
struct otr_ref;
struct otr_stitch;
struct otr_wire;

/* The end that is open and has this `conn`, or NULL. */
struct otr_wire *otr_wire_find(struct otr_stitch *st, uint64_t conn);

/* The same, with `facts` copied into it; made if there is none. `*joined`: its peer was found
 * now, so the caller owes it an otr_peer_join_wire(). NULL: no memory. */
struct otr_wire *otr_wire_get(struct otr_stitch *st, const struct otr_ev_conn *facts, bool *joined);

/* The two are ends of one connection. Neither has a peer yet; the caller owes them an
 * otr_peer_join_wire(). */
void otr_wire_join(struct otr_wire *wire, struct otr_wire *peer);

/* The connection is closed: it is not found any more. otr_wire_put() frees it. */
void otr_wire_close(struct otr_stitch *st, struct otr_wire *wire);

/* Frees it if it is closed and has no exchanges; NULL: there is none. */
void otr_wire_put(struct otr_stitch *st, struct otr_wire *wire);

/* Makes a wire that is no connection, and so is closed from the start, for one exchange. NULL: no
 * memory. */
struct otr_wire *otr_wire_apart(struct otr_stitch *st);

/* The same request at the other end of its wire, or NULL. */
struct otr_exchange *otr_wire_mate(const struct otr_exchange *ex);

/* The exchange whose request holds the byte `ref` names, or NULL. */
struct otr_exchange *otr_wire_exchange_at(struct otr_stitch *st, const struct otr_ref *ref);

#endif /* OTR_STITCH_WIRE_H */

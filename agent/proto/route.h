/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ROUTE_H
#define OTR_ROUTE_H

/*
 * route.h - guesses the route of a path: few names for many paths.
 *
 *	/users/17/orders/0b5c..	->	/users/{id}/orders/{id}
 *
 * A segment that looks generated (a number, UUID, hex, a long token) becomes {id} at once. Any
 * other segment becomes {id} once its position in the path has had more than 10 values; the first
 * segment, which often names the parts of a service, more than 32. A path that is answered 404 is
 * not learned, and has a route only if it was learned before.
 *
 * A table is of fixed size and used by one thread. The same calls on an empty table give the same
 * routes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

#define OTR_ROUTE_MAX	128
#define OTR_ROUTE_DEPTH 8 /* segments of a route, at most; the rest is one */

struct otr_routes; /* what was learned; opaque */

/* Gives an empty table, or NULL without memory. */
struct otr_routes *otr_routes_new(void);

/* Frees *rp, which may be NULL, and sets it to NULL. */
void otr_routes_free(struct otr_routes **rp);

/* What a route was made from: positions, and how often they had changed by then. */
struct otr_route_walk {
	uint32_t n;
	struct {
		uint32_t node, changes;
	} at[OTR_ROUTE_DEPTH];
};

/* Writes the route of `path` into `out`, no NUL at its end, and returns its length; 0:
 * none. Learns from `path`. `owner`: the service that answers. `status`: of the answer; 0:
 * there was none. Tells `walk`, which may be NULL, what the route was made from. */
size_t otr_route(struct otr_routes *rt, char out[OTR_ROUTE_MAX], struct otr_slice owner,
		 struct otr_slice path, int status, struct otr_route_walk *walk);

/* Would the call that gave `walk` give the same route again? If so, this counts as that call: for
 * what the table replaces next, it is the same. */
bool otr_route_again(struct otr_routes *rt, const struct otr_route_walk *walk);

#endif /* OTR_ROUTE_H */

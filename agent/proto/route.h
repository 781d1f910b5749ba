/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ROUTE_H
#define OTR_ROUTE_H

/*
 * route.h - a path's route, guessed: few names for many paths.
 *
 *	/users/17/orders/0b5c..	->	/users/{id}/orders/{id}
 *
 * What looks made by a machine (numbers, UUIDs, hex, long tokens) becomes {id} at
 * once. Of the rest, a place in a path that has shown too many values becomes {id}
 * from then on: after 10, the first segment after 32 since that is where the parts
 * of a service are told apart. What was answered 404 teaches nothing, and has no
 * route where the path was not seen before.
 *
 * A table is of fixed size and used by one thread. The same calls on a new table give the
 * same answers.
 */

#include <stddef.h>

#include "agent/base/slice.h"

#define OTR_ROUTE_MAX 128

struct otr_routes; /* what was learned; opaque */

/* Gives an empty table, or NULL without memory. */
struct otr_routes *otr_routes_new(void);

/* Frees *rp, which may be NULL, and sets it to NULL. */
void otr_routes_free(struct otr_routes **rp);

/* Writes the route of `path` into `out`, no NUL at its end, and returns its length; 0:
 * none. Learns from `path`. `owner`: the service that
 * answers. `status`: of the answer, 0 where there was none. */
size_t otr_route(struct otr_routes *rt, char out[OTR_ROUTE_MAX], struct otr_slice owner,
		 struct otr_slice path, int status);

#endif /* OTR_ROUTE_H */

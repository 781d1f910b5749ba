/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ENDPOINT_H
#define OTR_ENDPOINT_H

/*
 * endpoint.h - who speaks in a capture. A capture names no processes: a server is its address with
 * the port, a client its address. Each gets a number that stands where a process id would, and an
 * OTR_EV_META (OTR_META_ENDPOINT) with its name.
 */

#include <stdint.h>

#include "agent/source/source.h"

/* Endpoints of one capture; those beyond share one number, "other addresses". */
#define OTR_ENDPOINTS_MAX 4096u

struct otr_endpoints;

/* `fn` receives the OTR_EV_META, once for each endpoint. Returns 0 or -ENOMEM. */
int otr_endpoints_new(struct otr_endpoints **out, otr_event_fn fn, void *arg);
void otr_endpoints_free(struct otr_endpoints **ep);

/* Returns the number of an endpoint, at least 1; `addr` with port 0: of the host. */
uint32_t otr_endpoint_of(struct otr_endpoints *eps, const struct otr_addr *addr, uint64_t time_ns);

#endif /* OTR_ENDPOINT_H */

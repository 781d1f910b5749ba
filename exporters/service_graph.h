/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SERVICE_GRAPH_H
#define OTR_SERVICE_GRAPH_H

/*
 * service_graph.h - which service calls which, how often, how long, with how many failures.
 *
 *	client span (shop)  <- parent -  server span (prices)	=  an edge shop -> prices
 *
 * The two spans of a call come one after the other, so the first waits for the second, for 10 s. A
 * client span that waits in vain called a service that is not traced: its address is the name of the
 * node. Names and labels are those of Tempo, which Grafana draws.
 */

#include <stddef.h>
#include <stdint.h>

#include "exporters/series.h"

struct otr_span;
struct otr_graph_half; /* a span that waits */
struct otr_graph_name;

struct otr_graph {
	struct otr_metric total, failed, client, server, unpaired;
	struct otr_graph_half *ring;	/* in the order in which they came */
	struct otr_graph_half *waiting; /* those that still wait, by trace and span */
	uint64_t first, next;		/* of the ring */
	struct otr_graph_name *names;
	size_t n_names;
};

/* Returns 0 or -ENOMEM. The limits of the metrics are the caller's to set. */
int otr_graph_init(struct otr_graph *g);
void otr_graph_fini(struct otr_graph *g);

/* Takes one span into account; `weight`: how many it stands for. Borrows it. */
void otr_graph_add(struct otr_graph *g, const struct otr_span *sp, double weight, uint64_t now_ns);

/* Ends the waiting of those that came 10 s before `now_ns`. */
void otr_graph_expire(struct otr_graph *g, uint64_t now_ns);
void otr_graph_write(const struct otr_graph *g, struct otr_buf *out, enum otr_page page);

#endif /* OTR_SERVICE_GRAPH_H */

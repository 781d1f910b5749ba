/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_LABEL_H
#define OTR_VIEW_LABEL_H

/*
 * label.h - how a span is named to people: "orders  POST /orders".
 *
 * A client span whose server was not seen is named after its peer: the database system, or the
 * host.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_buf;
struct otr_span;

struct otr_label {
	struct otr_slice service;
	struct otr_slice name;
	struct otr_slice route; /* "/orders" after "POST"; may be empty */
	int64_t port;		/* of a peer that is named by its host; 0: not shown */
	bool peer; /* `service` is the peer that was asked, not the process of the span */
};

/* Fills in `out`, which borrows from the span. */
void otr_label_of(const struct otr_span *sp, struct otr_label *out);

/* Append "orders" and "POST /orders", escaped. */
void otr_label_service(struct otr_buf *out, const struct otr_label *lb);
void otr_label_name(struct otr_buf *out, const struct otr_label *lb);

/* A hash of the label. Equal labels have equal hashes. */
uint64_t otr_label_sum(const struct otr_label *lb);

/* Adds bytes to a hash that begins with 0. The hash is keyed, so it is another one in each run of
 * otrace: use it for comparisons alone. */
uint64_t otr_sum_bytes(uint64_t sum, const void *data, size_t len);

/* The status of the span, without marks: "500", "23505", "WRONGTYPE"; or "". Borrows from the span
 * or from `room`. */
struct otr_slice otr_label_status(const struct otr_span *sp, char room[24]);

/* True if the request of the span got no answer. */
bool otr_label_unanswered(const struct otr_span *sp);

/* True if the parent is known by weak evidence alone. */
bool otr_label_weak(const struct otr_span *sp);

/* True if one of `patterns` (--ignore; NULL ends; may be NULL) matches the root of a trace:
 * "GET /health", where * matches anything. */
bool otr_label_ignored(char *const *patterns, const struct otr_span *root);

#endif /* OTR_VIEW_LABEL_H */

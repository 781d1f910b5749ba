/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_LABEL_H
#define OTR_VIEW_LABEL_H

/*
 * label.h - what a person calls a span: "orders  POST /orders".
 *
 * A client span whose server was not seen goes by its peer's name: the database
 * system, or the host.
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
	int64_t port;		/* of a peer known by its host alone; 0: not told */
	bool peer;		/* `service` did not make the span: it was asked */
};

/* Borrows from the span. */
void otr_label_of(const struct otr_span *sp, struct otr_label *out);

/* Append "orders" and "POST /orders", escaped. */
void otr_label_service(struct otr_buf *out, const struct otr_label *lb);
void otr_label_name(struct otr_buf *out, const struct otr_label *lb);

/* Equal labels have equal sums; those of different ones differ but for
 * chance. */
uint64_t otr_label_sum(const struct otr_label *lb);

/* Bytes into a sum that was begun with 0. Another one in each run: it is for comparing alone. */
uint64_t otr_sum_bytes(uint64_t sum, const void *data, size_t len);

/* What the last column says, without marks: "500", "23505", "WRONGTYPE"; ""
 * when there is nothing to say. */
struct otr_slice otr_label_status(const struct otr_span *sp, char room[24]);

/* Did it end without an answer? */
bool otr_label_unanswered(const struct otr_span *sp);

/* Is the parent known by weak evidence alone? */
bool otr_label_weak(const struct otr_span *sp);

/* Is the root of a trace one that `patterns` (--ignore; NULL ends; may be NULL)
 * name? "GET /health", with * for anything. */
bool otr_label_ignored(char *const *patterns, const struct otr_span *root);

#endif /* OTR_VIEW_LABEL_H */

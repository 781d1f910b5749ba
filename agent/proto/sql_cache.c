/* SPDX-License-Identifier: Apache-2.0 */
/* sql_cache.c - what sql.h makes of a statement, remembered; see sql_cache.h. */

#include "agent/proto/sql_cache.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/keyed.h"
#include "agent/proto/sql.h"

struct place {
	uint64_t hash; /* of the statement that came last */
	/* In one allocation: statement, sanitised text, summary. NULL: it came once. */
	char *data;
	uint32_t raw_len, text_len, summary_len;
};

static struct place places[OTR_SQL_CACHE_PLACES];
static struct otr_buf fresh; /* of a statement that is not remembered */
static char fresh_summary[OTR_SQL_SUMMARY_MAX];

static bool is_of(const struct place *at, struct otr_slice sql)
{
	return at->data && at->raw_len == sql.len && !memcmp(at->data, sql.data, sql.len);
}

static void give(struct otr_sql_known *out, const struct place *at)
{
	const char *text = at->data + at->raw_len;

	out->text = (struct otr_slice){text, at->text_len};
	out->summary = (struct otr_slice){text + at->text_len, at->summary_len};
}

static int make(struct otr_sql_known *out, struct otr_slice sql)
{
	otr_buf_reset(&fresh);
	fresh.max = 2 * sql.len + 1;
	otr_sql_sanitize(&fresh, sql);
	while (fresh.len && fresh.data[fresh.len - 1] == ' ')
		fresh.len--; /* what stood before a comment */
	out->text = otr_buf_view(&fresh);
	out->summary = (struct otr_slice){fresh_summary, otr_sql_summary(fresh_summary, sql)};
	return fresh.rc == -ENOMEM ? -ENOMEM : 0;
}

/* It has come for the second time. Where there is no memory it stays as it was. */
static void remember(struct place *at, struct otr_slice sql, const struct otr_sql_known *known)
{
	char *data = malloc(sql.len + known->text.len + known->summary.len + 1);

	if (!data)
		return;
	memcpy(data, sql.data, sql.len);
	if (known->text.len)
		memcpy(data + sql.len, known->text.data, known->text.len);
	if (known->summary.len)
		memcpy(data + sql.len + known->text.len, known->summary.data, known->summary.len);
	free(at->data);
	at->data = data;
	at->raw_len = (uint32_t)sql.len;
	at->text_len = (uint32_t)known->text.len;
	at->summary_len = (uint32_t)known->summary.len;
}

int otr_sql_know(struct otr_sql_known *out, struct otr_slice sql)
{
	struct place *at;
	uint64_t hash;
	int rc;

	if (!sql.len || sql.len > OTR_SQL_CACHE_TEXT)
		return make(out, sql);
	hash = otr_keyed_hash(sql.data, sql.len);
	at = &places[hash % OTR_SQL_CACHE_PLACES];
	if (is_of(at, sql)) {
		give(out, at);
		return 0;
	}
	rc = make(out, sql);
	if (!rc && at->hash == hash)
		remember(at, sql, out);
	at->hash = hash;
	return rc;
}

void otr_sql_cache_clear(void)
{
	for (size_t i = 0; i < OTR_SQL_CACHE_PLACES; i++)
		free(places[i].data);
	memset(places, 0, sizeof(places));
	otr_buf_fini(&fresh);
}

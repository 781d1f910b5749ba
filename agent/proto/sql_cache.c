/* SPDX-License-Identifier: Apache-2.0 */
/* sql_cache.c - remembers the results of sql.h; see sql_cache.h. */

#include "agent/proto/sql_cache.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/keyed.h"
#include "agent/base/own.h"
#include "agent/proto/sql.h"

struct slot {
	uint64_t hash; /* of the latest statement in this slot */
	/* In one allocation: statement, sanitised text, summary. NULL: the statement came once. */
	char *data;
	uint32_t raw_len, text_len, summary_len;
};

struct otr_sql_cache {
	struct slot slots[OTR_SQL_CACHE_SLOTS];
	struct otr_buf text; /* of a statement that is not remembered */
	char summary[OTR_SQL_SUMMARY_MAX];
};

struct otr_sql_cache *otr_sql_cache_new(void)
{
	return calloc(1, sizeof(struct otr_sql_cache));
}

static bool holds(const struct slot *at, struct otr_slice sql)
{
	return at->data && at->raw_len == sql.len && !memcmp(at->data, sql.data, sql.len);
}

static void give_known(struct otr_sql_known *out, const struct slot *at)
{
	const char *text = at->data + at->raw_len;

	out->text = (struct otr_slice){text, at->text_len};
	out->summary = (struct otr_slice){text + at->text_len, at->summary_len};
}

static int make(struct otr_sql_cache *cache, struct otr_sql_known *out, struct otr_slice sql)
{
	struct otr_buf *text = &cache->text;

	otr_buf_reset(text);
	text->max = 2 * sql.len + 1;
	otr_sql_sanitize(text, sql);
	while (text->len && text->data[text->len - 1] == ' ')
		text->len--; /* drop blanks before a comment that was removed */
	out->text = otr_buf_view(text);
	out->summary = (struct otr_slice){cache->summary, otr_sql_summary(cache->summary, sql)};
	return text->rc == -ENOMEM ? -ENOMEM : 0;
}

/* Remembers a statement that came for the second time. Without memory, the slot is unchanged. */
static void remember(struct slot *at, struct otr_slice sql, const struct otr_sql_known *known)
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

int otr_sql_know(struct otr_sql_cache *cache, struct otr_sql_known *out, struct otr_slice sql)
{
	struct slot *at;
	uint64_t hash;
	int rc;

	if (!sql.len || sql.len > OTR_SQL_CACHE_TEXT)
		return make(cache, out, sql);
	hash = otr_keyed_hash(sql.data, sql.len);
	at = &cache->slots[hash % OTR_SQL_CACHE_SLOTS];
	if (holds(at, sql)) {
		give_known(out, at);
		return 0;
	}
	rc = make(cache, out, sql);
	if (!rc && at->hash == hash)
		remember(at, sql, out);
	at->hash = hash;
	return rc;
}

void otr_sql_cache_free(struct otr_sql_cache **cp)
{
	struct otr_sql_cache *cache = OTR_TAKE(*cp);

	if (!cache)
		return;
	for (size_t i = 0; i < OTR_SQL_CACHE_SLOTS; i++)
		free(cache->slots[i].data);
	otr_buf_fini(&cache->text);
	free(cache);
}

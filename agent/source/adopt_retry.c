/* SPDX-License-Identifier: Apache-2.0 */
/* adopt_retry.c - when to look for rings; see adopt_retry.h. */

#include "agent/source/adopt_retry.h"

#include <errno.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 1

#include "agent/base/clock.h"
#include "agent/base/keyed.h"
#include "agent/base/own.h"

#define LOOKS	 8
#define FIRST_NS (50 * OTR_NS_PER_MS) /* after the first look; each pause is twice the last one */
#define MOST	 16384		      /* processes; beyond, the oldest may be looked at again */

struct sought {
	uint32_t tgid;
	uint32_t looks;
	uint64_t next_ns;
	UT_hash_handle hh;
};

struct otr_adopt_retry {
	struct sought *by_tgid;
};

int otr_adopt_retry_new(struct otr_adopt_retry **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static struct sought *find(const struct otr_adopt_retry *s, uint32_t tgid)
{
	struct sought *at;

	HASH_FIND(hh, s->by_tgid, &tgid, sizeof(tgid), at);
	return at;
}

static void drop(struct otr_adopt_retry *s, struct sought *at)
{
	HASH_DEL(s->by_tgid, at);
	free(at);
}

void otr_adopt_retry_free(struct otr_adopt_retry **sp)
{
	struct otr_adopt_retry *s = OTR_TAKE(*sp);

	if (!s)
		return;
	while (s->by_tgid)
		drop(s, s->by_tgid);
	free(s);
}

static struct sought *make(struct otr_adopt_retry *s, uint32_t tgid)
{
	struct sought *at = find(s, tgid);

	if (at)
		return at;
	if (HASH_COUNT(s->by_tgid) >= MOST)
		drop(s, s->by_tgid);
	at = calloc(1, sizeof(*at));
	if (!at)
		return NULL;
	at->tgid = tgid;
	HASH_ADD(hh, s->by_tgid, tgid, sizeof(at->tgid), at);
	if (at->hh.tbl)
		return at;
	free(at);
	return NULL;
}

bool otr_adopt_retry_due(struct otr_adopt_retry *s, uint32_t tgid, uint64_t now_ns)
{
	struct sought *at = make(s, tgid);

	if (!at || at->looks >= LOOKS || now_ns < at->next_ns)
		return false;
	at->next_ns = now_ns + (FIRST_NS << at->looks++);
	return true;
}

void otr_adopt_retry_over(struct otr_adopt_retry *s, uint32_t tgid)
{
	struct sought *at = make(s, tgid);

	if (at)
		at->looks = LOOKS;
}

void otr_adopt_retry_anew(struct otr_adopt_retry *s, uint32_t tgid)
{
	struct sought *at = find(s, tgid);

	if (at)
		drop(s, at);
}

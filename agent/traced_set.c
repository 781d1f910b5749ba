/* SPDX-License-Identifier: Apache-2.0 */
/* traced_set.c - which processes a session traces; see traced_set.h. */

#include "agent/traced_set.h"
#include "agent/base/keyed.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/own.h"
#include "bpf/shared.h"

/* Records of it may still be on their way through the merge. */
#define REFUSED_NS (2 * OTR_TRIAL_NS)

struct judged {
	uint32_t tgid;
	uint64_t refused_ns; /* when; 0: it is traced */
	UT_hash_handle hh;
};

struct otr_traced_set {
	struct judged *by_tgid;
	size_t traced;
};

int otr_traced_set_new(struct otr_traced_set **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void drop(struct otr_traced_set *c, struct judged *at)
{
	c->traced -= !at->refused_ns;
	HASH_DEL(c->by_tgid, at);
	free(at);
}

void otr_traced_set_free(struct otr_traced_set **cp)
{
	struct otr_traced_set *c = OTR_TAKE(*cp);
	struct judged *at, *next;

	if (!c)
		return;
	HASH_ITER(hh, c->by_tgid, at, next)
		drop(c, at);
	free(c);
}

static struct judged *find(const struct otr_traced_set *c, uint32_t tgid)
{
	struct judged *at;

	HASH_FIND(hh, c->by_tgid, &tgid, sizeof(tgid), at);
	return at;
}

static void judge(struct otr_traced_set *c, uint32_t tgid, uint64_t refused_ns)
{
	struct judged *at = find(c, tgid);

	if (at)
		drop(c, at);
	at = calloc(1, sizeof(*at));
	if (!at)
		return;
	at->tgid = tgid;
	at->refused_ns = refused_ns;
	HASH_ADD(hh, c->by_tgid, tgid, sizeof(at->tgid), at);
	if (!at->hh.tbl) {
		free(at);
		return;
	}
	c->traced += !refused_ns;
}

void otr_traced_set_add(struct otr_traced_set *c, uint32_t tgid)
{
	judge(c, tgid, 0);
}

void otr_traced_set_refuse(struct otr_traced_set *c, uint32_t tgid, uint64_t now_ns)
{
	judge(c, tgid, now_ns);
}

void otr_traced_set_remove(struct otr_traced_set *c, uint32_t tgid)
{
	struct judged *at = find(c, tgid);

	if (at && !at->refused_ns)
		drop(c, at);
}

bool otr_traced_set_has(const struct otr_traced_set *c, uint32_t tgid)
{
	const struct judged *at = find(c, tgid);

	return at && !at->refused_ns;
}

bool otr_traced_set_refused(const struct otr_traced_set *c, uint32_t tgid)
{
	const struct judged *at = find(c, tgid);

	return at && at->refused_ns;
}

size_t otr_traced_set_count(const struct otr_traced_set *c)
{
	return c->traced;
}

void otr_traced_set_each(const struct otr_traced_set *c, void (*fn)(void *arg, uint32_t tgid),
			 void *arg)
{
	for (const struct judged *at = c->by_tgid; at; at = at->hh.next)
		if (!at->refused_ns)
			fn(arg, at->tgid);
}

void otr_traced_set_tick(struct otr_traced_set *c, uint64_t now_ns)
{
	struct judged *at, *next;

	HASH_ITER(hh, c->by_tgid, at, next)
		if (at->refused_ns && now_ns > at->refused_ns + REFUSED_NS)
			drop(c, at);
}

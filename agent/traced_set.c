/* SPDX-License-Identifier: Apache-2.0 */
/* traced_set.c - which processes a session traces; see traced_set.h. */

#include "agent/traced_set.h"
#include "agent/base/keyed.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/base/own.h"
#include "bpf/shared.h"

/* Records of a process may still be in the merge when it has ended. */
#define KEPT_NS (2 * OTR_TRIAL_NS)

enum state {
	TRACED,
	REFUSED,
	ENDED, /* it was traced */
};

struct judged {
	uint32_t tgid;
	enum state state;
	uint64_t since_ns; /* not of TRACED */
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
	c->traced -= at->state == TRACED;
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

static void judge(struct otr_traced_set *c, uint32_t tgid, enum state state, uint64_t now_ns)
{
	struct judged *at = find(c, tgid);

	if (at)
		drop(c, at);
	at = calloc(1, sizeof(*at));
	if (!at)
		return;
	at->tgid = tgid;
	at->state = state;
	at->since_ns = now_ns;
	HASH_ADD(hh, c->by_tgid, tgid, sizeof(at->tgid), at);
	if (!at->hh.tbl) {
		free(at);
		return;
	}
	c->traced += state == TRACED;
}

void otr_traced_set_add(struct otr_traced_set *c, uint32_t tgid)
{
	judge(c, tgid, TRACED, 0);
}

void otr_traced_set_refuse(struct otr_traced_set *c, uint32_t tgid, uint64_t now_ns)
{
	judge(c, tgid, REFUSED, now_ns);
}

void otr_traced_set_end(struct otr_traced_set *c, uint32_t tgid, uint64_t now_ns)
{
	if (otr_traced_set_has(c, tgid))
		judge(c, tgid, ENDED, now_ns);
}

bool otr_traced_set_has(const struct otr_traced_set *c, uint32_t tgid)
{
	const struct judged *at = find(c, tgid);

	return at && at->state == TRACED;
}

bool otr_traced_set_refused(const struct otr_traced_set *c, uint32_t tgid)
{
	const struct judged *at = find(c, tgid);

	return at && at->state == REFUSED;
}

bool otr_traced_set_knows(const struct otr_traced_set *c, uint32_t tgid)
{
	return find(c, tgid) != NULL;
}

size_t otr_traced_set_count(const struct otr_traced_set *c)
{
	return c->traced;
}

void otr_traced_set_each(const struct otr_traced_set *c, void (*fn)(void *arg, uint32_t tgid),
			 void *arg)
{
	for (const struct judged *at = c->by_tgid; at; at = at->hh.next)
		if (at->state == TRACED)
			fn(arg, at->tgid);
}

void otr_traced_set_tick(struct otr_traced_set *c, uint64_t now_ns)
{
	struct judged *at, *next;

	HASH_ITER(hh, c->by_tgid, at, next)
		if (at->state != TRACED && now_ns > at->since_ns + KEPT_NS)
			drop(c, at);
}

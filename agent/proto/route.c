/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c - guesses the route of a path.
 *
 * A node is a position in a path: the owner and all segments before it, as they are in the route.
 * It remembers, by their hashes, which values it has had. If the table is crowded, the node that
 * was idle longest among a few is replaced.
 */

#include "agent/proto/route.h"

#include <stdlib.h>

#include "agent/base/own.h"
#include "agent/base/secret.h"

#define NODES	   1024 /* a power of two */
#define PROBES	   8
#define KIDS_FIRST 32
#define KIDS	   10
#define SEG_MAX	   40

struct node {
	uint64_t key; /* 0: free */
	uint64_t used;
	uint32_t kids[KIDS_FIRST];
	uint32_t changes; /* never set back: it may be the node of another position now */
	uint8_t n;
	bool many; /* it has had many values: {id} */
};

struct otr_routes {
	struct node nodes[NODES];
	uint64_t now; /* counts calls: the age of nodes */
};

struct otr_routes *otr_routes_new(void)
{
	return calloc(1, sizeof(struct otr_routes));
}

void otr_routes_free(struct otr_routes **rp)
{
	free(OTR_TAKE(*rp));
}

/* FNV-1a, without a key: the hash decides which node is replaced, and a replay must give the
 * same routes. Eight slots are searched, so that collisions by intent only make a route coarser. */
static uint64_t hash(uint64_t h, struct otr_slice s)
{
	h ^= 0xcbf29ce484222325ULL;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.data[i]) * 0x100000001b3ULL;
	return h ? h : 1;
}

static struct node *node_of(struct otr_routes *rt, uint64_t key)
{
	struct node *oldest = NULL, *nd;

	for (uint64_t i = 0; i < PROBES; i++) {
		nd = &rt->nodes[((key >> 32) + i) & (NODES - 1)];
		if (nd->key == key)
			return nd;
		if (!oldest || nd->used < oldest->used)
			oldest = nd;
	}
	*oldest = (struct node){.key = key, .changes = oldest->changes + 1};
	return oldest;
}

/* Has the node had this value? Adds the value if `learn`. */
static bool has_value(struct node *nd, struct otr_slice seg, size_t most, bool learn)
{
	uint32_t h = (uint32_t)(hash(0, seg) >> 16);

	for (uint8_t i = 0; i < nd->n; i++)
		if (nd->kids[i] == h)
			return true;
	if (!learn)
		return false;
	nd->changes++;
	if (nd->n == most)
		nd->many = true;
	else
		nd->kids[nd->n++] = h;
	return true;
}

/* How many characters of a kind a text has, 8 bits each; of a text of at most SEG_MAX. */
#define DIGIT (1u << 0)
#define HEX   (1u << 8)	 /* a to f */
#define OTHER (1u << 16) /* neither of these, nor a dash */
#define ODD   (1u << 24) /* in no part of a route */

#define ODD_OTHER (ODD | OTHER)

static const uint32_t kinds[256] = {
	[0 ... ' '] = ODD_OTHER,     ['!' ... '$'] = OTHER, ['%'] = ODD_OTHER,
	['&' ... ','] = OTHER,	     ['.' ... '/'] = OTHER, ['0' ... '9'] = DIGIT,
	[':' ... '?'] = OTHER,	     ['@'] = ODD_OTHER,	    ['A' ... 'F'] = HEX,
	['G' ... '`'] = OTHER,	     ['a' ... 'f'] = HEX,   ['g' ... '~'] = OTHER,
	[0x7f ... 0xff] = ODD_OTHER,
};

static uint32_t count_chars(struct otr_slice s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += kinds[(unsigned char)s.data[i]];
	return n;
}

/* Has a secret been replaced in the segment (url.h)? The replacement is no name. */
static bool has_redacted(struct otr_slice s)
{
	static const char word[] = OTR_SECRET_HIDDEN;

	return s.len >= sizeof(word) - 1 && memchr(s.data, word[0], s.len) &&
	       memmem(s.data, s.len, word, sizeof(word) - 1);
}

/* Is the segment generated: 17, 2024-01-31, a UUID, 5f0e.., ORD-00123, the token of a session? */
static bool is_variable(struct otr_slice s)
{
	uint32_t n = s.len <= SEG_MAX ? count_chars(s) : ODD;
	uint32_t digits = n & 0xff, hex = n / HEX & 0xff, other = n / OTHER & 0xff;

	if (n >= ODD || has_redacted(s))
		return true;
	if (digits && !other)
		return !hex || s.len >= 8;
	if (!other)
		return s.len >= 16;
	return (digits >= 4 && digits * 2 >= s.len) || (digits >= 3 && s.len >= 20);
}

static void note_node(struct otr_route_walk *walk, const struct otr_routes *rt,
		      const struct node *nd)
{
	if (!walk)
		return;
	walk->at[walk->n].node = (uint32_t)(nd - rt->nodes);
	walk->at[walk->n++].changes = nd->changes;
}

/* Returns what replaces `seg` behind the route so far; a none slice: the path has no route. */
static struct otr_slice replacement(struct otr_routes *rt, struct otr_slice seg, struct node *nd,
				    int depth, int status)
{
	if (!nd->many)
		nd->used = ++rt->now;
	if (!nd->many && !has_value(nd, seg, depth ? KIDS : KIDS_FIRST, status != 404))
		return OTR_SLICE_NONE;
	return nd->many ? OTR_SLICE("{id}") : seg;
}

/* Takes "/segment" off `path`, without parameters behind ';'. */
static struct otr_slice take_segment(struct otr_slice *path)
{
	struct otr_slice seg = otr_slice_sub(*path, 1, path->len);
	const char *end = seg.len ? memchr(seg.data, '/', seg.len) : NULL;

	if (end)
		seg.len = (size_t)(end - seg.data);
	*path = otr_slice_sub(*path, seg.len + 1, path->len);
	end = seg.len ? memchr(seg.data, ';', seg.len) : NULL;
	if (end)
		seg.len = (size_t)(end - seg.data);
	return seg;
}

static size_t put_segment(char *out, size_t at, struct otr_slice s)
{
	out[at] = '/';
	if (s.len)
		memcpy(out + at + 1, s.data, s.len);
	return at + 1 + s.len;
}

size_t otr_route(struct otr_routes *rt, char out[OTR_ROUTE_MAX], struct otr_slice owner,
		 struct otr_slice path, int status, struct otr_route_walk *walk)
{
	struct otr_slice rest = OTR_SLICE("{rest}"), seg;
	uint64_t key = hash(0, owner);
	struct node *nd;
	size_t at = 0;

	if (walk)
		walk->n = 0;
	if (!path.len || path.data[0] != '/')
		return 0;
	for (int depth = 0; path.len; depth++) {
		seg = take_segment(&path);
		if (depth == OTR_ROUTE_DEPTH || at + SEG_MAX + 8 > OTR_ROUTE_MAX)
			return put_segment(out, at, rest);
		if (seg.len && is_variable(seg)) {
			seg = OTR_SLICE("{id}");
		} else if (seg.len) {
			nd = node_of(rt, key);
			seg = replacement(rt, seg, nd, depth, status);
			note_node(walk, rt, nd);
			if (!seg.len)
				return 0;
		}
		key = hash(key, seg);
		at = put_segment(out, at, seg);
	}
	return at;
}

bool otr_route_again(struct otr_routes *rt, const struct otr_route_walk *walk)
{
	struct node *nd;

	for (uint32_t i = 0; i < walk->n; i++)
		if (rt->nodes[walk->at[i].node].changes != walk->at[i].changes)
			return false;
	for (uint32_t i = 0; i < walk->n; i++) {
		nd = &rt->nodes[walk->at[i].node];
		if (!nd->many)
			nd->used = ++rt->now;
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* shim_conn.c - which ring has the state of a connection, and the policies that are written to
 * it. */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/source/shim.h"
#include "agent/source/shim_state.h"
#include "agent/source/unix_peer.h"
#include "agent/source/vouch.h"

#define VOUCHED_NS 1000000000ull /* how long a check of vouch.h is valid */
#define CONNS	   262144	 /* connections of all rings that are followed */
#define PROBES	   8		 /* slots of a table of the ring in which a key may be */

static struct holder *find_holder(struct otr_shims *s, uint64_t conn)
{
	struct holder *at;

	HASH_FIND(hh, s->by_conn, &conn, sizeof(conn), at);
	return at;
}

/* The slot of sh->own for a connection. */
static uint64_t *own_slot(struct shim *sh, uint64_t conn)
{
	return &sh->own[conn % OTR_ARRAY_SIZE(sh->own)];
}

static void unset_ring(struct holder *at)
{
	uint64_t *slot = own_slot(at->shim, at->conn);

	DL_DELETE(at->shim->conns, at);
	if (*slot == at->conn)
		*slot = 0;
}

/* `sh` has the state of the connection from now on. */
static void set_ring(struct holder *at, struct shim *sh)
{
	if (at->shim)
		unset_ring(at);
	at->shim = sh;
	DL_APPEND(sh->conns, at);
	*own_slot(sh, at->conn) = at->conn;
}

static void add_conn(struct otr_shims *s, struct shim *sh, uint64_t conn)
{
	struct holder *at = s->conns < CONNS ? calloc(1, sizeof(*at)) : NULL;

	if (!at) {
		otr_loss_add(OTR_LOSS_EVICT, 1);
		return;
	}
	at->conn = conn;
	HASH_ADD(hh, s->by_conn, conn, sizeof(at->conn), at);
	if (!at->hh.tbl) {
		free(at);
		return;
	}
	s->conns++;
	set_ring(at, sh);
}

static void forget_conn(struct otr_shims *s, struct holder *at)
{
	unset_ring(at);
	HASH_DEL(s->by_conn, at);
	s->conns--;
	free(at);
}

void otr_shims_forget(struct otr_shims *s, struct shim *sh)
{
	while (sh->conns)
		forget_conn(s, sh->conns);
}

/* Was it checked a moment ago that this process may report the connection? */
static bool was_vouched(const struct shim *sh, uint64_t conn, uint64_t now_ns)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(sh->vouched); i++)
		if (sh->vouched[i].conn == conn && sh->vouched[i].until_ns > now_ns)
			return true;
	return false;
}

/* Keeps that this process may report the connection. */
static bool keep_vouched(struct shim *sh, uint64_t conn, uint64_t now_ns)
{
	size_t i = sh->next_vouched++ % OTR_ARRAY_SIZE(sh->vouched);

	sh->vouched[i].conn = conn;
	sh->vouched[i].until_ns = now_ns + VOUCHED_NS;
	return true;
}

/* Is one process the parent of the other, or have both the same parent? A child inherits the
 * sockets of its parent, and may close them before the agent checks. */
static bool are_related(const struct shim *a, const struct shim *b)
{
	return a->parent == b->tgid || b->parent == a->tgid ||
	       (a->parent == b->parent && a->parent > 1);
}

/* May the process of `sh` report a connection whose state another ring has? */
static bool may_report(struct otr_shims *s, struct shim *sh, const struct holder *at,
		       uint64_t now_ns)
{
	if (at->shim->tgid == sh->tgid || was_vouched(sh, at->conn, now_ns))
		return true; /* the same process after an exec, or checked before */
	if (s->proofs <= 0)
		return false;
	s->proofs--;
	if (otr_vouch(sh->tgid, at->conn) == OTR_VOUCH_HOLDS || are_related(sh, at->shim) ||
	    otr_vouch(at->shim->tgid, at->conn) != OTR_VOUCH_HOLDS)
		return keep_vouched(sh, at->conn, now_ns);
	sh->rd.broken |= ++sh->refused >= OTR_SHIM_REFUSED_MAX;
	return false;
}

static bool is_of_conn(const struct otr_event *ev)
{
	return ev->conn && ev->kind != OTR_EV_META && ev->kind != OTR_EV_LOST;
}

bool otr_shims_follow(struct otr_shims *s, struct shim *sh, const struct otr_event *ev,
		      uint64_t now_ns)
{
	bool closes = ev->kind == OTR_EV_CONN_CLOSE;
	struct holder *at;

	if (!is_of_conn(ev) || (*own_slot(sh, ev->conn) == ev->conn && !closes))
		return true;
	at = find_holder(s, ev->conn);
	if (!at && ev->kind == OTR_EV_CONN_OPEN)
		add_conn(s, sh, ev->conn);
	if (!at)
		return true;
	if (at->shim != sh && !may_report(s, sh, at, now_ns))
		return false;
	if (ev->kind == OTR_EV_CONN_OPEN)
		set_ring(at, sh);
	else if (closes && at->shim == sh)
		forget_conn(s, at);
	else if (at->shim == sh)
		*own_slot(sh, ev->conn) = ev->conn;
	return true;
}

void otr_shims_peer(const struct otr_shims *s, struct otr_ev_conn *cn)
{
	bool is_unix = cn->local.family == AF_UNIX || cn->remote.family == AF_UNIX;

	/* The value that the process wrote is never used. With the probes, the kernel side reports
	 * it. */
	cn->peer = is_unix && !s->late_evidence ? otr_unix_peer(s->peers, cn->hdr.conn) : 0;
}

bool otr_shims_get_run(void *ctx, uint64_t key, struct otr_run_now *now)
{
	struct holder *at = find_holder(ctx, key >> 1);
	uint32_t place = otr_ring_hash(key), seq;
	const struct otr_ring_run *r;

	for (uint32_t i = 0; at && i < PROBES; i++) {
		r = &at->shim->rd.ring->runs[(place + i) % OTR_RING_RUNS];
		if (__atomic_load_n(&r->key, __ATOMIC_ACQUIRE) != key)
			continue;
		seq = __atomic_load_n(&r->seq, __ATOMIC_ACQUIRE);
		memcpy(now, (const void *)&r->now, sizeof(*now));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		return !(seq & 1) && __atomic_load_n(&r->seq, __ATOMIC_RELAXED) == seq &&
		       now->pos_kind <= OTR_POS_TCP_SEQ && now->layer < OTR_LAYER_MAX &&
		       now->pos < 1ull << 62 && now->bytes < 1ull << 62 &&
		       now->last_ns < 1ull << 62;
	}
	return false;
}

void otr_shims_policy(struct otr_shims *s, uint64_t conn, enum otr_dir dir,
		      enum otr_capture capture, uint32_t head_bytes)
{
	struct holder *at = find_holder(s, conn);
	uint64_t key = otr_dir_key(conn, dir);
	uint32_t place = otr_ring_hash(key), to;
	struct otr_ring *ring;

	if (!at)
		return;
	ring = at->shim->rd.ring;
	to = place % OTR_RING_POLICIES;
	for (uint32_t i = PROBES; i-- > 0;) {
		uint32_t here = (place + i) % OTR_RING_POLICIES;

		if (!ring->policies[here].key || ring->policies[here].key == key)
			to = here;
	}
	ring->policies[to].policy = (struct otr_policy){
		.capture = capture,
		.head_bytes = head_bytes ? head_bytes : OTR_HEAD_BYTES,
	};
	ring->policies[to].key = key;
	__atomic_fetch_add(&ring->policy_gen, 1, __ATOMIC_RELEASE);
}

void otr_shims_watch(struct otr_shims *s, uint64_t conn, enum otr_dir dir, bool want)
{
	otr_watch_set(&s->watch, otr_dir_key(conn, dir), want);
}

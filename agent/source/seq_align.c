/* SPDX-License-Identifier: Apache-2.0 */
/* seq_align.c - one connection reported by two sources; see seq_align.h. */

#include "agent/source/seq_align.h"
#include "agent/base/keyed.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1

#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "bpf/event.h"

#define CONNS	262144 /* connections at once; others keep the positions of the library */
#define TELLERS 16384

struct place {
	uint64_t conn;
	struct otr_ev_conn facts; /* of the kernel side */
	uint32_t announcer;	  /* the process whose library reports the connection; 0: none */
	bool shared;		  /* several processes do */
	bool mixed;		  /* its first bytes were moved by a process without the library */
	uint64_t before[2];	  /* how many, by enum otr_dir */
	uint32_t first[2];	  /* the sequence number of the library's first byte */
	bool by_seq;		  /* positions in its events are sequence numbers */
	bool counted;		  /* `bytes` are all that the library saw */
	uint64_t bytes;
	UT_hash_handle hh;
};

/* A process whose library has reported a connection, so it was not switched to observe nothing. */
struct announcer {
	uint32_t tgid;
	UT_hash_handle hh;
};

struct otr_seq_align {
	struct place *by_conn;
	struct announcer *announcers;
	size_t n;
	bool lossy; /* records of its library were lost, so what it reported is not everything */
	_Alignas(16) unsigned char copy[sizeof(struct otr_ev_data) + OTR_DATA_MAX];
};

int otr_seq_align_new(struct otr_seq_align **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void drop(struct otr_seq_align *p, struct place *at)
{
	HASH_DEL(p->by_conn, at);
	p->n--;
	free(at);
}

static struct announcer *announcer_of(const struct otr_seq_align *p, uint32_t tgid)
{
	struct announcer *at;

	HASH_FIND(hh, p->announcers, &tgid, sizeof(tgid), at);
	return at;
}

static void drop_announcer(struct otr_seq_align *p, struct announcer *at)
{
	HASH_DEL(p->announcers, at);
	free(at);
}

/* A process ends before its connections do: its entry is evicted when many follow. */
static void announces(struct otr_seq_align *p, uint32_t tgid)
{
	struct announcer *at = announcer_of(p, tgid) ? NULL : calloc(1, sizeof(*at));

	if (!at)
		return;
	if (HASH_COUNT(p->announcers) >= TELLERS)
		drop_announcer(p, p->announcers);
	at->tgid = tgid;
	HASH_ADD(hh, p->announcers, tgid, sizeof(at->tgid), at);
	if (!at->hh.tbl)
		free(at);
}

void otr_seq_align_free(struct otr_seq_align **pp)
{
	struct otr_seq_align *p = OTR_TAKE(*pp);

	if (!p)
		return;
	while (p->by_conn)
		drop(p, p->by_conn);
	while (p->announcers)
		drop_announcer(p, p->announcers);
	free(p);
}

static struct place *find(const struct otr_seq_align *p, uint64_t conn)
{
	struct place *at;

	HASH_FIND(hh, p->by_conn, &conn, sizeof(conn), at);
	return at;
}

static struct place *make(struct otr_seq_align *p, uint64_t conn)
{
	struct place *at = p->n < CONNS ? calloc(1, sizeof(*at)) : NULL;

	if (!at) {
		otr_loss_add(OTR_LOSS_EVICT, 1);
		return NULL;
	}
	at->conn = conn;
	HASH_ADD(hh, p->by_conn, conn, sizeof(at->conn), at);
	if (!at->hh.tbl) {
		free(at);
		return NULL;
	}
	p->n++;
	return at;
}

static bool is_library(const struct otr_event *ev)
{
	return ev->hook == OTR_HOOK_PRELOAD;
}

static bool is_same(const struct place *at, const struct otr_ev_conn *cn)
{
	return at->facts.isn_out == cn->isn_out && at->facts.isn_in == cn->isn_in;
}

/* The library takes over a connection whose first byte no source saw, so its positions are others
 * than those so far. What is unfinished is cut, and the connection begins anew. */
static void cut(struct place *at, const struct otr_ev_conn *cn, otr_event_fn fn, void *arg)
{
	struct otr_ev_conn end = *cn;

	end.hdr.kind = OTR_EV_CONN_CLOSE;
	end.error = ECANCELED;
	fn(arg, &end.hdr);
	at->facts = *cn;
}

/* Returns false: the event is emitted again, since from here on the library reports the bytes of
 * the connection, and counts them from the first one that it sees. */
static bool kernel_opens(struct otr_seq_align *p, const struct otr_ev_conn *cn, otr_event_fn fn,
			 void *arg)
{
	struct place *at = find(p, cn->hdr.conn);

	if (at && cn->by_lib == OTR_BY_LIB_MIXED && is_same(at, cn)) {
		if (cn->protocol != IPPROTO_TCP || !at->facts.seen_open) {
			cut(at, cn, fn, arg);
			return true;
		}
		at->mixed = true;
		at->before[OTR_DIR_IN] = cn->bytes_in;
		at->before[OTR_DIR_OUT] = cn->bytes_out;
		return false;
	}
	if (at)
		drop(p, at); /* the inode is that of another connection now */
	at = make(p, cn->hdr.conn);
	if (!at)
		return true;
	at->facts = *cn;
	return true;
}

/* Returns false: the event of the kernel says more. */
static bool library_opens(struct otr_seq_align *p, const struct otr_ev_conn *cn)
{
	struct place *at = find(p, cn->hdr.conn);

	announces(p, cn->hdr.tgid);
	if (!at)
		return true;
	at->shared = at->announcer && at->announcer != cn->hdr.tgid;
	at->announcer = cn->hdr.tgid;
	at->by_seq = at->facts.protocol == IPPROTO_TCP && at->facts.seen_open &&
		     (at->mixed || cn->seen_open);
	/* The library may have counted bytes that the kernel side reported while the process was
	 * about to offer its ring. */
	at->first[OTR_DIR_IN] =
		at->facts.isn_in + (cn->seen_open ? 0 : (uint32_t)at->before[OTR_DIR_IN]);
	at->first[OTR_DIR_OUT] =
		at->facts.isn_out + (cn->seen_open ? 0 : (uint32_t)at->before[OTR_DIR_OUT]);
	return false;
}

/* Returns false: the kernel side reports the end, too. */
static bool library_closes(struct otr_seq_align *p, const struct otr_ev_conn *cn)
{
	struct place *at = find(p, cn->hdr.conn);

	if (!at)
		return true;
	if (at->announcer == cn->hdr.tgid) {
		at->counted = true;
		at->bytes = cn->bytes_in + cn->bytes_out;
	}
	/* The kernel side reports no end of an AF_UNIX socket. */
	return at->facts.protocol != IPPROTO_TCP;
}

/* How many bytes the kernel counted and the library did not; 0 where either count may be wrong. */
static uint64_t bypassed_of(const struct otr_seq_align *p, const struct place *at,
			    const struct otr_ev_conn *cn)
{
	uint64_t all = cn->bytes_in + cn->bytes_out;

	if (cn->by_lib != OTR_BY_LIB_ALL || at->shared || p->lossy)
		return 0;
	if (at->counted)
		return all > at->bytes ? all - at->bytes : 0;
	return at->announcer || !announcer_of(p, at->facts.hdr.tgid) ? 0 : all;
}

static void kernel_closes(struct otr_seq_align *p, const struct otr_ev_conn *cn, otr_event_fn fn,
			  void *arg)
{
	struct place *at = find(p, cn->hdr.conn);
	struct otr_ev_bypassed ev = {.hdr = cn->hdr, .bytes = at ? bypassed_of(p, at, cn) : 0};

	ev.hdr.kind = OTR_EV_BYPASSED;
	ev.hdr.hook = OTR_HOOK_AGENT;
	ev.hdr.size = sizeof(ev);
	if (ev.bytes)
		fn(arg, &ev.hdr);
	if (at)
		drop(p, at);
}

/* Turns an offset into its sequence number. */
static void to_seq(const struct otr_seq_align *p, uint64_t conn, uint8_t layer, uint8_t dir,
		   __u64 *pos, uint8_t *pos_kind)
{
	const struct place *at;

	if (!conn || layer != OTR_LAYER_SOCKET || *pos_kind != OTR_POS_OFFSET)
		return;
	at = find(p, conn);
	if (!at || !at->by_seq)
		return;
	*pos = (uint32_t)(*pos + at->first[dir]);
	*pos_kind = OTR_POS_TCP_SEQ;
}

static const struct otr_event *with_seq(struct otr_seq_align *p, const struct otr_event *ev)
{
	struct otr_ev_data *da = (void *)p->copy;
	struct otr_ev_run *run = (void *)p->copy;
	struct otr_ref *parent = &da->cause.parent;

	memcpy(p->copy, ev, ev->size);
	if (ev->kind == OTR_EV_CONN_FAILED) {
		parent = &((struct otr_ev_failed *)p->copy)->cause.parent;
		to_seq(p, parent->conn, parent->layer, parent->dir, &parent->pos,
		       &parent->pos_kind);
		return &da->hdr;
	}
	if (ev->kind == OTR_EV_RUN) {
		to_seq(p, ev->conn, run->layer, run->dir, &run->pos, &run->pos_kind);
		return &run->hdr;
	}
	to_seq(p, ev->conn, da->layer, da->dir, &da->pos, &da->pos_kind);
	to_seq(p, parent->conn, parent->layer, parent->dir, &parent->pos, &parent->pos_kind);
	return &da->hdr;
}

/* From here on the library has not reported all that it saw. */
static bool hides(const struct otr_ev_lost *ev)
{
	return ev->cause == OTR_LOSS_BUDGET || ev->cause == OTR_LOSS_BEHIND ||
	       (ev->cause == OTR_LOSS_RING && ev->hdr.tgid);
}

void otr_seq_align_event(struct otr_seq_align *p, const struct otr_event *ev, otr_event_fn fn,
			 void *arg)
{
	const void *rec = ev;

	switch (ev->kind) {
	case OTR_EV_CONN_OPEN:
		if (!(is_library(ev) ? library_opens(p, rec) : kernel_opens(p, rec, fn, arg)))
			return;
		break;
	case OTR_EV_CONN_CLOSE:
		if (!is_library(ev))
			kernel_closes(p, rec, fn, arg);
		else if (!library_closes(p, rec))
			return;
		break;
	case OTR_EV_DATA:
	case OTR_EV_CONN_FAILED:
	case OTR_EV_RUN: /* the agent reports runs of the library, too (watch.h) */
		if (is_library(ev) || ev->hook == OTR_HOOK_AGENT)
			ev = with_seq(p, ev);
		break;
	case OTR_EV_LOST:
		p->lossy |= hides(rec);
		break;
	}
	fn(arg, ev);
}

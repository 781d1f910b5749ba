/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - the rules of bpf/causality.h for the threads of one process; the counterpart of
 * bpf/rules.bpf.h. */

#include "preload/trace/rules.h"

#include <stddef.h>
#include <string.h>

#include "preload/base/clock.h"
#include "preload/base/inbound.h"
#include "preload/base/shim.h"
#include "preload/base/thread.h"
#include "preload/parse/tls_record.h"
#include "preload/ring/ring.h"
#include "preload/trace/header.h"
#include "preload/trace/layer.h"
#include "preload/trace/shed.h"

void otr_rules_cause(struct otr_cause *cause, const struct otr_xref *parent, enum otr_evidence why)
{
	const struct otr_inbound *inbound;

	if (why == OTR_EVIDENCE_NONE)
		return;
	inbound = otr_inbound_of(parent->conn);
	cause->parent.conn = parent->conn;
	cause->parent.pos = parent->pos;
	cause->parent.dir = OTR_DIR_IN;
	if (inbound)
		cause->parent.layer = otr_get(&inbound->ids.layer);
	cause->evidence = (uint8_t)why;
}

/* Sets the ids of the inbound exchange in its record. */
static void put_inbound_ids(struct otr_cause *cause, const struct otr_inbound *inbound,
			    uint64_t conn)
{
	struct otr_span_ids ids;
	uint32_t seq;

	if (!otr_ids_read(inbound, conn, &ids, &seq))
		return;
	cause->ids = OTR_IDS_READ;
	cause->flags = ids.flags;
	memcpy(cause->trace_id, ids.trace_id, sizeof(cause->trace_id));
	memcpy(cause->span_id, ids.span_id, sizeof(cause->span_id));
}

/* Are these the first bytes of a binary protocol (FastCGI, uwsgi, AJP)? HTTP/1 and HTTP/2 begin
 * with letters, a PROXY header with a line end; a TLS record may carry any protocol. */
static uint8_t is_binary(const struct iovec *iov, int n)
{
	uint8_t first = n && iov->iov_len ? *(const uint8_t *)iov->iov_base : ' ';

	return first < ' ' && first != '\r' && first != '\n' &&
	       (first < OTR_TLS_TYPE_FIRST || first > OTR_TLS_TYPE_LAST);
}

/* The strand read a request or a token that is not known, as another thread uses the slot or a
 * table is full: then the current of the strand is not known either. */
static void read_unknown(struct otr_strand *st, uint64_t key, uint64_t now)
{
	st->entry_ns = now;
	otr_join(st, NULL, OTR_LEVEL_NONE, key);
}

/* Ends an exchange that the parent of this process read before fork; the counts of this process do
 * not include it. Returns 0 if `ex` is no such exchange. */
static int end_of_parent(struct otr_exch *ex)
{
	if (otr_get(&ex->tgid) == (uint32_t)otr_shim.pid)
		return 0;
	otr_exch_end(ex, NULL);
	return 1;
}

/* R1: a request, or more of it, was read. */
static void request(struct otr_self *self, struct otr_fd *f, int first, uint64_t pos, uint64_t now,
		    const struct iovec *iov, int n, struct otr_cause *cause)
{
	struct otr_strand *st = &self->strand;
	struct otr_inbound *inbound = otr_inbound_make(f->inode);
	struct otr_xref ref = {.conn = f->inode, .pos = pos};

	if (!otr_get(&otr_shim.is_server))
		otr_put(&otr_shim.is_server, 1);
	if (!inbound) {
		read_unknown(st, f->inode, now);
		return;
	}
	if (!f->nonblock)
		otr_reader_blocks();
	if (first && !pos && f->seen_open)
		f->is_binary = is_binary(iov, n);
	if (f->nonblock && !st->waited && otr_is_single_threaded())
		otr_all_waits_seen(st); /* our wrappers see each wait of the only thread */
	if (first) {
		end_of_parent(&inbound->exch);
		otr_put(&inbound->exch.tgid, (uint32_t)otr_shim.pid);
		otr_r1_first(st, &otr_shim.proc, &inbound->exch, &ref,
			     otr_exch_of(st->last_read.conn), f->nonblock, (uint64_t)self->tid,
			     now);
		otr_inbound_ids(inbound, f, iov, n);
		put_inbound_ids(cause, inbound, f->inode);
	} else {
		ref.pos = f->dirs[OTR_DIR_IN].pos;
		otr_r1_more(st, &inbound->exch, &ref, now);
	}
}

/* R3: an answer was sent. */
static void answer(struct otr_self *self, struct otr_fd *f, int first, uint64_t now)
{
	struct otr_strand *st = &self->strand;
	struct otr_exch *ex = otr_exch_of(f->inode);
	struct otr_xref ref = {.conn = f->inode};

	st->entry_ns = now;
	if (!first || !ex || !otr_get(&ex->open))
		return;
	if (end_of_parent(ex)) {
		otr_set(st, NULL, OTR_LEVEL_NONE, OTR_EVIDENCE_NONE);
		return;
	}
	ref.pos = otr_get(&ex->pos);
	otr_r3_answer(st, &otr_shim.proc, ex, &ref, otr_get(&ex->reader) != (uint64_t)self->tid,
		      now);
}

/* Is the parent of a request shed? A request without a parent is shed while the reader is
 * behind. */
static int parent_is_shed(uint64_t parent)
{
	const struct otr_inbound *inbound = otr_inbound_of(parent);

	return parent ? inbound && otr_get(&inbound->ids.shed) : otr_ring_is_behind();
}

/* R4: a request is about to be sent. */
void otr_rules_ask(struct otr_self *self, struct otr_fd *f, uint64_t now)
{
	struct otr_strand *st = &self->strand;
	struct otr_asked *asked = &f->asked;
	struct otr_xref parent;
	enum otr_evidence why;

	if (f->has_cause)
		return;
	otr_mark_propagates();
	f->cause = (struct otr_cause){.evidence = 0};
	why = otr_r4_ask(st, &otr_shim.proc, asked, otr_exch_of(asked->claim.conn),
			 otr_exch_of(asked->born.conn), otr_exch_of(st->cur.conn), f->nonblock,
			 f->inode, now, &parent);
	otr_r4_book(&otr_shim.proc, asked, &parent, otr_exch_of(parent.conn));
	otr_rules_cause(&f->cause, &parent, why);
	f->asked_for = st->cur;
	f->shed_next = otr_will_shed(f, OTR_DIR_OUT) || parent_is_shed(parent.conn);
	f->has_cause = 1;
}

/* A thread that is no loop works for one exchange at a time: if its current has changed, the thread
 * has taken the connection from a pool for another request. A loop repeats a failed call in any
 * turn. */
void otr_rules_recheck(struct otr_self *self, struct otr_fd *f)
{
	const struct otr_strand *st = &self->strand;
	struct otr_asked *asked = &f->asked;

	if (!f->has_cause || !st->cur.conn || otr_xref_is(&st->cur, &f->asked_for) ||
	    otr_is_loop(st, &otr_shim.proc))
		return;
	f->has_cause = 0;
	if (asked->pending != 1)
		return;
	otr_land(&otr_shim.proc, asked, otr_exch_of(asked->believed.conn));
	asked->pending = 0;
}

/* R2: an answer was read. */
static void answered(struct otr_self *self, struct otr_fd *f, int first, uint64_t now)
{
	struct otr_strand *st = &self->strand;
	struct otr_asked *asked = &f->asked;

	if (!first) {
		otr_r2_more(st, &otr_shim.proc, asked, otr_exch_of(asked->answered.conn), f->inode,
			    now);
		return;
	}
	otr_refresh(st, otr_exch_of(st->cur.conn));
	otr_r2_answer(st, &otr_shim.proc, asked, otr_exch_of(asked->believed.conn), f->inode, now);
}

/* R4: a request, or more of it, was sent. */
static void asked(struct otr_self *self, struct otr_fd *f, int first, uint64_t now,
		  struct otr_cause *cause)
{
	uint8_t capture = f->dirs[OTR_DIR_OUT].capture;

	if (!first && capture != OTR_CAPTURE_CALLS && capture != OTR_CAPTURE_AMQP &&
	    !f->has_cause) {
		self->strand.entry_ns = now;
		return;
	}
	otr_rules_ask(self, f, now);
	*cause = f->cause;
	f->has_cause = 0;
}

void otr_rules_moved(struct otr_self *self, struct otr_fd *f, int dir, int first, uint64_t pos,
		     uint64_t now, const struct iovec *iov, int n, struct otr_cause *cause)
{
	if (f->role == OTR_ROLE_SERVER && dir == OTR_DIR_IN)
		request(self, f, first, pos, now, iov, n, cause);
	else if (f->role == OTR_ROLE_SERVER)
		answer(self, f, first, now);
	else if (dir == OTR_DIR_OUT)
		asked(self, f, first, now, cause);
	else
		answered(self, f, first, now);
}

/* R8. A child of fork may work for an exchange whose connection only its parent uses. */
void otr_rules_closed(struct otr_fd *f)
{
	struct otr_asked *asked = &otr_fd_upper(f)->asked;
	struct otr_exch *ex = otr_exch_of(f->inode);

	if (ex && otr_get(&ex->tgid) == (uint32_t)otr_shim.pid)
		otr_exch_end(ex, &otr_shim.proc);
	if (f->connected_by == otr_shim.pid || f->announced_by == otr_shim.pid)
		otr_r8_asked(&otr_shim.proc, asked, otr_exch_of(asked->believed.conn),
			     otr_exch_of(asked->born.conn));
}

/* R10 */
void otr_rules_touch(struct otr_self *self, struct otr_fd *f)
{
	struct otr_strand *st = &self->strand;

	if (f->role != OTR_ROLE_CLIENT)
		return;
	otr_refresh(st, otr_exch_of(st->cur.conn));
	otr_r10_touch(st, &otr_shim.proc, &f->asked, otr_clock_ns());
}

/* R9. `key` 0: another thread holds the connection, so it is not known what was read. A thread that
 * blocks reads the answer that it waits for, so its current stays. */
void otr_rules_notify(struct otr_self *self, uint64_t key, int write, uint64_t now)
{
	struct otr_strand *st = &self->strand;
	struct otr_notify_slot *slot = key ? otr_notify_slot_of(key) : NULL;

	if (!slot && !write && (key || otr_is_loop(st, &otr_shim.proc)))
		read_unknown(st, key ? key : now, now);
	if (!slot)
		return;
	otr_refresh(st, otr_exch_of(st->cur.conn));
	if (write)
		otr_r9_write(st, &slot->token, now);
	else
		otr_r9_read(st, &otr_shim.proc, &slot->token, otr_exch_of(slot->token.from.conn),
			    key, now);
	otr_notify_slot_clear(slot);
}

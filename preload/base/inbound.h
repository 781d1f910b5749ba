/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_INBOUND_H
#define OTR_INBOUND_H

/* inbound.h - exchanges and notify slots by name. Of shim.h, which includes it. */

#include <stdint.h>

#include "bpf/causality.h"
#include "preload/parse/environ.h"

/* The trace an exchange is in, as one that other threads copy. */
struct otr_span_ids {
	uint8_t trace_id[16];
	uint8_t span_id[8]; /* its own; of one that is let go, that of who asked */
	uint8_t flags;
	uint8_t layer;	 /* where the request was read */
	uint8_t shed;	 /* it is not told */
	uint8_t has_ids; /* 0: not to be known, so nothing is injected for it .. */
	uint8_t foreign; /* .. unless its protocol names no trace that we could read */
	uint16_t state_len, baggage_len;
} __attribute__((aligned(8)));

/* The last exchange of an inbound connection. */
struct otr_inbound {
	uint64_t conn;
	uint32_t seq; /* odd while one thread writes all but `exch` */
	uint32_t pad;
	struct otr_exch exch;
	struct otr_span_ids ids;
	char state[OTR_TRACESTATE_MAX];
	char baggage[OTR_BAGGAGE_MAX];
};

struct otr_notify_slot {
	uint64_t key;
	uint32_t owner; /* 1: a thread has it */
	uint32_t torn;	/* another thread found it taken: what is in it is not to be believed */
	struct otr_notify_token token;
};

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_inbound *otr_inbound_of(uint64_t conn);
struct otr_inbound *otr_inbound_make(uint64_t conn);
struct otr_exch *otr_exch_of(uint64_t conn);
/* To write its ids and lists: 0 where another thread does, or it is another connection's by
 * now. Then otr_inbound_unlock(). */
int otr_inbound_lock(struct otr_inbound *sv, uint64_t conn);
void otr_inbound_unlock(struct otr_inbound *sv);
/* A whole copy of its ids; returns 0 where there is none to be had. `seq` is for
 * otr_inbound_same(): after more was read of it, is that still of the same exchange? */
int otr_ids_read(const struct otr_inbound *sv, uint64_t conn, struct otr_span_ids *out,
		 uint32_t *seq);
int otr_inbound_same(const struct otr_inbound *sv, uint64_t conn, uint32_t seq);
/* A slot that no other thread has; NULL: there is none, or one that has it for now is told that
 * another wrote (`torn`). Then otr_notify_slot_clear(). */
struct otr_notify_slot *otr_notify_slot_of(uint64_t key);
void otr_notify_slot_clear(struct otr_notify_slot *slot);

#pragma GCC visibility pop

#endif /* OTR_INBOUND_H */

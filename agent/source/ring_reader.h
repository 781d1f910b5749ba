/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RING_READER_H
#define OTR_RING_READER_H

/*
 * ring_reader.h - reads the ring of one process (bpf/ring.h), for otr_shims_drain() and the fuzzer.
 *
 * The process may write anything anywhere in its ring at any time. One thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bpf/event.h"
#include "bpf/ring.h"

struct otr_ring_reader {
	struct otr_ring *ring;
	const char *slots; /* mapped twice, one behind the other */
	uint64_t tail;
	uint64_t head;	/* as it was read last: the process writes to its cache line */
	uint64_t given; /* the tail that the process sees */
	bool broken;	/* the process wrote what cannot be: its ring is not read any more */
	_Alignas(16) unsigned char copy[sizeof(struct otr_ev_data) + OTR_DATA_MAX];
};

/* The next record, copied and checked, with `tgid` as its process, or NULL: no record is whole yet.
 * `now_ns`: the clock as it was read last; the time of a record is never later than the clock.
 * `over`: nobody writes to the ring any more, so a record that is not whole is stepped over. */
const struct otr_event *otr_ring_next(struct otr_ring_reader *rd, uint32_t tgid, uint64_t now_ns,
				      bool over);

#endif /* OTR_RING_READER_H */

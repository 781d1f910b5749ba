/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ring.c - a ring that a traced process wrote as it liked, and goes on to: what is read
 * of it is checked and whole, and reading ends. */

#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/source/ring_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(4096) struct otr_ring ring;
static char slots[2 * OTR_RING_BYTES];

static volatile unsigned int sum;

/*
 * The input: where the ring begins and how far its head is, then slots: a byte that says
 * how long each is (in 8 bytes) and whether its stamp is right, then what lies in it.
 */
static uint64_t lay_out(const uint8_t *data, size_t size, uint64_t tail)
{
	uint64_t at = tail;
	size_t len;
	char *slot;

	while (size > 1 && at - tail < OTR_RING_BYTES / 2) {
		len = (size_t)(data[0] & 63) * 8;
		if (len > size - 1)
			len = size - 1;
		slot = slots + at % OTR_RING_BYTES;
		memcpy(slot, data + 1, len);
		if (data[0] & 64)
			((struct otr_ring_slot *)slot)->stamp = otr_ring_stamp(at);
		if (data[0] & 128)
			((struct otr_ring_slot *)slot)->size = (uint32_t)len;
		at += otr_ring_room((uint32_t)len);
		data += 1 + len;
		size -= 1 + len;
	}
	return at;
}

/* Its head while it is read: counts, the agent's own fields, all but where the head is. */
static void scribble(const uint8_t *data, size_t size)
{
	uint64_t head = ring.head;

	if (size > sizeof(ring))
		size = sizeof(ring);
	memcpy(&ring, data, size);
	ring.head = head;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct otr_ring_reader rd;
	const struct otr_event *ev;
	int n = 0;

	if (size < 4)
		return 0;
	memset(slots, 0, sizeof(slots));
	rd.ring = &ring;
	rd.slots = slots;
	rd.broken = false;
	rd.head = rd.given = 0;
	rd.tail = (uint64_t)(data[0] % 8) * OTR_RING_SLOT;
	ring.head = lay_out(data + 4, size - 4, rd.tail) + (data[1] & 1 ? data[2] : 0);
	while ((ev = otr_ring_next(&rd, 7, 1000, data[3] & 1))) {
		if (ev->tgid != 7 || ev->hook != OTR_HOOK_PRELOAD || ev->time_ns > otr_now() ||
		    ev->size > sizeof(rd.copy) || ++n > 8192)
			abort();
		for (uint32_t i = 0; i < ev->size; i++)
			sum += ((const unsigned char *)ev)[i];
		if (data[3] & 2)
			scribble(data, size);
		if (data[3] & 4 && n == data[2] % 8)
			ring.head += data[2]; /* forwards, crookedly: once at most */
	}
	return 0;
}

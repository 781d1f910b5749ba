/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_capture.c - packets of any bytes: every event that comes of them is well formed, and a
 * direction never goes back.
 *
 * The input: the link type's place in links[], then packets:
 *
 *	| wire_len 16 | length 16 | bytes | ..
 */

#include <stdlib.h>
#include <string.h>

#include "agent/source/packet.h"
#include "agent/source/tcp_conns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CONNS 64

struct seen {
	uint64_t time_ns;
	uint32_t end[2 * CONNS][2]; /* by connection and direction */
	bool has[2 * CONNS][2];
};

static void check_data(struct seen *seen, const struct otr_ev_data *da)
{
	uint64_t conn = da->hdr.conn;

	if (conn >= 2 * CONNS)
		return;
	if (seen->has[conn][da->dir] && (int32_t)((uint32_t)da->pos - seen->end[conn][da->dir]) < 0)
		abort();
	seen->has[conn][da->dir] = true;
	seen->end[conn][da->dir] = (uint32_t)(da->pos + da->moved);
}

static int on_event(void *arg, const struct otr_event *ev)
{
	struct seen *seen = arg;
	void *copy = malloc(ev->size);

	if (!copy)
		return 0;
	memcpy(copy, ev, ev->size);
	if (!otr_event_check(copy, ev->size) || ev->time_ns < seen->time_ns)
		abort();
	seen->time_ns = ev->time_ns;
	if (ev->kind == OTR_EV_DATA)
		check_data(seen, copy);
	free(copy);
	return 0;
}

static void take(struct otr_tcp_conns *tc, int link, const uint8_t *bytes, size_t len,
		 uint32_t wire_len, uint64_t time_ns)
{
	char *copy = malloc(len ? len : 1); /* reads behind its end are found */
	struct otr_packet pk;

	if (!copy)
		return;
	memcpy(copy, bytes, len);
	if (otr_packet_read(link, (struct otr_slice){copy, len}, wire_len, &pk) == OTR_PACKET_TCP) {
		if (pk.data.len > pk.len)
			abort();
		otr_tcp_conns_take(tc, &pk, time_ns);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int links[] = {1, 101, 113, 276, 0, 108};
	static struct seen seen;
	struct otr_tcp_conns *tc;
	uint64_t time_ns = 1;
	size_t at = 1, len;

	memset(&seen, 0, sizeof(seen));
	if (!size || otr_tcp_conns_new(&tc, on_event, &seen))
		return 0;
	while (at + 4 <= size) {
		len = (size_t)(data[at + 2] << 8 | data[at + 3]);
		len = len < size - at - 4 ? len : size - at - 4;
		take(tc, links[data[0] % (sizeof(links) / sizeof(links[0]))], data + at + 4, len,
		     (uint32_t)(data[at] << 8 | data[at + 1]), time_ns++);
		at += 4 + len;
	}
	otr_tcp_conns_finish(tc);
	otr_tcp_conns_free(&tc);
	return 0;
}

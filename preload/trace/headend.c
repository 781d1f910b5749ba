/* SPDX-License-Identifier: Apache-2.0 */
/* headend.c - request heads that are longer than the bytes that are copied of each run; see
 * headend.h. The counterpart of bpf/headend.bpf.h. */

#include "preload/trace/headend.h"

#include <string.h>

#include "bpf/headend.h"
#include "preload/base/shim.h"
#include "preload/parse/inject.h"

/* Does `c`, after the two bytes `last`, end a blank line? */
static int ends_head(const uint8_t last[2], uint8_t c)
{
	return c == '\n' && (last[1] == '\n' || (last[1] == '\r' && last[0] == '\n'));
}

/* Reads the first `max` bytes until the head ends. Returns how many were read; w->head_open is
 * 0 if the head ended with the last of them. */
static uint32_t scan(struct otr_shim_dir *w, const struct iovec *iov, int n, uint32_t max)
{
	uint32_t done = 0;

	for (int i = 0; i < n; i++) {
		const uint8_t *at = iov[i].iov_base;

		for (size_t j = 0; at && j < iov[i].iov_len && done < max; j++) {
			w->head_open = !ends_head(w->head_last, at[j]);
			w->head_last[0] = w->head_last[1];
			w->head_last[1] = at[j];
			done++;
			if (!w->head_open)
				return done;
		}
	}
	return done;
}

/* Are all bytes of the call copied, and is their end that of a head? Nearly every request is so. */
static int is_whole(uint64_t moved, const struct iovec *iov, int n, uint32_t cap)
{
	const struct iovec *last = n ? &iov[n - 1] : NULL;
	const char *end;

	if (moved > cap || !last || !last->iov_base || last->iov_len < 4)
		return 0;
	end = (const char *)last->iov_base + last->iov_len;
	return !memcmp(end - 4, "\r\n\r\n", 4) || !memcmp(end - 2, "\n\n", 2);
}

uint32_t otr_head_cap(struct otr_shim_dir *w, int first, uint64_t moved, const struct iovec *iov,
		      int n, uint32_t cap)
{
	uint32_t room = w->copied < OTR_LONG_HEAD ? OTR_LONG_HEAD - w->copied : 0, want;

	if (first) {
		w->head_open = (uint8_t)otr_head_begins(iov, n);
		memset(w->head_last, 0, sizeof(w->head_last));
	}
	if (w->head_open && is_whole(moved, iov, n, cap))
		w->head_open = 0;
	if (!w->head_open)
		return cap;
	want = scan(w, iov, n, moved < room ? (uint32_t)moved : room);
	w->head_open &= want < room;
	return want > cap ? want : cap;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* frames.c - follows frames of HTTP/2 and AMQP (bpf/frames.h) in a process: one record for each stretch
 * of a call that is copied. `moved` of a record also counts the bytes after the stretch that are left
 * out. */

#include "preload/base/shim.h"
#include "preload/ring/emit.h"
#include "preload/trace/flow.h"

#include <string.h>

/* One call, and the stretch of it that is emitted next. */
struct walk {
	struct otr_fd *f;
	struct otr_self *self;
	const struct otr_cause *cause;
	const char *base; /* the first byte of the stretch */
	struct otr_segment seg;
	uint64_t pos, start_ns;
	int dir, first;
};

static void emit(struct walk *w)
{
	const struct iovec one = {(void *)w->base, w->seg.copy};
	uint32_t cap = w->seg.copy < OTR_FRAMES_BYTES ? w->seg.copy : OTR_FRAMES_BYTES;

	if (!w->seg.len)
		return;
	otr_emit_data(w->f, w->self, w->dir, w->pos, w->seg.len, w->start_ns, w->first, w->cause,
		      &one, 1, cap);
	w->pos += w->seg.len;
	w->base += w->seg.len;
	w->first = 0;
	w->seg = (struct otr_segment){.copy = 0};
}

static void add(struct walk *w, uint32_t n, int copy)
{
	if (otr_segment_add(&w->seg, n, copy))
		return;
	emit(w);
	otr_segment_add(&w->seg, n, copy);
}

/* Follows the frames in one buffer. */
static void walk(struct walk *w, const char *at, uint32_t left)
{
	struct otr_frames *fr = &w->f->dirs[w->dir].frames;
	uint32_t n;
	int copy;

	w->base = at;
	fr->amqp = w->f->dirs[w->dir].capture == OTR_CAPTURE_AMQP;
	for (; left && !fr->lost; at += n, left -= n) {
		n = otr_frames_step(fr, (const uint8_t *)at, left, &copy);
		add(w, n, copy);
	}
	if (left)
		add(w, left, 1);
	emit(w);
}

void otr_frames_moved(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		      uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		      const struct iovec *iov, int n)
{
	struct walk w = {.f = f,
			 .self = self,
			 .cause = cause,
			 .pos = pos,
			 .start_ns = start_ns,
			 .dir = dir,
			 .first = first};

	for (; n && moved && iov->iov_base; iov++, n--) {
		walk(&w, iov->iov_base, (uint32_t)iov->iov_len);
		moved -= iov->iov_len;
	}
	if (moved) /* the next frame may begin in bytes that were not read */
		f->dirs[dir].frames.lost = 1;
}

enum otr_opening otr_opening_read(struct otr_fd *f, int dir, const struct iovec *iov, int n)
{
	enum otr_opening opening;

	if (!n || iov->iov_len < OTR_OPENING_BYTES)
		return f->opening;
	opening = otr_opening_of(iov->iov_base);
	if (!f->opening)
		f->opening = (uint8_t)opening;
	if (opening == f->opening)
		f->dirs[dir].frames.preface = otr_opening_preface(opening);
	return f->opening;
}

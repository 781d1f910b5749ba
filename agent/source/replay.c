/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - a recording as a source of events; record.h draws the format.
 *
 * Its time is that of the recording, so it has no descriptor and nothing to poll: each drain
 * gives the next part of the file.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/source/record.h"
#include "agent/source/source.h"

#define BUFFER	   (256u << 10) /* more than one record */
#define PART	   256		/* events of one drain */
#define MAX_RECORD OTR_RECORD_PADDED(sizeof(struct otr_ev_proc) + 2 * 65535)

_Static_assert(BUFFER >= MAX_RECORD, "a record fits the buffer");

struct replay {
	const char *path; /* borrowed */
	int fd;
	bool at_end;	 /* the file has no more bytes than those that are read */
	uint64_t offset; /* of the record that is read */
	char *bytes;	 /* BUFFER bytes; records begin at multiples of 8 */
	size_t from, to; /* of the bytes that are read and not given yet */
	struct otr_err err;
};

static void replay_free(struct replay **rp)
{
	struct replay *re = OTR_TAKE(*rp);

	if (!re)
		return;
	if (re->fd >= 0)
		close(re->fd);
	free(re->bytes);
	free(re);
}

/* Reads on until `n` bytes wait. False: the file has fewer, or cannot be read. */
static bool fill(struct replay *re, size_t n)
{
	ssize_t got = 1;

	memmove(re->bytes, re->bytes + re->from, re->to - re->from);
	re->to -= re->from;
	re->from = 0;
	while (re->to < n && got > 0) {
		got = read(re->fd, re->bytes + re->to, BUFFER - re->to);
		if (got > 0)
			re->to += (size_t)got;
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	re->at_end = !got;
	return re->to >= n;
}

static bool has(struct replay *re, size_t n)
{
	return re->to - re->from >= n || fill(re, n);
}

static int read_head(struct replay *re, struct otr_err *err)
{
	struct otr_record_head head = {0};

	if (has(re, sizeof(head)))
		memcpy(&head, re->bytes, sizeof(head));
	if (memcmp(head.magic, OTR_RECORD_MAGIC, sizeof(head.magic)) != 0) {
		otr_err_set(err, "%s is not a recording of otrace, and no capture", re->path);
		otr_err_hint(err,
			     "make one with  otrace run --record FILE -- CMD, or a capture (pcap, "
			     "pcapng) with  tcpdump -i any -w FILE tcp");
		return -EINVAL;
	}
	if (head.abi != OTR_ABI) {
		otr_err_set(err,
			    "%s was recorded by another version of otrace: "
			    "format %u, this one reads %u",
			    re->path, head.abi, OTR_ABI);
		otr_err_hint(err, "replay it with that version, or record anew");
		return -EINVAL;
	}
	re->from = re->offset = sizeof(head);
	return 0;
}

static int open_replay(void **out, const void *config, struct otr_err *err)
{
	OTR_AUTO(replay_free) struct replay *re = calloc(1, sizeof(*re));
	int rc;

	if (re)
		re->fd = -1;
	if (re)
		re->bytes = malloc(BUFFER);
	if (!re || !re->bytes) {
		otr_err_set(err, "cannot read %s: out of memory", (const char *)config);
		return -ENOMEM;
	}
	re->path = config;
	re->fd = open(re->path, O_RDONLY | O_CLOEXEC);
	if (re->fd < 0) {
		rc = -errno;
		otr_err_set(err, "cannot read %s: %s", re->path, strerror(-rc));
		return rc;
	}
	rc = read_head(re, err);
	if (!rc)
		*out = OTR_TAKE(re);
	return rc;
}

static void close_replay(void *src)
{
	struct replay *re = src;

	replay_free(&re);
}

static int damaged(struct replay *re, const char *what)
{
	otr_err_set(&re->err, "%s: %s at byte %llu", re->path, what,
		    (unsigned long long)re->offset);
	return -EINVAL;
}

/* Gives 1 and a record in *out, which lives until the next call, 0 at the end of the file, or
 * -EINVAL. */
static int read_record(struct replay *re, const struct otr_event **out)
{
	const struct otr_event *ev;
	size_t size;

	if (!has(re, sizeof(*ev)))
		return re->at_end && re->from == re->to
			       ? 0
			       : damaged(re, "the recording ends within a record");
	ev = (const void *)(re->bytes + re->from);
	size = OTR_RECORD_PADDED(ev->size);
	if (ev->size < sizeof(*ev) || size > MAX_RECORD)
		return damaged(re, "damaged record");
	if (!has(re, size))
		return damaged(re, "the recording ends within a record");
	ev = (const void *)(re->bytes + re->from); /* the bytes may have moved */
	*out = otr_event_check(ev, ev->size);
	if (!*out)
		return damaged(re, "damaged record");
	re->from += size;
	re->offset += size;
	return 1;
}

static int drain(void *src, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	const struct otr_event *ev;
	struct replay *re = src;
	int n = 0, rc = 1;

	(void)now_ns;
	while (n < PART && (rc = read_record(re, &ev)) > 0) {
		rc = fn(arg, ev);
		if (rc)
			return rc;
		n++;
	}
	return rc < 0 ? rc : n;
}

static const struct otr_err *error(const void *src)
{
	const struct replay *re = src;

	return &re->err;
}

const struct otr_source_ops otr_replay_source = {
	.name = "replay",
	.open = open_replay,
	.close = close_replay,
	.drain = drain,
	.error = error,
};

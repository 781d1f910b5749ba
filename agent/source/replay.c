/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - a recording as a source of events; record.h draws the format.
 *
 * Its time is that of the recording, so it has no descriptor and nothing to poll: each drain
 * gives the next part of the file.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/source/record.h"
#include "agent/source/source.h"

#define BUFFER	   (256u << 10)
#define PART	   256 /* events of one drain */
#define MAX_RECORD OTR_RECORD_PADDED(sizeof(struct otr_ev_proc) + 2 * 65535)

struct replay {
	const char *path; /* borrowed */
	FILE *file;
	uint64_t offset; /* of the record that is read */
	uint64_t *slot;	 /* MAX_RECORD bytes, aligned */
	struct otr_err err;
};

static void replay_free(struct replay **rp)
{
	struct replay *re = OTR_TAKE(*rp);

	if (!re)
		return;
	if (re->file)
		fclose(re->file);
	free(re->slot);
	free(re);
}

static int read_head(struct replay *re, struct otr_err *err)
{
	struct otr_record_head head;

	if (fread(&head, sizeof(head), 1, re->file) != 1 ||
	    memcmp(head.magic, OTR_RECORD_MAGIC, sizeof(head.magic))) {
		otr_err_set(err, "%s is not a recording of otrace", re->path);
		otr_err_hint(err, "make one with  otrace run --record FILE -- CMD");
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
	re->offset = sizeof(head);
	return 0;
}

static int open_replay(void **out, const void *config, struct otr_err *err)
{
	OTR_AUTO(replay_free) struct replay *re = calloc(1, sizeof(*re));
	int rc;

	if (re)
		re->slot = malloc(MAX_RECORD);
	if (!re || !re->slot) {
		otr_err_set(err, "cannot read %s: out of memory", (const char *)config);
		return -ENOMEM;
	}
	re->path = config;
	re->file = fopen(re->path, "re");
	if (!re->file) {
		rc = -errno;
		otr_err_set(err, "cannot read %s: %s", re->path, strerror(-rc));
		return rc;
	}
	setvbuf(re->file, NULL, _IOFBF, BUFFER);
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

/* Gives 1 and a record in *out, 0 at the end of the file, or -EINVAL. */
static int read_record(struct replay *re, const struct otr_event **out)
{
	struct otr_event *ev = (void *)re->slot;
	size_t got = fread(ev, 1, sizeof(*ev), re->file);
	size_t rest;

	if (!got && feof(re->file))
		return 0;
	if (got != sizeof(*ev))
		return damaged(re, "the recording ends within a record");
	if (ev->size < sizeof(*ev) || OTR_RECORD_PADDED(ev->size) > MAX_RECORD)
		return damaged(re, "damaged record");
	rest = OTR_RECORD_PADDED(ev->size) - sizeof(*ev);
	if (fread(ev + 1, 1, rest, re->file) != rest)
		return damaged(re, "the recording ends within a record");
	*out = otr_event_check(ev, ev->size);
	if (!*out)
		return damaged(re, "damaged record");
	re->offset += sizeof(*ev) + rest;
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

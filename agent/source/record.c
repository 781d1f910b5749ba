/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - the events of a session in a file, `.otr`; record.h draws it. */

#include "agent/source/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/out_file.h"
#include "agent/base/own.h"
#include "agent/source/record_auth.h"
#include "agent/source/source.h"
#include "bpf/event.h"

#define BUFFER	   (256u << 10)
#define PADDED(n)  (((size_t)(n) + 7) & ~(size_t)7)
#define MAX_RECORD PADDED(sizeof(struct otr_ev_proc) + 2 * 65535)

#define BLANK_MAX (sizeof(struct otr_ev_data) + OTR_DATA_MAX)

struct head {
	char magic[8];
	uint32_t abi;
	uint32_t zero;
};

static const struct head our_head = {"OTRACE\r\n", OTR_ABI, 0};

struct otr_record {
	FILE *file;
	int rc; /* the first error */
	struct otr_record_auth auth;
	uint64_t *copy; /* BLANK_MAX bytes: an event without its secrets */
};

static void put(struct otr_record *rec, const void *data, size_t len)
{
	if (!rec->rc && fwrite(data, 1, len, rec->file) != len)
		rec->rc = errno ? -errno : -EIO;
}

static int start(struct otr_record *rec, int fd)
{
	rec->file = fdopen(fd, "w");
	if (!rec->file) {
		close(fd);
		return -ENOMEM;
	}
	setvbuf(rec->file, NULL, _IOFBF, BUFFER);
	put(rec, &our_head, sizeof(our_head));
	return 0;
}

int otr_record_open(struct otr_record **out, const char *path, struct otr_err *err)
{
	struct otr_record *rec;
	int fd = otr_out_open("cannot record to ", path, OTR_OUT_REPLACE, err);

	if (fd < 0)
		return fd;
	rec = calloc(1, sizeof(*rec));
	if (rec)
		rec->copy = malloc(BLANK_MAX);
	if (!rec || !rec->copy || start(rec, fd)) {
		otr_err_set(err, "cannot record to %s: out of memory", path);
		if (rec)
			free(rec->copy);
		free(rec);
		return -ENOMEM;
	}
	*out = rec;
	return 0;
}

void otr_record_put(struct otr_record *rec, const struct otr_event *ev)
{
	static const char zero[8];

	if (otr_record_auth_concerns(&rec->auth, ev) && ev->size <= BLANK_MAX) {
		memcpy(rec->copy, ev, ev->size);
		ev = (const void *)rec->copy;
		otr_record_auth_blank(&rec->auth, (void *)rec->copy);
	}
	put(rec, ev, ev->size);
	put(rec, zero, PADDED(ev->size) - ev->size);
}

int otr_record_close(struct otr_record **rp)
{
	struct otr_record *rec = OTR_TAKE(*rp);
	int rc;

	if (!rec)
		return 0;
	if (fclose(rec->file) && !rec->rc)
		rec->rc = -errno;
	rc = rec->rc;
	free(rec->copy);
	free(rec);
	return rc;
}

/* A file being read. */
struct reader {
	const char *path;
	FILE *file;
	uint64_t offset; /* of the record at hand */
	uint64_t *slot;	 /* MAX_RECORD bytes, aligned */
	struct otr_err *err;
};

static int damaged(struct reader *rd, const char *what)
{
	otr_err_set(rd->err, "%s: %s at byte %llu", rd->path, what, (unsigned long long)rd->offset);
	return -EINVAL;
}

static int read_head(struct reader *rd)
{
	struct head head;

	if (fread(&head, sizeof(head), 1, rd->file) != 1 ||
	    memcmp(head.magic, our_head.magic, sizeof(head.magic))) {
		otr_err_set(rd->err, "%s is no recording of otrace", rd->path);
		otr_err_hint(rd->err, "make one with  otrace run --record FILE "
				      "-- CMD");
		return -EINVAL;
	}
	if (head.abi != OTR_ABI) {
		otr_err_set(rd->err,
			    "%s was recorded by another version of otrace: "
			    "format %u, this one reads %u",
			    rd->path, head.abi, OTR_ABI);
		return -EINVAL;
	}
	rd->offset = sizeof(head);
	return 0;
}

/* Gives 1 and a record in *out, 0 at the end of the file, or -EINVAL. */
static int read_record(struct reader *rd, const struct otr_event **out)
{
	struct otr_event *ev = (void *)rd->slot;
	size_t got = fread(ev, 1, sizeof(*ev), rd->file);
	size_t rest;

	if (!got && feof(rd->file))
		return 0;
	if (got != sizeof(*ev))
		return damaged(rd, "the recording ends within a record");
	if (ev->size < sizeof(*ev) || PADDED(ev->size) > MAX_RECORD)
		return damaged(rd, "damaged record");
	rest = PADDED(ev->size) - sizeof(*ev);
	if (fread(ev + 1, 1, rest, rd->file) != rest)
		return damaged(rd, "the recording ends within a record");
	*out = otr_event_check(ev, ev->size);
	if (!*out)
		return damaged(rd, "damaged record");
	rd->offset += sizeof(*ev) + rest;
	return 1;
}

static int read_all(struct reader *rd, otr_record_fn fn, void *arg)
{
	const struct otr_event *ev;
	int rc = read_head(rd);

	while (!rc) {
		rc = read_record(rd, &ev);
		if (rc <= 0)
			return rc;
		rc = fn(arg, ev);
	}
	return rc;
}

int otr_record_read(const char *path, otr_record_fn fn, void *arg, struct otr_err *err)
{
	struct reader rd = {.path = path, .err = err};
	int rc;

	rd.file = fopen(path, "re");
	if (!rd.file) {
		rc = -errno;
		otr_err_set(err, "cannot read %s: %s", path, strerror(errno));
		return rc;
	}
	setvbuf(rd.file, NULL, _IOFBF, BUFFER);
	rd.slot = malloc(MAX_RECORD);
	rc = rd.slot ? read_all(&rd, fn, arg) : -ENOMEM;
	if (!rd.slot)
		otr_err_set(err, "cannot read %s: out of memory", path);
	free(rd.slot);
	fclose(rd.file);
	return rc;
}

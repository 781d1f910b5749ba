/* SPDX-License-Identifier: Apache-2.0 */
/* record.c - writes the events of a session to a file, `.otr`; record.h draws the format. */

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
#include "bpf/event.h"

#define BUFFER (256u << 10)

struct otr_record {
	FILE *file;
	int rc; /* the first error */
};

static void put_bytes(struct otr_record *rec, const void *data, size_t len)
{
	if (!rec->rc && fwrite(data, 1, len, rec->file) != len)
		rec->rc = errno ? -errno : -EIO;
}

static int start(struct otr_record *rec, int fd)
{
	const struct otr_record_head head = {OTR_RECORD_MAGIC, OTR_ABI, 0};

	rec->file = fdopen(fd, "w");
	if (!rec->file) {
		close(fd);
		return -ENOMEM;
	}
	setvbuf(rec->file, NULL, _IOFBF, BUFFER);
	put_bytes(rec, &head, sizeof(head));
	return 0;
}

int otr_record_open(struct otr_record **out, const char *path, struct otr_err *err)
{
	struct otr_record *rec;
	int fd = otr_out_open("cannot record to ", path, OTR_OUT_REPLACE, err);

	if (fd < 0)
		return fd;
	rec = calloc(1, sizeof(*rec));
	if (!rec || start(rec, fd)) {
		otr_err_set(err, "cannot record to %s: out of memory", path);
		free(rec);
		return -ENOMEM;
	}
	*out = rec;
	return 0;
}

void otr_record_put(struct otr_record *rec, const struct otr_event *ev)
{
	static const char zero[8];

	put_bytes(rec, ev, ev->size);
	put_bytes(rec, zero, OTR_RECORD_PADDED(ev->size) - ev->size);
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
	free(rec);
	return rc;
}

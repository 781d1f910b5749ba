/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - spans to a file: OTLP JSON, one line for each batch, as the OTLP file exporter
 * specification has it and a Collector's otlpjsonfile receiver reads it.
 *
 * The file is emptied at each start, and holds whole lines at any time: a line that cannot be
 * written to its end is truncated away. In a pipe or a terminal a part of a line may remain.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/out_file.h"
#include "agent/base/own.h"
#include "exporters/exporter.h"
#include "exporters/otlp_json.h"
#include "exporters/spec.h"

struct file {
	int fd;
	bool regular;
	char *where;
	struct otr_buf line;
};

/* The path of "file:a/b" and "file:///a/b", as a copy. NULL: out of memory. */
static char *path_of(const char *url)
{
	const char *path = url + strlen("file:");
	char *out = strdup(strncmp(path, "///", 3) ? path : path + 2);

	if (out)
		otr_export_decode_commas(out);
	return out;
}

static int refuse(const struct otr_destination *dest, int rc, const char *why, struct otr_err *err)
{
	otr_err_set(err, "export to %s (from %s): %s", dest->url, dest->origin, why);
	return rc;
}

static void free_path(char **path)
{
	free(*path);
}

static int no_file(const struct otr_destination *dest, struct otr_err *err)
{
	otr_err_set(err, "export to %s (from %s): no file is named", dest->url, dest->origin);
	otr_err_hint(err, "right: file:traces.jsonl, file:///var/tmp/traces.jsonl");
	return -EINVAL;
}

static int file_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	OTR_AUTO(free_path) char *path = path_of(dest->url);
	struct file *f = state;
	struct otr_err why;
	struct stat st;
	int rc;

	if (path && !*path)
		return no_file(dest, err);
	f->where = strdup(dest->url);
	if (!f->where || !path) {
		free(f->where);
		return refuse(dest, -ENOMEM, strerror(ENOMEM), err);
	}
	f->fd = otr_out_open(NULL, path, OTR_OUT_NONBLOCK, &why);
	if (f->fd < 0 || fstat(f->fd, &st)) {
		rc = f->fd < 0 ? f->fd : -errno;
		free(f->where);
		return refuse(dest, rc, f->fd < 0 ? why.text : strerror(-rc), err);
	}
	f->regular = S_ISREG(st.st_mode);
	return 0;
}

static const char *file_where(const void *state)
{
	return ((const struct file *)state)->where;
}

/* Waits until the pipe takes more, for 50 ms at most. Returns -ETIMEDOUT after the deadline. */
static int writable(int fd, const _Atomic uint64_t *deadline_ns)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};

	if (otr_now() >= *deadline_ns)
		return -ETIMEDOUT;
	return poll(&pfd, 1, 50) < 0 && errno != EINTR ? -errno : 0;
}

static int write_all(struct file *f, const _Atomic uint64_t *deadline_ns)
{
	size_t done = 0;
	ssize_t n;
	int rc = 0;

	while (!rc && done < f->line.len) {
		n = write(f->fd, f->line.data + done, f->line.len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			rc = writable(f->fd, deadline_ns);
		else if (n < 0 && errno != EINTR)
			rc = -errno;
	}
	if (!done)
		return rc;
	return rc && !f->regular ? -EPIPE : rc; /* a part of a line is out */
}

static enum otr_push file_push(void *state, const struct otr_span *const *spans, size_t n,
			       const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	struct file *f = state;
	off_t from = f->regular ? lseek(f->fd, 0, SEEK_CUR) : 0;
	int rc;

	otr_buf_reset(&f->line);
	rc = otr_otlp_json_line(&f->line, spans, n);
	if (!rc)
		rc = write_all(f, deadline_ns);
	if (!rc)
		return OTR_PUSH_OK;
	if (f->regular && (ftruncate(f->fd, from) || lseek(f->fd, from, SEEK_SET) != from))
		rc = -EPIPE;
	strncpy(res->why, strerror(-rc), sizeof(res->why) - 1);
	return rc == -EPIPE || rc == -EMSGSIZE ? OTR_PUSH_FAIL : OTR_PUSH_RETRY;
}

static void file_close(void *state)
{
	struct file *f = state;

	close(f->fd);
	free(f->where);
	otr_buf_fini(&f->line);
}

const struct otr_exporter_ops otr_exporter_file = {
	.name = "file",
	.schemes = (const char *const[]){"file", NULL},
	.help = "OTLP JSON, a line for each batch. As file:X.jsonl; the file has mode 0600.",
	.state_size = sizeof(struct file),
	.open = file_open,
	.where = file_where,
	.push = file_push,
	.close = file_close,
};

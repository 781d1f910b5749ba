/* SPDX-License-Identifier: Apache-2.0 */
/* spool.c - batches that wait on disk; see spool.h. */

#include "exporters/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "exporters/spool_dir.h"

#define MAGIC	    "OTRSPOOL"
#define VERSION	    1
#define SUFFIX	    ".batch"
#define NAME_DIGITS 20
#define BODY_MAX    ((64u << 20) - 1) /* a struct otr_buf has room for one byte more */

struct head {
	char magic[8];
	uint32_t version;
	uint32_t spans;
	uint32_t len; /* of the body */
	uint32_t crc; /* of the head, with 0 here, and the body */
	char kind[OTR_SPOOL_KIND];
	uint64_t zero;
};
_Static_assert(sizeof(struct head) == 64, "the format of a file");

struct batch {
	uint64_t id;
	uint32_t spans, len;
};

struct otr_spool {
	int dir, lock_fd;
	char kind[OTR_SPOOL_KIND];
	uint64_t max_bytes;

	pthread_mutex_t lock; /* protects all fields below */
	pthread_cond_t wake;
	bool woken;
	struct batch *list; /* sorted by id, from `first` on */
	size_t first, end, cap;
	bool reading; /* the oldest batch is being sent */
	uint64_t next_id;
	struct otr_spool_stats stats;
};

static void file_name(char out[32], uint64_t id)
{
	snprintf(out, 32, "%020" PRIu64 SUFFIX, id);
}

static void unlink_batch(const struct otr_spool *sp, uint64_t id)
{
	char name[32];

	file_name(name, id);
	unlinkat(sp->dir, name, 0);
}

static uint64_t bytes_of(const struct batch *b)
{
	return sizeof(struct head) + b->len;
}

/* ---- the list; the caller holds the lock ---- */

static int append(struct otr_spool *sp, const struct batch *b)
{
	size_t n = sp->end - sp->first;
	struct batch *more;

	if (sp->end == sp->cap && sp->first > sp->cap / 2) {
		memmove(sp->list, sp->list + sp->first, n * sizeof(*sp->list));
		sp->first = 0;
		sp->end = n;
	}
	if (sp->end == sp->cap) {
		more = realloc(sp->list, (sp->cap * 2 + 64) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		sp->list = more;
		sp->cap = sp->cap * 2 + 64;
	}
	sp->list[sp->end++] = *b;
	sp->stats.batches++;
	sp->stats.spans += b->spans;
	sp->stats.bytes += bytes_of(b);
	return 0;
}

/* Removes the batch at `i`, the first or the one behind it, from the list and the folder. */
static void drop(struct otr_spool *sp, size_t i)
{
	struct batch b = sp->list[i];

	if (i > sp->first)
		sp->list[i] = sp->list[sp->first];
	sp->first++;
	sp->stats.batches--;
	sp->stats.spans -= b.spans;
	sp->stats.bytes -= bytes_of(&b);
	unlink_batch(sp, b.id);
}

/* Drops the oldest batches, but the one that is being sent, until `bytes` more fit. None is dropped for
 * a batch that would not fit then, either. */
static int make_room(struct otr_spool *sp, uint64_t bytes, uint64_t *dropped)
{
	uint64_t kept = sp->reading ? bytes_of(&sp->list[sp->first]) : 0;
	size_t oldest;

	if (kept + bytes > sp->max_bytes)
		return bytes > sp->max_bytes ? -EMSGSIZE : -EAGAIN;
	while (sp->stats.bytes + bytes > sp->max_bytes) {
		oldest = sp->first + sp->reading;
		*dropped += sp->list[oldest].spans;
		drop(sp, oldest);
	}
	return 0;
}

/* ---- files ---- */

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static uint32_t crc_of(const struct head *head, const char *body, size_t len)
{
	struct head h = *head;

	h.crc = 0;
	return (uint32_t)crc32(crc32(0, (const Bytef *)&h, sizeof(h)), (const Bytef *)body,
			       (uInt)len);
}

static int write_file(const struct otr_spool *sp, const char *name, struct otr_slice body,
		      uint32_t spans)
{
	struct head head = {.magic = MAGIC, .version = VERSION, .spans = spans};
	int fd =
		openat(sp->dir, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	head.len = (uint32_t)body.len;
	memcpy(head.kind, sp->kind, sizeof(head.kind));
	head.crc = crc_of(&head, body.data, body.len);
	rc = write_all(fd, &head, sizeof(head));
	if (!rc)
		rc = write_all(fd, body.data, body.len);
	if (close(fd) && !rc)
		rc = -errno;
	if (!rc && renameat(sp->dir, "new", sp->dir, name))
		rc = -errno;
	if (rc)
		unlinkat(sp->dir, "new", 0);
	return rc;
}

static int read_all(int fd, void *data, size_t len)
{
	char *p = data;
	ssize_t n;

	while (len) {
		n = read(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Returns 0; -EBADMSG: it is no head; -EPROTO: another version of otrace wrote it. */
static int check_head(const struct head *h)
{
	if (memcmp(h->magic, MAGIC, sizeof(h->magic)))
		return -EBADMSG;
	if (h->version != VERSION)
		return -EPROTO;
	return h->len <= BODY_MAX && memchr(h->kind, '\0', sizeof(h->kind)) ? 0 : -EBADMSG;
}

/* Opens a batch and reads its head. Returns a descriptor; -EBADMSG: it is damaged; or -errno, which
 * says nothing about the batch. */
static int open_batch(const struct otr_spool *sp, uint64_t id, struct head *head)
{
	char name[32];
	int fd, rc;

	file_name(name, id);
	fd = openat(sp->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = read_all(fd, head, sizeof(*head));
	if (!rc)
		rc = check_head(head);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static int read_batch(const struct otr_spool *sp, const struct batch *b, struct otr_buf *body)
{
	struct head head;
	int fd = open_batch(sp, b->id, &head), rc;
	char *to;

	if (fd == -ENOENT || fd == -EPROTO)
		return -EBADMSG; /* it was there and of this version: somebody else changed it */
	if (fd < 0)
		return fd;
	otr_buf_reset(body);
	to = otr_buf_room(body, head.len + 1);
	rc = !to ? -ENOMEM : head.len != b->len ? -EBADMSG : read_all(fd, to, head.len);
	close(fd);
	if (!rc && crc_of(&head, to, head.len) != head.crc)
		rc = -EBADMSG;
	if (!rc)
		body->len = head.len;
	return rc;
}

/* ---- opening ---- */

static int by_id(const void *a, const void *b)
{
	const struct batch *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* The number in the name of a batch; false for another file. */
static bool id_of(const char *name, uint64_t *id)
{
	char *end;

	if (strlen(name) != NAME_DIGITS + strlen(SUFFIX) || strcmp(name + NAME_DIGITS, SUFFIX) ||
	    strspn(name, "0123456789") != NAME_DIGITS)
		return false;
	errno = 0;
	*id = strtoull(name, &end, 10);
	return !errno && *id < UINT64_MAX;
}

static void lose(uint64_t spans, const char *why)
{
	otr_loss_add(OTR_LOSS_EXPORT, spans);
	otr_loss_because(OTR_LOSS_EXPORT, "%s", why);
}

static int refuse(const char *dir, const char *holds, const char *sends, struct otr_err *err)
{
	otr_err_set(err, "spool %s: it holds spans as %s, and this export sends %s", dir, holds,
		    sends);
	otr_err_hint(err, "send them with the settings of before, use another folder, or remove "
			  "them");
	return -EINVAL;
}

static int refuse_version(const char *dir, uint32_t version, struct otr_err *err)
{
	otr_err_set(err, "spool %s: it holds batches in format %u, and this otrace reads format %u",
		    dir, version, VERSION);
	otr_err_hint(err,
		     "send them with the otrace of before, use another folder, or remove them");
	return -EINVAL;
}

/* Reads the head of a batch and checks the length of its file. Returns as open_batch(), or 0. */
static int head_of(const struct otr_spool *sp, uint64_t id, struct head *head)
{
	int fd = open_batch(sp, id, head), rc = 0;
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		rc = -errno;
	else if ((uint64_t)st.st_size != sizeof(*head) + head->len)
		rc = -EBADMSG;
	close(fd);
	return rc;
}

/* Takes one file of before into the list. */
static int adopt(struct otr_spool *sp, const char *dir, uint64_t id, struct otr_err *err)
{
	struct head head = {.spans = 0};
	int rc = head_of(sp, id, &head);

	if (rc == -EBADMSG) {
		unlink_batch(sp, id);
		lose(!check_head(&head) ? head.spans : 1, "a batch of the spool was damaged");
		return 0;
	}
	if (rc == -EPROTO)
		return refuse_version(dir, head.version, err);
	if (rc)
		return rc;
	if (strcmp(head.kind, sp->kind))
		return refuse(dir, head.kind, sp->kind, err);
	return append(sp, &(struct batch){.id = id, .spans = head.spans, .len = head.len});
}

static int scan(struct otr_spool *sp, const char *path, struct otr_err *err)
{
	DIR *dir = fdopendir(openat(sp->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	const struct dirent *e;
	uint64_t id;
	int rc = 0;

	if (!dir)
		return -errno;
	while (!rc && (e = readdir(dir)))
		if (id_of(e->d_name, &id))
			rc = adopt(sp, path, id, err);
	closedir(dir);
	if (sp->end)
		qsort(sp->list, sp->end, sizeof(*sp->list), by_id);
	sp->next_id = sp->end ? sp->list[sp->end - 1].id + 1 : 1;
	return rc;
}

static struct otr_spool *spool_new(uint64_t max_bytes, const char *kind)
{
	struct otr_spool *sp = calloc(1, sizeof(*sp));
	pthread_condattr_t clock;

	if (!sp)
		return NULL;
	sp->dir = sp->lock_fd = -1;
	sp->max_bytes = max_bytes;
	snprintf(sp->kind, sizeof(sp->kind), "%s", kind);
	pthread_mutex_init(&sp->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&sp->wake, &clock);
	pthread_condattr_destroy(&clock);
	return sp;
}

int otr_spool_open(struct otr_spool **out, const char *dir, uint64_t max_bytes, const char *kind,
		   struct otr_err *err)
{
	OTR_AUTO(otr_spool_close) struct otr_spool *sp = spool_new(max_bytes, kind);
	int rc = sp ? 0 : -ENOMEM;

	otr_err_set(err, "%s", "");
	if (!rc)
		rc = sp->dir = otr_spool_dir_open(dir, &sp->lock_fd, err);
	if (rc >= 0)
		rc = scan(sp, dir, err);
	if (!rc) {
		*out = OTR_TAKE(sp);
		return 0;
	}
	if (!err->text[0])
		otr_err_set(err, "spool %s: %s", dir, strerror(-rc));
	return rc;
}

void otr_spool_close(struct otr_spool **spp)
{
	struct otr_spool *sp = OTR_TAKE(*spp);

	if (!sp)
		return;
	if (sp->dir >= 0)
		close(sp->dir);
	if (sp->lock_fd >= 0)
		close(sp->lock_fd);
	pthread_mutex_destroy(&sp->lock);
	pthread_cond_destroy(&sp->wake);
	free(sp->list);
	free(sp);
}

int otr_spool_put(struct otr_spool *sp, struct otr_slice body, uint32_t n, uint64_t *dropped)
{
	struct batch b = {.spans = n, .len = (uint32_t)body.len};
	char name[32];
	int rc;

	*dropped = 0;
	if (body.len > BODY_MAX)
		return -EMSGSIZE;
	pthread_mutex_lock(&sp->lock);
	rc = make_room(sp, bytes_of(&b), dropped);
	b.id = sp->next_id++;
	pthread_mutex_unlock(&sp->lock);
	if (rc)
		return rc;
	file_name(name, b.id);
	rc = write_file(sp, name, body, n);
	if (rc)
		return rc;
	pthread_mutex_lock(&sp->lock);
	rc = append(sp, &b);
	pthread_cond_signal(&sp->wake);
	pthread_mutex_unlock(&sp->lock);
	if (rc)
		unlink_batch(sp, b.id);
	return rc;
}

int otr_spool_first(struct otr_spool *sp, struct otr_buf *body, uint32_t *n)
{
	struct batch b;
	bool any;
	int rc;

	pthread_mutex_lock(&sp->lock);
	any = sp->reading = sp->first < sp->end;
	if (any)
		b = sp->list[sp->first];
	pthread_mutex_unlock(&sp->lock);
	if (!any)
		return -ENOENT;
	rc = read_batch(sp, &b, body);
	*n = b.spans;
	if (rc != -EBADMSG)
		return rc;
	lose(b.spans, "a batch of the spool was damaged");
	otr_spool_done(sp);
	return rc;
}

void otr_spool_done(struct otr_spool *sp)
{
	pthread_mutex_lock(&sp->lock);
	if (sp->reading)
		drop(sp, sp->first);
	sp->reading = false;
	pthread_mutex_unlock(&sp->lock);
}

void otr_spool_stats(struct otr_spool *sp, struct otr_spool_stats *out)
{
	pthread_mutex_lock(&sp->lock);
	*out = sp->stats;
	pthread_mutex_unlock(&sp->lock);
}

void otr_spool_wait(struct otr_spool *sp, uint64_t until_ns)
{
	struct timespec ts = {(time_t)(until_ns / 1000000000u), (long)(until_ns % 1000000000u)};
	bool was_empty;

	pthread_mutex_lock(&sp->lock);
	was_empty = sp->first == sp->end;
	while (!sp->woken && (!was_empty || sp->first == sp->end))
		if (pthread_cond_timedwait(&sp->wake, &sp->lock, &ts))
			break;
	sp->woken = false;
	pthread_mutex_unlock(&sp->lock);
}

void otr_spool_wake(struct otr_spool *sp)
{
	pthread_mutex_lock(&sp->lock);
	sp->woken = true;
	pthread_cond_signal(&sp->wake);
	pthread_mutex_unlock(&sp->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c - a bounded queue and a thread per destination.
 *
 *	ring:   [ . . s s s s s s s s . . ]      head: the oldest
 *	              |<-batch->|                counts as waiting until it is delivered
 *
 * The OpenTelemetry specification, "Batching processor", with a shorter delay. The spans of a batch
 * stay in the ring until the batch is delivered or given up, so that the bound holds for all spans
 * that wait. The core thread holds the lock for a few stores only.
 */

#include "exporters/queue.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/confine.h"
#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/resource/resource.h"
#include "agent/span/attr_block.h"
#include "agent/span/span.h"
#include "exporters/backoff.h"
#include "exporters/exporter.h"
#include "exporters/health.h"
#include "exporters/queue_config.h"
#include "exporters/spec.h"
#include "exporters/spooled.h"

#define MS	    1000000ull
#define BATCH_BYTES (2u << 20) /* a server of gRPC takes 4 MiB at most, and this is an estimate */
#define LAST_TRY_NS (250 * MS) /* the longest pause between tries while the queue closes */
#define NOTICES_MAX 4096       /* bytes that wait for otr_queue_tick() */

struct otr_queue {
	const struct otr_exporter_ops *ops;
	void *state; /* of the exporter; used by the thread alone, like the next two */
	char *origin;
	struct otr_queue_config cfg;
	const struct otr_span **batch;
	struct otr_health health;
	pthread_t thread;
	_Atomic uint64_t push_deadline_ns; /* of the push that is under way */

	pthread_mutex_t lock; /* protects all fields below */
	pthread_cond_t wake;
	struct otr_span **ring;
	size_t head, count;
	uint64_t since_ns; /* when the oldest span that is in no batch came */
	bool closing, reported_full;
	uint64_t close_ns;	/* the deadline of closing */
	struct otr_buf notices; /* each ends with a NUL */
	struct otr_queue_stats stats;
};

/* Sleeps until `at_ns` or a signal of `wake`; the caller holds the lock. */
static void wait_until(struct otr_queue *q, uint64_t at_ns)
{
	struct timespec ts = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)};

	pthread_cond_timedwait(&q->wake, &q->lock, &ts);
}

static struct otr_span **slot(const struct otr_queue *q, size_t i)
{
	return &q->ring[(q->head + i) % q->cfg.queue_max];
}

/* About as many bytes as a span has in a request. */
static size_t bytes_of(const struct otr_span *sp)
{
	size_t n = sp->bytes;

	for (uint16_t i = 0; i < sp->n_blocks; i++)
		n += sp->blocks[i]->wire.len;
	return n;
}

/* Makes a batch of the oldest spans. Returns its size. */
static size_t gather(struct otr_queue *q)
{
	size_t n = 0, bytes = 0;

	while (n < q->count && n < q->cfg.batch_max && bytes < BATCH_BYTES) {
		q->batch[n] = *slot(q, n);
		bytes += bytes_of(q->batch[n++]);
	}
	q->since_ns = otr_now(); /* the others came later, or are the next batch */
	return n;
}

/* Waits for spans and makes a batch. Returns its size; 0: the queue closes and is empty. */
static size_t next_batch(struct otr_queue *q)
{
	while (!q->closing && q->count < q->cfg.batch_max &&
	       (!q->count || otr_now() < q->since_ns + q->cfg.delay_ns)) {
		if (q->count)
			wait_until(q, q->since_ns + q->cfg.delay_ns);
		else
			pthread_cond_wait(&q->wake, &q->lock);
	}
	return gather(q);
}

/* Removes the batch of `n` spans from the ring. The lock is not held while the spans are freed. */
static void forget(struct otr_queue *q, size_t n)
{
	struct otr_span *sp;

	q->head = (q->head + n) % q->cfg.queue_max;
	q->count -= n;
	pthread_mutex_unlock(&q->lock);
	for (size_t i = 0; i < n; i++) {
		sp = (struct otr_span *)(uintptr_t)q->batch[i];
		otr_span_unref(&sp);
	}
	pthread_mutex_lock(&q->lock);
}

static void count_span(enum otr_loss cause, const struct otr_span *sp)
{
	otr_loss_of(cause, 1, sp->resource ? sp->resource->service : OTR_SLICE_NONE);
}

/* A backend that refuses a part of a batch does not say which spans, so no service is counted. */
static void count_taken(struct otr_queue *q, size_t n, size_t rejected)
{
	q->stats.accepted += n - rejected;
	q->stats.refused += rejected;
	for (size_t i = 0; rejected == n && i < n; i++)
		count_span(OTR_LOSS_REFUSED, q->batch[i]);
	if (rejected && rejected < n)
		otr_loss_add(OTR_LOSS_REFUSED, rejected);
}

static void count_failed(struct otr_queue *q, size_t n)
{
	q->stats.failed += n;
	for (size_t i = 0; i < n; i++)
		count_span(OTR_LOSS_EXPORT, q->batch[i]);
}

/* Keeps the reason why a batch, or a part of it, was not taken. */
static void keep_reason(struct otr_queue *q, enum otr_push out, const struct otr_push_result *res)
{
	bool is_refused = out == OTR_PUSH_DROP || out == OTR_PUSH_OK;
	enum otr_loss cause = is_refused ? OTR_LOSS_REFUSED : OTR_LOSS_EXPORT;

	if (out != OTR_PUSH_OK || res->rejected)
		otr_loss_because(cause, "%s: %s", q->ops->where(q->state),
				 res->why[0] ? res->why : "a part was refused");
}

/* When a batch whose first try was at `began` is given up, if the exporter says so itself. */
static uint64_t batch_end(const struct otr_queue *q, uint64_t began)
{
	uint64_t limit = q->ops->batch_ns ? q->ops->batch_ns(q->state) : 0;

	return limit ? began + limit : UINT64_MAX;
}

/* Pushes the batch once. The lock is not held during the push. */
static enum otr_push push_once(struct otr_queue *q, size_t n, uint64_t end_ns,
			       struct otr_push_result *res)
{
	uint64_t deadline = otr_now() + q->cfg.push_ns;
	enum otr_push out;

	if (q->cfg.push_ns == UINT64_MAX)
		deadline = UINT64_MAX;
	if (end_ns < deadline)
		deadline = end_ns;
	if (q->closing && q->close_ns < deadline)
		deadline = q->close_ns;
	q->push_deadline_ns = deadline;
	memset(res, 0, sizeof(*res));
	pthread_mutex_unlock(&q->lock);
	out = q->ops->push(q->state, q->batch, n, &q->push_deadline_ns, res);
	pthread_mutex_lock(&q->lock);
	return out;
}

static void note(struct otr_queue *q, const struct otr_health_push *push)
{
	size_t before = q->notices.len;

	if (before > NOTICES_MAX)
		return;
	otr_health_note(&q->health, push, &q->notices);
	if (q->notices.len > before)
		otr_buf_byte(&q->notices, '\0');
	if (push->outcome != OTR_PUSH_RETRY)
		q->reported_full = false;
}

static uint64_t pause_after(struct otr_queue *q, struct otr_backoff *bo,
			    const struct otr_push_result *res)
{
	uint64_t pause = otr_backoff_pause(bo, res->retry_after_ns);

	return q->closing && !res->retry_after_ns && pause > LAST_TRY_NS ? LAST_TRY_NS : pause;
}

/* True if a batch whose first try was at `began` is not tried again after `pause`. */
static bool is_given_up(const struct otr_queue *q, uint64_t began, uint64_t pause)
{
	uint64_t now = otr_now(), end = batch_end(q, began);

	if (end != UINT64_MAX && now + pause >= end)
		return true;
	if (q->closing && (now + pause >= q->close_ns || q->health.failures >= OTR_HEALTH_TRIES))
		return true;
	return otr_backoff_over(now - began, pause);
}

/* Sleeps for the pause; ends early when the queue begins to close. */
static void rest(struct otr_queue *q, uint64_t pause)
{
	bool closing = q->closing;
	uint64_t until = otr_now() + pause;

	while (q->closing == closing && otr_now() < until)
		wait_until(q, until);
}

/* Pushes the batch of `n` spans until it is taken, refused, or given up. */
static void deliver(struct otr_queue *q, size_t n)
{
	struct otr_backoff bo = {0};
	struct otr_push_result res;
	uint64_t began = otr_now(), pause = 0;
	enum otr_push out;

	for (;;) {
		out = push_once(q, n, batch_end(q, began), &res);
		keep_reason(q, out, &res);
		if (out == OTR_PUSH_RETRY)
			pause = pause_after(q, &bo, &res);
		note(q, &(struct otr_health_push){.where = q->ops->where(q->state),
						  .origin = q->origin,
						  .outcome = out,
						  .res = &res,
						  .n = n,
						  .waiting = q->count -
							     (out == OTR_PUSH_RETRY ? 0 : n),
						  .room = q->cfg.queue_max,
						  .now_ns = otr_now(),
						  .next_ns = pause});
		if (out != OTR_PUSH_RETRY || is_given_up(q, began, pause))
			break;
		rest(q, pause);
	}
	if (out == OTR_PUSH_RETRY || out == OTR_PUSH_FAIL)
		count_failed(q, n);
	else
		count_taken(q, n, out == OTR_PUSH_DROP ? n : res.rejected);
	forget(q, n);
}

/* True if the queue closes and the backend takes no more spans in time. */
static bool cannot_deliver(const struct otr_queue *q)
{
	return q->closing && (otr_now() >= q->close_ns || q->health.failures >= OTR_HEALTH_TRIES);
}

static void *work(void *arg)
{
	struct otr_queue *q = arg;
	size_t n;

	otr_confine_thread(); /* what backends answer is parsed here */
	pthread_mutex_lock(&q->lock);
	while ((n = next_batch(q)) && !cannot_deliver(q))
		deliver(q, n);
	for (; n; n = gather(q)) {
		count_failed(q, n);
		forget(q, n);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

void otr_queue_push(struct otr_queue *q, struct otr_span *sp)
{
	size_t fresh;
	bool first;

	pthread_mutex_lock(&q->lock);
	if (q->count == q->cfg.queue_max || q->closing) {
		first = !q->stats.dropped++;
		pthread_mutex_unlock(&q->lock);
		if (first)
			otr_loss_because(
				OTR_LOSS_QUEUE,
				"%s: its queue is limited to %zu (OTEL_BSP_MAX_QUEUE_SIZE)",
				q->ops->where(q->state), (size_t)q->cfg.queue_max);
		count_span(OTR_LOSS_QUEUE, sp);
		return;
	}
	*slot(q, q->count++) = otr_span_ref(sp);
	fresh = q->count;
	if (fresh == 1)
		q->since_ns = otr_now();
	if (fresh == 1 || fresh == q->cfg.batch_max)
		pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);
}

bool otr_queue_takes_unsampled(const struct otr_queue *q)
{
	return q->ops->takes_unsampled;
}

static void note_full(struct otr_queue *q)
{
	if (q->reported_full || q->count < q->cfg.queue_max || !q->stats.dropped)
		return;
	q->reported_full = true;
	otr_health_full(q->ops->where(q->state), q->origin, q->count, q->stats.dropped,
			&q->notices);
	otr_buf_byte(&q->notices, '\0');
}

void otr_queue_tick(struct otr_queue *q, otr_queue_notice_fn fn, void *arg)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf notices = {0};
	const char *text;

	pthread_mutex_lock(&q->lock);
	note_full(q);
	if (q->ops->notices)
		q->ops->notices(q->state, &q->notices);
	notices = q->notices;
	memset(&q->notices, 0, sizeof(q->notices));
	pthread_mutex_unlock(&q->lock);

	for (text = notices.data; text && text < notices.data + notices.len;
	     text += strlen(text) + 1)
		fn(arg, text);
}

void otr_queue_stats(struct otr_queue *q, struct otr_queue_stats *out)
{
	pthread_mutex_lock(&q->lock);
	*out = q->stats;
	out->waiting = q->count;
	out->room = q->cfg.queue_max;
	pthread_mutex_unlock(&q->lock);
}

static void queue_free(struct otr_queue **qp)
{
	struct otr_queue *q = OTR_TAKE(*qp);

	if (!q)
		return;
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->wake);
	otr_buf_fini(&q->notices);
	free(q->state);
	free(q->origin);
	free(q->batch);
	free(q->ring);
	free(q);
}

/* What is opened in place of the row: the same behind a spool, if there is one. */
static const struct otr_exporter_ops *ops_of(struct otr_export_spec *spec)
{
	if (!otr_spool_wanted(&spec->dest))
		return spec->ops;
	spec->dest.spooled = spec->ops;
	return &otr_exporter_spooled;
}

static struct otr_queue *queue_new(const struct otr_exporter_ops *ops, const char *origin)
{
	OTR_AUTO(queue_free) struct otr_queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t clock;

	if (!q)
		return NULL;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&q->wake, &clock);
	pthread_condattr_destroy(&clock);
	otr_queue_config_read(&q->cfg);
	q->ops = ops;
	q->origin = strdup(origin);
	q->state = calloc(1, ops->state_size);
	q->ring = calloc(q->cfg.queue_max, sizeof(struct otr_span *));
	q->batch = calloc(q->cfg.batch_max, sizeof(struct otr_span *));
	if (!q->origin || !q->state || !q->ring || !q->batch)
		return NULL;
	return OTR_TAKE(q);
}

/* Starts the thread with all signals blocked: the core thread handles those of the agent, and a
 * write of the TLS library may raise SIGPIPE. */
static int start(struct otr_queue *q)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&q->thread, NULL, work, q);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!rc)
		pthread_setname_np(q->thread, "otrace-export");
	return rc;
}

static int open_queue(struct otr_queue **out, struct otr_export_spec *spec, struct otr_err *err)
{
	OTR_AUTO(queue_free) struct otr_queue *q = queue_new(ops_of(spec), spec->dest.origin);
	int rc;

	if (!q) {
		otr_err_set(err, "export: out of memory");
		return -ENOMEM;
	}
	rc = q->ops->open(q->state, &spec->dest, err);
	if (rc)
		return rc;
	rc = start(q);
	if (rc) {
		otr_err_set(err, "export: no thread: %s", strerror(-rc));
		q->ops->close(q->state);
		return rc;
	}
	*out = OTR_TAKE(q);
	return 0;
}

int otr_queue_open(struct otr_queue **out, const char *text, const char *origin,
		   struct otr_err *err)
{
	OTR_AUTO(otr_export_spec_fini) struct otr_export_spec spec;
	int rc = otr_export_spec_read(&spec, text, origin, err);

	return rc ? rc : open_queue(out, &spec, err);
}

void otr_queue_close(struct otr_queue **qp, uint64_t deadline_ns)
{
	OTR_AUTO(queue_free) struct otr_queue *q = OTR_TAKE(*qp);

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->closing = true;
	q->close_ns = deadline_ns;
	if (deadline_ns < q->push_deadline_ns)
		q->push_deadline_ns = deadline_ns;
	pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&q->lock);

	pthread_join(q->thread, NULL);
	if (q->ops->closing)
		q->ops->closing(q->state, deadline_ns);
	q->ops->close(q->state);
}

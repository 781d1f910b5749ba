/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spooled.c - an exporter behind a spool on disk.
 *
 *	queue -> push(): encode(), put	|disk|  first, send(), done: a thread of its own
 *
 * Each batch goes through the disk, so there is one order, and what is sent does not depend on when the
 * backend fails. A batch is tried until it is taken or refused; no time limit drops it, only the size of
 * the spool does: so deadline= is refused beside spool=. At the end of otrace the rest stays on disk, for the next run with the same folder.
 */

#include "exporters/spooled.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/confine.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "exporters/backoff.h"
#include "exporters/health.h"
#include "exporters/spool.h"

#define MIB	    (1ull << 20)
#define IDLE_NS	    (3600 * OTR_NS_PER_S)
#define NOTICES_MAX 4096

struct spooled {
	const struct otr_exporter_ops *ops;
	void *state; /* of the exporter behind */
	char *origin;
	struct otr_spool *spool;
	pthread_t thread;
	_Atomic bool is_closing;
	_Atomic uint64_t close_ns, send_deadline_ns;

	struct otr_buf body; /* used by the thread alone, as the next one */
	struct otr_health health;

	pthread_mutex_t lock; /* protects the field below */
	struct otr_buf notices;
};

bool otr_spool_wanted(struct otr_destination *dest)
{
	char *const *dir = otr_given(dest, "spool");
	const int64_t *mib = otr_given(dest, "spool-max");

	dest->spool = dir ? *dir : NULL;
	dest->spool_max = (mib ? (uint64_t)*mib : OTR_SPOOL_MIB) * MIB;
	return dest->spool != NULL;
}

/* ---- the thread that sends ---- */

static void note(struct spooled *s, enum otr_push out, const struct otr_push_result *res,
		 uint32_t n, uint64_t pause)
{
	struct otr_spool_stats st;

	otr_spool_stats(s->spool, &st);
	pthread_mutex_lock(&s->lock);
	if (s->notices.len < NOTICES_MAX) {
		size_t before = s->notices.len;

		otr_health_note(&s->health,
				&(struct otr_health_push){.where = s->ops->where(s->state),
							  .origin = s->origin,
							  .outcome = out,
							  .res = res,
							  .n = n,
							  .waiting = st.spans,
							  .on_disk = true,
							  .now_ns = otr_now(),
							  .next_ns = pause},
				&s->notices);
		if (s->notices.len > before)
			otr_buf_byte(&s->notices, '\0');
	}
	pthread_mutex_unlock(&s->lock);
}

static void count(const struct spooled *s, enum otr_push out, const struct otr_push_result *res,
		  uint32_t n)
{
	uint64_t lost = out == OTR_PUSH_DROP ? n : res->rejected;

	if (!lost)
		return;
	otr_loss_add(OTR_LOSS_REFUSED, lost);
	otr_loss_because(OTR_LOSS_REFUSED, "%s: %s", s->ops->where(s->state),
			 res->why[0] ? res->why : "a part was refused");
}

/* Tries the oldest batch once. Returns how long to wait before the next try; 0: go on. */
static uint64_t try_batch(struct spooled *s, uint32_t n, struct otr_backoff *bo)
{
	struct otr_push_result res = {0};
	uint64_t pause = 0;
	enum otr_push out;

	s->send_deadline_ns = UINT64_MAX; /* the exporter has its timeout= */
	if (s->is_closing) /* asked after the store: end_sending() stores them the other way round */
		s->send_deadline_ns = s->close_ns;
	out = s->ops->send(s->state, otr_buf_view(&s->body), n, &s->send_deadline_ns, &res);
	if (out == OTR_PUSH_RETRY) {
		pause = otr_backoff_pause(bo, res.retry_after_ns);
	} else {
		*bo = (struct otr_backoff){0};
		count(s, out, &res, n);
		otr_spool_done(s->spool);
	}
	note(s, out, &res, n, pause);
	return pause;
}

/* True if the rest stays on disk: the time is over, or the backend does not answer. */
static bool is_over(const struct spooled *s, bool failed)
{
	return s->is_closing && (failed || otr_now() >= s->close_ns);
}

/* The oldest batch cannot be read now. Returns how long to wait before the next try. */
static uint64_t note_unread(struct spooled *s, uint32_t n, int rc)
{
	struct otr_push_result res = {0};

	snprintf(res.why, sizeof(res.why), "cannot read the spool: %s", strerror(-rc));
	note(s, OTR_PUSH_RETRY, &res, n, OTR_NS_PER_S);
	return OTR_NS_PER_S;
}

static void *work(void *arg)
{
	struct otr_backoff bo = {0};
	struct spooled *s = arg;
	uint64_t pause = 0;
	uint32_t n;
	int rc;

	otr_confine_thread();
	while (!is_over(s, pause > 0)) {
		rc = otr_spool_first(s->spool, &s->body, &n);
		if (rc == -ENOENT && s->is_closing)
			break;
		if (rc == -EBADMSG)
			continue;
		if (rc == -ENOENT)
			pause = 0;
		else
			pause = rc ? note_unread(s, n, rc) : try_batch(s, n, &bo);
		if (rc || pause)
			otr_spool_wait(s->spool, otr_now() + (pause ? pause : IDLE_NS));
	}
	return NULL;
}

/* ---- the exporter ---- */

/* Ends the thread, at `deadline_ns` at the latest. */
static void end_sending(struct spooled *s, uint64_t deadline_ns)
{
	s->close_ns = deadline_ns;
	s->is_closing = true;
	s->send_deadline_ns = deadline_ns;
	otr_spool_wake(s->spool);
	pthread_join(s->thread, NULL);
	s->thread = 0;
}

static void spooled_close(void *state)
{
	struct spooled *s = state;

	if (s->thread)
		end_sending(s, 0);
	if (s->state)
		s->ops->close(s->state);
	free(s->state);
	free(s->origin);
	otr_spool_close(&s->spool);
	otr_buf_fini(&s->body);
	otr_buf_fini(&s->notices);
	pthread_mutex_destroy(&s->lock);
}

static void spooled_closing(void *state, uint64_t deadline_ns)
{
	struct spooled *s = state;
	struct otr_spool_stats st;

	end_sending(s, deadline_ns);
	otr_spool_stats(s->spool, &st);
	if (st.spans)
		otr_log(OTR_LOG_WARN, "export to %s: %" PRIu64 " spans stay in the spool",
			s->ops->where(s->state), st.spans);
}

static int start(struct spooled *s)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&s->thread, NULL, work, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc)
		s->thread = 0;
	else
		pthread_setname_np(s->thread, "otrace-export");
	return rc;
}

static int refuse_deadline(const struct spooled *s, const struct otr_destination *dest,
			   struct otr_err *err)
{
	otr_err_set(err,
		    "export to %s (from %s): deadline= and spool= exclude each other: a spool "
		    "keeps each batch until it is delivered",
		    s->ops->where(s->state), dest->origin);
	otr_err_hint(err, "right: one of them; with spool=, timeout= limits an attempt and "
			  "spool-max= what waits");
	return -EINVAL;
}

static int open_behind(struct spooled *s, const struct otr_destination *dest, struct otr_err *err)
{
	void *state = calloc(1, s->ops->state_size);
	int rc = state ? s->ops->open(state, dest, err) : -ENOMEM;

	if (rc) {
		free(state);
		return rc;
	}
	s->state = state;
	if (otr_given(dest, "deadline"))
		return refuse_deadline(s, dest, err);
	return otr_spool_open(&s->spool, dest->spool, dest->spool_max, s->ops->kind(state), err);
}

static int spooled_open(void *state, const struct otr_destination *dest, struct otr_err *err)
{
	struct spooled *s = state;
	int rc;

	pthread_mutex_init(&s->lock, NULL);
	s->ops = dest->spooled;
	s->origin = strdup(dest->origin);
	rc = s->origin ? open_behind(s, dest, err) : -ENOMEM;
	if (!rc) {
		rc = start(s);
		if (rc)
			otr_err_set(err, "export: no thread: %s", strerror(-rc));
	}
	if (rc)
		spooled_close(s);
	return rc;
}

static const char *spooled_where(const void *state)
{
	const struct spooled *s = state;

	return s->ops->where(s->state);
}

/* The spans wait in the queue, unless no spool of this size can ever take the batch. */
static enum otr_push not_put(int rc, struct otr_push_result *res)
{
	enum otr_push out = otr_push_fault(rc, "cannot write to the spool", res);

	if (rc == -EAGAIN || rc == -EMSGSIZE)
		snprintf(res->why, sizeof(res->why), "a batch does not fit into the spool%s",
			 rc == -EAGAIN ? " beside the one that is being sent (spool-max)"
				       : " (spool-max, 64 MiB a batch)");
	return out;
}

static enum otr_push spooled_push(void *state, const struct otr_span *const *spans, size_t n,
				  const _Atomic uint64_t *deadline_ns, struct otr_push_result *res)
{
	struct spooled *s = state;
	struct otr_slice body;
	uint64_t dropped = 0;
	int rc = s->ops->encode(s->state, spans, n, &body);

	(void)deadline_ns;
	if (rc)
		return otr_push_fault(rc, "cannot encode the spans", res);
	rc = otr_spool_put(s->spool, body, (uint32_t)n, &dropped);
	if (dropped) {
		otr_loss_add(OTR_LOSS_EXPORT, dropped);
		otr_loss_because(OTR_LOSS_EXPORT, "%s: the spool is full (spool-max)",
				 s->ops->where(s->state));
	}
	return rc ? not_put(rc, res) : OTR_PUSH_OK;
}

static void spooled_notices(void *state, struct otr_buf *out)
{
	struct spooled *s = state;

	pthread_mutex_lock(&s->lock);
	otr_buf_slice(out, otr_buf_view(&s->notices));
	otr_buf_reset(&s->notices);
	pthread_mutex_unlock(&s->lock);
}

const struct otr_exporter_ops otr_exporter_spooled = {
	.name = "spooled",
	.state_size = sizeof(struct spooled),
	.open = spooled_open,
	.where = spooled_where,
	.push = spooled_push,
	.notices = spooled_notices,
	.closing = spooled_closing,
	.close = spooled_close,
};

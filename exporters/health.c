/* SPDX-License-Identifier: Apache-2.0 */
/* health.c - notices about a destination; see health.h. */

#include "exporters/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/buf.h"

#define SECOND 1000000000ull
#define REFUSAL_EVERY \
	(60 * SECOND) /* a backend that refuses now and then is reported once a minute */

/* Appends 2048 as 2,048. */
static void number(struct otr_buf *out, uint64_t n)
{
	if (n >= 1000) {
		number(out, n / 1000);
		otr_buf_printf(out, ",%03u", (unsigned int)(n % 1000));
	} else {
		otr_buf_printf(out, "%u", (unsigned int)n);
	}
}

static void spans(struct otr_buf *out, uint64_t n)
{
	number(out, n);
	otr_buf_str(out, n == 1 ? " span" : " spans");
}

static uint64_t seconds(uint64_t ns)
{
	ns = (ns + SECOND / 2) / SECOND;
	return ns ? ns : 1;
}

static void head(struct otr_buf *out, const struct otr_health_push *push)
{
	otr_buf_printf(out, "export to %s (from %s): ", push->where, push->origin);
}

static void failing(const struct otr_health *he, const struct otr_health_push *push,
		    struct otr_buf *out)
{
	const char *why = push->res->why;
	size_t len = strcspn(why, "\n");

	head(out, push);
	otr_buf_printf(out, "%.*s, %u times in %" PRIu64 " s\n", (int)len, why, he->failures,
		       seconds(push->now_ns - he->since_ns));
	spans(out, push->waiting);
	otr_buf_printf(out, " wait%s%s", push->waiting == 1 ? "s" : "",
		       push->on_disk ? " in the spool" : ", limit ");
	if (!push->on_disk)
		number(out, push->room);
	otr_buf_printf(out, ", next try in %" PRIu64 " s; tracing goes on.",
		       seconds(push->next_ns));
	if (why[len])
		otr_buf_printf(out, " %s", why + len + 1);
}

static void refusing(const struct otr_health_push *push, uint64_t lost, struct otr_buf *out)
{
	head(out, push);
	otr_buf_printf(out, "%s\n", push->res->why[0] ? push->res->why : "a part was refused");
	spans(out, lost);
	otr_buf_printf(out, " of %zu %s lost, not sent again; tracing goes on.", push->n,
		       lost == 1 ? "is" : "are");
}

static void taking(const struct otr_health *he, const struct otr_health_push *push,
		   struct otr_buf *out)
{
	head(out, push);
	if (he->reported == OTR_HEALTH_REFUSING)
		otr_buf_str(out, "takes spans again");
	else
		otr_buf_printf(out, "reached again after %" PRIu64 " s",
			       seconds(push->now_ns - he->since_ns));
	if (!push->waiting)
		return;
	otr_buf_str(out, "; ");
	spans(out, push->waiting);
	otr_buf_printf(out, " wait%s", push->waiting == 1 ? "s" : "");
}

static void note_failure(struct otr_health *he, const struct otr_health_push *push,
			 struct otr_buf *out)
{
	if (!he->failures++)
		he->since_ns = push->now_ns;
	if (he->failures < OTR_HEALTH_TRIES || he->reported == OTR_HEALTH_SILENT)
		return;
	failing(he, push, out);
	he->reported = OTR_HEALTH_SILENT;
}

static void note_refusal(struct otr_health *he, const struct otr_health_push *push, uint64_t lost,
			 struct otr_buf *out)
{
	he->failures = 0;
	if (he->reported == OTR_HEALTH_REFUSING ||
	    (he->refusal_ns && push->now_ns - he->refusal_ns < REFUSAL_EVERY))
		return;
	refusing(push, lost, out);
	he->reported = OTR_HEALTH_REFUSING;
	he->refusal_ns = push->now_ns;
}

static void note_success(struct otr_health *he, const struct otr_health_push *push,
			 struct otr_buf *out)
{
	if (he->reported != OTR_HEALTH_TAKING)
		taking(he, push, out);
	he->reported = OTR_HEALTH_TAKING;
	he->failures = 0;
}

void otr_health_note(struct otr_health *he, const struct otr_health_push *push, struct otr_buf *out)
{
	if (push->outcome == OTR_PUSH_RETRY)
		note_failure(he, push, out);
	else if (push->outcome == OTR_PUSH_DROP || push->outcome == OTR_PUSH_FAIL)
		note_refusal(he, push, push->n, out);
	else if (push->res->rejected)
		note_refusal(he, push, push->res->rejected, out);
	else
		note_success(he, push, out);
}

void otr_health_full(const char *where, const char *origin, size_t waiting, uint64_t lost,
		     struct otr_buf *out)
{
	otr_buf_printf(out, "export to %s (from %s): ", where, origin);
	spans(out, waiting);
	otr_buf_str(out, " wait, the queue is full: ");
	number(out, lost);
	otr_buf_str(out, " lost so far\ntracing goes on; new spans are lost "
			 "until the queue has a free slot.");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* loss.c - everything that was lost, counted. */

#include "agent/base/loss.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *word, *unit, *meaning;
} rows[OTR_LOSS_MAX] = {
#define OTR_LOSS_ROW(id, word, unit, meaning) [OTR_LOSS_##id] = {word, unit, meaning},
#include "agent/base/loss.def"
#undef OTR_LOSS_ROW
};

static _Atomic uint64_t counts[OTR_LOSS_MAX], sum;

/* Losses by service. Rows are only appended, so that a share keeps its index. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char reasons[OTR_LOSS_MAX][OTR_LOSS_REASON - 64];
static struct otr_loss_share shares[OTR_LOSS_SHARES];
static size_t n_shares;

void otr_loss_add(enum otr_loss cause, uint64_t n)
{
	atomic_fetch_add_explicit(&counts[cause], n, memory_order_relaxed);
	atomic_fetch_add_explicit(&sum, n, memory_order_release);
}

static bool is_of(const struct otr_loss_share *sh, enum otr_loss cause, struct otr_slice service)
{
	return sh->cause == cause && otr_slice_eq(otr_slice_str(sh->service), service);
}

static struct otr_loss_share *share_of(enum otr_loss cause, struct otr_slice service)
{
	struct otr_loss_share *sh = shares;

	for (; sh < shares + n_shares; sh++)
		if (is_of(sh, cause, service))
			return sh;
	if (n_shares == OTR_LOSS_SHARES)
		return NULL;
	n_shares++;
	sh->cause = cause;
	memcpy(sh->service, service.data, service.len);
	sh->service[service.len] = '\0';
	sh->n = 0;
	return sh;
}

/* Cut to the size of a share's name, never inside a character. */
static struct otr_slice clip(struct otr_slice s)
{
	if (s.len < sizeof(shares[0].service))
		return s;
	s.len = sizeof(shares[0].service) - 1;
	while (s.len && (s.data[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

void otr_loss_of(enum otr_loss cause, uint64_t n, struct otr_slice service)
{
	struct otr_loss_share *sh;

	otr_loss_add(cause, n);
	service = clip(service);
	if (!service.len)
		return;
	pthread_mutex_lock(&lock);
	sh = share_of(cause, service);
	if (sh)
		sh->n += n;
	pthread_mutex_unlock(&lock);
}

void otr_loss_because(enum otr_loss cause, const char *fmt, ...)
{
	char *to = reasons[cause];
	va_list ap;

	pthread_mutex_lock(&lock);
	va_start(ap, fmt);
	vsnprintf(to, sizeof(reasons[0]), fmt, ap);
	va_end(ap);
	to[strcspn(to, "\n")] = 0;
	pthread_mutex_unlock(&lock);
}

void otr_loss_reason(enum otr_loss cause, char out[OTR_LOSS_REASON])
{
	const char *why = reasons[cause];

	pthread_mutex_lock(&lock);
	snprintf(out, OTR_LOSS_REASON, "%s%s%s", rows[cause].meaning, *why ? ": " : "", why);
	pthread_mutex_unlock(&lock);
}

size_t otr_loss_shares(struct otr_loss_share out[OTR_LOSS_SHARES])
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = n_shares;
	memcpy(out, shares, n * sizeof(*out));
	pthread_mutex_unlock(&lock);
	return n;
}

uint64_t otr_loss_get(enum otr_loss cause)
{
	return atomic_load_explicit(&counts[cause], memory_order_relaxed);
}

uint64_t otr_loss_sum(void)
{
	return atomic_load_explicit(&sum, memory_order_acquire);
}

bool otr_loss_any(void)
{
	for (int cause = OTR_LOSS_NONE + 1; cause < OTR_LOSS_MAX; cause++)
		if (otr_loss_get((enum otr_loss)cause))
			return true;
	return false;
}

const char *otr_loss_word(enum otr_loss cause)
{
	return rows[cause].word;
}

const char *otr_loss_unit(enum otr_loss cause)
{
	return rows[cause].unit;
}

const char *otr_loss_meaning(enum otr_loss cause)
{
	return rows[cause].meaning;
}

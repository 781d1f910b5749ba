/* SPDX-License-Identifier: Apache-2.0 */
/* header_slot.c - headers that are being sent, and what of each is left. */

#include "preload/base/header_slot.h"

#include <stddef.h>

#include "preload/base/shim.h"

int otr_header_left(const struct otr_fd *f, struct iovec *rest)
{
	uint16_t place = __atomic_load_n(&f->header, __ATOMIC_ACQUIRE);
	uint16_t len = __atomic_load_n(&f->rest, __ATOMIC_ACQUIRE);
	uint16_t at = otr_get(&f->rest_at);

	if (!place || !len || len + at > OTR_HEADER_MAX)
		return 0;
	*rest = (struct iovec){otr_shim.headers[place - 1].text + at, len};
	return 1;
}

struct otr_header *otr_header_claim(struct otr_fd *f)
{
	uint32_t none;
	uint16_t free = 0;

	for (uint16_t i = 0; i < OTR_HEADERS; i++) {
		none = 0;
		if (otr_get(&otr_shim.headers[i].taken) ||
		    !__atomic_compare_exchange_n(&otr_shim.headers[i].taken, &none, 1, 0,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		if (__atomic_compare_exchange_n(&f->header, &free, (uint16_t)(i + 1), 0,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return &otr_shim.headers[i];
		__atomic_store_n(&otr_shim.headers[i].taken, 0, __ATOMIC_RELEASE);
		break;
	}
	return NULL;
}

void otr_header_rest(struct otr_fd *f, size_t rest, size_t at)
{
	uint16_t had;

	otr_put(&f->rest_at, (uint16_t)at);
	had = __atomic_exchange_n(&f->rest, (uint16_t)rest, __ATOMIC_ACQ_REL);
	if (rest && !had)
		__atomic_fetch_add(&otr_shim.n_rests, 1, __ATOMIC_RELAXED);
	if (!rest && had)
		__atomic_fetch_sub(&otr_shim.n_rests, 1, __ATOMIC_RELAXED);
}

void otr_header_free(struct otr_fd *f)
{
	uint16_t place;

	otr_header_rest(f, 0, 0);
	place = __atomic_exchange_n(&f->header, 0, __ATOMIC_ACQ_REL);
	if (place)
		__atomic_store_n(&otr_shim.headers[place - 1].taken, 0, __ATOMIC_RELEASE);
}

void otr_header_orphan(struct otr_fd *f, uint32_t life, size_t rest, size_t at)
{
	if (otr_get(&f->life) != life)
		return; /* it was closed, which has freed the header */
	if (rest)
		otr_header_rest(f, rest, at);
	else
		otr_header_free(f);
}

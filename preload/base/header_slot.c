/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_slot.c - the headers that are being sent, and the unsent part of each; see header_slot.h.
 *
 * A thread may come back from its call and be unable to hold the connection, which another thread
 * closes at this moment. So the number of the slot, the unsent part and the generation of the
 * connection are one word, which changes by compare-and-swap: an unsent part always has its slot,
 * and is never sent on a later connection.
 */

#include "preload/base/header_slot.h"

#include <stddef.h>

#include "preload/base/shim.h"

/* The parts of otr_fd.header_word. */
union word {
	uint64_t all;
	struct {
		uint16_t header, unsent, at, gen;
	};
};

static union word word_of(const struct otr_fd *f)
{
	OTR_YIELD();
	return (union word){__atomic_load_n(&f->header_word, __ATOMIC_ACQUIRE)};
}

/* Changes the word from `was` to `now`. Returns 0 if another thread has changed it. */
static int change(struct otr_fd *f, union word was, union word now)
{
	OTR_YIELD();
	if (!__atomic_compare_exchange_n(&f->header_word, &was.all, now.all, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return 0;
	if (now.unsent && !was.unsent)
		__atomic_fetch_add(&otr_shim.n_unsent, 1, __ATOMIC_RELAXED);
	if (!now.unsent && was.unsent)
		__atomic_fetch_sub(&otr_shim.n_unsent, 1, __ATOMIC_RELAXED);
	if (!now.header && was.header)
		__atomic_store_n(&otr_shim.headers[was.header - 1].taken, 0, __ATOMIC_RELEASE);
	return 1;
}

int otr_header_get_unsent(const struct otr_fd *f, struct iovec *unsent)
{
	union word is = word_of(f);

	if (!is.header || !is.unsent || is.unsent + is.at > OTR_HEADER_MAX)
		return 0;
	*unsent = (struct iovec){otr_shim.headers[is.header - 1].text + is.at, is.unsent};
	return 1;
}

struct otr_header *otr_header_claim(struct otr_fd *f)
{
	union word none = {0}, claimed = {.gen = (uint16_t)f->gen};
	uint32_t free;

	for (uint16_t i = 0; i < OTR_HEADERS; i++) {
		free = 0;
		if (otr_get(&otr_shim.headers[i].taken) ||
		    !__atomic_compare_exchange_n(&otr_shim.headers[i].taken, &free, 1, 0,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			continue;
		claimed.header = (uint16_t)(i + 1);
		if (change(f, none, claimed))
			return &otr_shim.headers[i];
		__atomic_store_n(&otr_shim.headers[i].taken, 0, __ATOMIC_RELEASE);
		break;
	}
	return NULL;
}

static union word with_unsent(union word is, size_t unsent, size_t at)
{
	if (!unsent)
		return (union word){0};
	is.unsent = (uint16_t)unsent;
	is.at = (uint16_t)at;
	return is;
}

void otr_header_set_unsent(struct otr_fd *f, size_t unsent, size_t at)
{
	union word was;

	do
		was = word_of(f);
	while (was.header && !change(f, was, with_unsent(was, unsent, at)));
}

void otr_header_free(struct otr_fd *f)
{
	otr_header_set_unsent(f, 0, 0);
}

void otr_header_set_unsent_unheld(struct otr_fd *f, uint32_t gen, size_t unsent, size_t at)
{
	union word was;

	do {
		was = word_of(f);
		if (!was.header || was.gen != (uint16_t)gen || otr_get(&f->gen) != gen)
			return; /* the connection was closed, which has freed the header */
	} while (!change(f, was, with_unsent(was, unsent, at)));
}

void otr_header_pass_on(struct otr_fd *f, struct otr_fd *heir)
{
	union word was, now;

	otr_put(&heir->unsent_sender, otr_get(&f->unsent_sender));
	otr_put(&f->unsent_sender, 0);
	was.all = __atomic_exchange_n(&f->header_word, 0, __ATOMIC_ACQ_REL);
	now = was;
	now.gen = was.header ? (uint16_t)heir->gen : 0;
	__atomic_store_n(&heir->header_word, now.all, __ATOMIC_RELEASE);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pthread.c - wrapper of pthread_create(): a new thread inherits the current of the thread that
 * creates it, as weak evidence (R7).
 *
 * If the creating thread has no current, its call is made without any change. Otherwise the current
 * waits in a table for the new thread, which takes it and then jumps to its own function. If the
 * table is full, the new thread inherits nothing.
 */

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "preload/base/inbound.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/trace/enter.h"

/* What a new thread inherits, and its own function. */
struct inherited {
	int32_t taken; /* pid of the process that uses the slot; any other value: free */
	void *(*start)(void *);
	void *arg;
	struct otr_strand strand;
};

static struct inherited table[64];

static struct inherited *take_slot(void)
{
	int32_t was;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		was = otr_get(&table[i].taken);
		if (was != otr_shim.pid &&
		    __atomic_compare_exchange_n(&table[i].taken, &was, otr_shim.pid, 0,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return &table[i];
	}
	return NULL;
}

static void free_slot(struct inherited *slot)
{
	__atomic_store_n(&slot->taken, 0, __ATOMIC_RELEASE);
}

/* The first function of the new thread. */
static void *begin(void *arg)
{
	struct inherited *slot = arg;
	void *(*start)(void *) = slot->start;
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();

	arg = slot->arg;
	if (self) {
		self->strand = slot->strand;
		otr_leave(self);
	}
	free_slot(slot);
	return start(arg);
}

/* Fills a slot for a new thread; NULL: there is nothing to inherit, or no slot is free. */
static struct inherited *fill_slot(void *(*start)(void *), void *arg)
{
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();
	struct otr_strand child = {.cur.conn = 0};
	struct inherited *slot = NULL;

	if (!self)
		return NULL;
	otr_refresh(&self->strand, otr_exch_of(self->strand.cur.conn));
	otr_r7_clone(&self->strand, &child, OTR_EVIDENCE_CLONE);
	if (child.cur.conn)
		slot = take_slot();
	if (slot) {
		slot->start = start;
		slot->arg = arg;
		slot->strand = child;
	}
	otr_leave(self);
	return slot;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	int error = errno, rc;
	struct inherited *slot = fill_slot(start, arg);

	errno = error;
	if (!slot)
		return otr_real.pthread_create(thread, attr, start, arg);
	rc = otr_real.pthread_create(thread, attr, begin, slot);
	if (rc)
		free_slot(slot); /* no thread will take it */
	return rc;
}

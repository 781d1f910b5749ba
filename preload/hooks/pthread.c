/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pthread.c - wrapper of pthread_create(): a thread that is made while its maker works for a
 * request inherits that as weak evidence (R7).
 *
 * A maker that works for no request makes threads without any change. Otherwise a note waits in
 * a table for the new thread, which takes it before it begins, and leaves no frame of ours on
 * its stack. Where the table is full the thread inherits nothing.
 */

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "preload/base/inbound.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/trace/enter.h"

struct note {
	int32_t taken; /* pid of the process that uses it; 0, or the pid of a parent: free */
	void *(*run)(void *);
	void *arg;
	struct otr_strand strand;
};

static struct note notes[64];

static struct note *take_note(void)
{
	int32_t was;

	for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
		was = otr_get(&notes[i].taken);
		if (was != otr_shim.pid &&
		    __atomic_compare_exchange_n(&notes[i].taken, &was, otr_shim.pid, 0,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return &notes[i];
	}
	return NULL;
}

static void leave_note(struct note *note)
{
	__atomic_store_n(&note->taken, 0, __ATOMIC_RELEASE);
}

static void *begin(void *arg)
{
	struct note *note = arg;
	void *(*run)(void *) = note->run;
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();

	arg = note->arg;
	if (self) {
		self->strand = note->strand;
		otr_leave(self);
	}
	leave_note(note);
	return run(arg);
}

/* Writes the note for a new thread; NULL: there is nothing to inherit, or no room. */
static struct note *write_note(void *(*run)(void *), void *arg)
{
	struct otr_self *self = otr_is_off() ? NULL : otr_enter();
	struct otr_strand child = {.cur.conn = 0};
	struct note *note = NULL;

	if (!self)
		return NULL;
	otr_refresh(&self->strand, otr_exch_of(self->strand.cur.conn));
	otr_r7_clone(&self->strand, &child, OTR_EVIDENCE_CLONE);
	if (child.cur.conn)
		note = take_note();
	if (note) {
		note->run = run;
		note->arg = arg;
		note->strand = child;
	}
	otr_leave(self);
	return note;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	int error = errno, rc;
	struct note *note = write_note(run, arg);

	errno = error;
	if (!note)
		return otr_real.pthread_create(thread, attr, run, arg);
	rc = otr_real.pthread_create(thread, attr, begin, note);
	if (rc)
		leave_note(note); /* no thread will take it */
	return rc;
}

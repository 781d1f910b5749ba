/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LOOP_H
#define OTR_LOOP_H

/*
 * loop.h - the wait of the core thread: for events, for signals, for a child.
 *
 * Signals are read from a descriptor, so that no system call is interrupted.
 */

#include <stdbool.h>
#include <sys/types.h>

struct otr_session;

enum otr_wakeup {
	OTR_WOKE_STEP,	 /* only time has passed, or events have come */
	OTR_WOKE_SIGNAL, /* this process got the signal *signo */
	OTR_WOKE_CHILD,	 /* the child has ended: wait for it */
};

struct otr_loop {
	int signals; /* signalfd, -1 */
	int child;   /* pidfd, -1 */
	int wait_ms; /* what the last step asked for */
};

/* Blocks INT, TERM, HUP, USR1, TTOU and PIPE for the whole process and opens their
 * descriptor: call it before any thread is made. Returns 0 or -errno. */
int otr_loop_init(struct otr_loop *loop);
void otr_loop_fini(struct otr_loop *loop);

/* In a forked child, before exec: restores the signals. */
void otr_loop_child(void);

/* Ends of `pid` wake the loop. Returns 0 or -errno. */
int otr_loop_watch(struct otr_loop *loop, pid_t pid);

/* Waits, then takes one step of the session. */
enum otr_wakeup otr_loop_wait(struct otr_loop *loop, struct otr_session *s, int *signo);

#endif /* OTR_LOOP_H */

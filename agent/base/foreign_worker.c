/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign_worker.c - runs what may wait for ever in another thread; see foreign.h.
 *
 * One worker thread is kept between two jobs, since a new thread for each costs more than the read
 * itself. A worker whose job does not end in time is left behind, and the next job gets a new one.
 */

#include "agent/base/foreign.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/own.h"

struct job {
	bool done;
	void (*fn)(void *io);
	void (*undo)(void *io);
	char io[] __attribute__((aligned(16)));
};

struct worker {
	pthread_t thread;
	pid_t pid; /* a child by fork has the struct and not the thread */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job *job; /* NULL: it waits for one */
	bool ends;	 /* it is to end */
	bool left;	 /* the caller has left: the worker frees everything */
};

static struct worker *idle; /* an idle worker; the next caller takes it */
static unsigned int stuck;  /* workers that were left behind */

static void worker_free(struct worker *wk)
{
	pthread_cond_destroy(&wk->changed);
	pthread_mutex_destroy(&wk->lock);
	free(wk);
}

/* Waits for a job. NULL: the worker is to end. */
static struct job *next_job(struct worker *wk)
{
	struct job *job;

	pthread_mutex_lock(&wk->lock);
	while (!wk->ends && (!wk->job || wk->job->done))
		pthread_cond_wait(&wk->changed, &wk->lock);
	job = wk->ends ? NULL : wk->job;
	pthread_mutex_unlock(&wk->lock);
	return job;
}

/* Returns false where the worker was left behind. */
static bool answer(struct worker *wk, struct job *job)
{
	bool left;

	pthread_mutex_lock(&wk->lock);
	job->done = true;
	left = wk->left;
	pthread_cond_signal(&wk->changed);
	pthread_mutex_unlock(&wk->lock);
	return !left;
}

static void *work(void *arg)
{
	struct worker *wk = arg;
	struct job *job;

	while ((job = next_job(wk))) {
		job->fn(job->io);
		if (answer(wk, job))
			continue;
		if (job->undo)
			job->undo(job->io);
		free(job);
		worker_free(wk);
		__atomic_fetch_sub(&stuck, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	return NULL;
}

/* The thread takes no signal: these are for the threads that wait for signals. */
static int start_thread(struct worker *wk)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&wk->thread, NULL, work, wk);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

static int worker_new(struct worker **out)
{
	struct worker *wk = calloc(1, sizeof(*wk));
	pthread_condattr_t attr;
	int rc;

	if (!wk)
		return -ENOMEM;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&wk->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&wk->lock, NULL);
	wk->pid = getpid();
	rc = start_thread(wk);
	if (rc)
		worker_free(wk);
	else
		*out = wk;
	return rc;
}

static void worker_end(struct worker *wk)
{
	if (wk->pid == getpid()) {
		pthread_mutex_lock(&wk->lock);
		wk->ends = true;
		pthread_cond_signal(&wk->changed);
		pthread_mutex_unlock(&wk->lock);
		pthread_join(wk->thread, NULL);
		worker_free(wk);
	} else {
		free(wk); /* its lock and its thread are those of the parent process */
	}
}

void otr_foreign_end(void)
{
	struct worker *wk = __atomic_exchange_n(&idle, NULL, __ATOMIC_ACQ_REL);

	if (wk)
		worker_end(wk);
}

static int worker_take(struct worker **out)
{
	struct worker *wk = __atomic_exchange_n(&idle, NULL, __ATOMIC_ACQ_REL);

	if (wk && wk->pid != getpid()) {
		worker_end(wk);
		wk = NULL;
	}
	*out = wk;
	return wk ? 0 : worker_new(out);
}

static void worker_keep(struct worker *wk)
{
	wk = __atomic_exchange_n(&idle, wk, __ATOMIC_ACQ_REL);
	if (wk) /* two threads had one each */
		worker_end(wk);
}

static struct job *job_new(void (*fn)(void *io), void (*undo)(void *io), const void *io,
			   size_t size)
{
	struct job *job = calloc(1, sizeof(*job) + size);

	if (!job)
		return NULL;
	job->fn = fn;
	job->undo = undo;
	memcpy(job->io, io, size);
	return job;
}

static struct timespec from_now(unsigned int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	return at;
}

/* Gives the worker a job and waits for its end. False: the time is over, and both are left to the
 * thread. */
static bool run(struct worker *wk, struct job *job, unsigned int ms)
{
	const struct timespec until = from_now(ms);
	pthread_t thread = wk->thread;
	bool done;
	int rc = 0;

	pthread_mutex_lock(&wk->lock);
	wk->job = job;
	pthread_cond_signal(&wk->changed);
	while (!job->done && !rc)
		rc = pthread_cond_timedwait(&wk->changed, &wk->lock, &until);
	done = job->done;
	if (done) {
		wk->job = NULL;
	} else {
		wk->left = true;
		__atomic_fetch_add(&stuck, 1, __ATOMIC_RELAXED);
		pthread_detach(thread);
	}
	pthread_mutex_unlock(&wk->lock);
	return done;
}

int otr_foreign_within(unsigned int ms, void (*fn)(void *io), void (*undo)(void *io), void *io,
		       size_t size)
{
	struct worker *wk;
	struct job *job;
	int rc;

	if (__atomic_load_n(&stuck, __ATOMIC_RELAXED) >= OTR_FOREIGN_STUCK)
		return -EBUSY;
	job = job_new(fn, undo, io, size);
	if (!job)
		return -ENOMEM;
	rc = worker_take(&wk);
	if (rc) {
		free(job);
		return rc;
	}
	if (!run(wk, job, ms))
		return -ETIMEDOUT;
	memcpy(io, job->io, size);
	free(job);
	worker_keep(wk);
	return 0;
}

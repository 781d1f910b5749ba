/* SPDX-License-Identifier: Apache-2.0 */
/* shim.c - processes that carry the library, and the records in their rings; see shim.h. */

#include "agent/source/shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/own.h"
#include "agent/source/ring_lease.h"
#include "agent/source/shim_state.h"
#include "agent/source/unix_peer.h"

#define ABANDON_NS 1000000000ull /* how long the reader waits for a slot that is not finished */
#define OFFERS	   64		 /* offers accepted before the rings are read again */

int otr_shims_open(struct otr_shims **out, struct otr_err *err)
{
	OTR_AUTO(otr_shims_close) struct otr_shims *s = calloc(1, sizeof(*s));
	int rc;

	if (!s) {
		otr_err_set(err, "out of memory");
		return -ENOMEM;
	}
	rc = otr_offers_open(&s->offers);
	if (rc) {
		otr_err_set(err, "cannot open the sockets at which programs offer their rings: %s",
			    strerror(-rc));
		if (rc == -EMFILE)
			otr_err_hint(err, "raise the limit (ulimit -n) by %u descriptors",
				     OTR_OFFER_DOORS + 1);
		free(OTR_TAKE(s));
		return rc;
	}
	s->me = otr_shims_new_reader_id();
	s->peers = otr_unix_peer_open();
	*out = OTR_TAKE(s);
	return 0;
}

/* The library in the process does nothing from now on. Not called for a process that has ended: its
 * children use its ring until they have their own. */
static void switch_off(struct shim *sh)
{
	sh->off = true;
	__atomic_store_n(&sh->rd.ring->off, 1, __ATOMIC_RELEASE);
}

/* A counter of the process, since this agent reads its ring; limited, as the process may write any
 * value. */
static uint64_t counted(const struct shim *sh, int what)
{
	uint64_t n = __atomic_load_n(&sh->rd.ring->counts[what], __ATOMIC_RELAXED);

	n = n > sh->base[what] ? n - sh->base[what] : 0;
	return n < otr_cpu_clamp_most(&sh->clamp) ? n : otr_cpu_clamp_most(&sh->clamp);
}

/* Removes a ring from the list of those that are read; it stays mapped. */
static void stop_reading(struct otr_shims *s, struct shim *sh)
{
	for (int i = 0; i < OTR_SHIM_COUNTS; i++)
		s->counts[i] += counted(sh, i);
	otr_shims_forget(s, sh);
	DL_DELETE(s->all, sh);
	s->n--;
}

static void release(struct otr_shims *s, struct shim *sh)
{
	stop_reading(s, sh);
	otr_shim_drop(sh);
}

/* Switches a ring off before it drops the lease: from then on another agent may take the ring. */
static void give_up(struct otr_shims *s, struct shim *sh)
{
	if (otr_ring_lease_keep(sh->rd.ring, s->me, otr_now())) {
		switch_off(sh);
		otr_ring_lease_drop(sh->rd.ring, s->me);
	}
	release(s, sh);
}

void otr_shims_close(struct otr_shims **sp)
{
	struct otr_shims *s = OTR_TAKE(*sp);

	if (!s)
		return;
	while (s->all)
		give_up(s, s->all);
	otr_shims_drop_held(s);
	otr_offers_close(&s->offers);
	if (s->peers >= 0)
		close(s->peers);
	free(s);
}

const char *otr_shims_session(const struct otr_shims *s)
{
	return s->offers.session;
}

int otr_shims_fd(const struct otr_shims *s)
{
	return s->offers.epoll;
}

size_t otr_shims_alive(const struct otr_shims *s)
{
	return s->n;
}

void otr_shims_on_uncarried(struct otr_shims *s, otr_uncarried_fn fn, void *arg)
{
	s->offers.uncarried = fn;
	s->offers.uncarried_arg = arg;
}

void otr_shims_on_born(struct otr_shims *s, otr_shim_born_fn fn, void *arg)
{
	s->born = fn;
	s->born_arg = arg;
}

void otr_shims_late(struct otr_shims *s)
{
	s->late_evidence = true;
}

bool otr_shims_has(const struct otr_shims *s, uint32_t tgid)
{
	return otr_shim_of(s, tgid);
}

void otr_shims_doors(const struct otr_shims *s, uint64_t inodes[OTR_OFFER_DOORS])
{
	struct stat st;

	for (uint32_t i = 0; i < OTR_OFFER_DOORS; i++)
		inodes[i] = fstat(s->offers.door[i], &st) ? 0 : st.st_ino;
}

/* The process offers another ring, so its older rings get no more records. */
static void replace(struct otr_shims *s, uint32_t tgid)
{
	struct shim *at;

	DL_FOREACH(s->all, at)
		at->replaced |= at->tgid == tgid;
}

/* Returns a pidfd of the process that sent the offer. If an old kernel has sent none, opens one by
 * the pid. */
static int pidfd_of(const struct otr_offerer *who)
{
	int fd = who->pidfd;

	if (fd == OTR_OFFER_NO_PIDFD)
		fd = (int)syscall(SYS_pidfd_open, (pid_t)who->tgid, 0);
	return fd == -1 ? -errno : fd;
}

/* Begins to read an offered ring; takes who->pidfd. Returns 0; -EINVAL: `fd` is no ring; -EMFILE:
 * no descriptor is left; -EBUSY: another agent has adopted the ring. */
static int take_ring(struct otr_shims *s, int fd, struct otr_offerer *who)
{
	struct shim *sh = otr_shim_make(fd, who->tgid, who->uid);
	int rc = 0;

	if (!sh)
		return -EINVAL;
	sh->pidfd = pidfd_of(who);
	who->pidfd = -1;
	if (sh->pidfd == -EMFILE)
		rc = -EMFILE;
	else if (!otr_ring_lease_given(sh->rd.ring, s->me, otr_now()))
		rc = -EBUSY;
	if (rc) {
		otr_shim_drop(sh);
		return rc;
	}
	otr_shim_write_switches(s, sh);
	DL_APPEND(s->all, sh);
	s->n++;
	return 0;
}

/* Accepts one offer. Returns false if none waits. */
static bool next_offer(struct otr_shims *s)
{
	struct otr_offerer who;
	int rc, fd = otr_offers_next(&s->offers, &who);

	if (fd < 0)
		return fd != -EAGAIN;
	if (s->accepts && !s->accepts(s->accepts_arg, who.tgid)) {
		rc = -EPERM;
	} else {
		replace(s, who.tgid);
		rc = otr_shims_has_room(s, who.uid) ? take_ring(s, fd, &who) : -EMFILE;
	}
	if (!rc && s->born)
		s->born(s->born_arg, who.tgid);
	else if (rc && rc != -EBUSY)
		otr_shim_refuse(fd);
	if (rc == -EMFILE || rc == -EINVAL)
		otr_loss_add(rc == -EMFILE ? OTR_LOSS_EVICT : OTR_LOSS_RECORD, 1);
	otr_offers_discard(fd);
	if (who.pidfd >= 0)
		close(who.pidfd);
	return true;
}

static void emit_exit(const struct shim *sh, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	const struct otr_ev_proc pr = {
		.hdr = {.kind = OTR_EV_PROC_EXIT,
			.hook = OTR_HOOK_PRELOAD,
			.size = sizeof(pr),
			.time_ns = now_ns > sh->last_ns ? now_ns : sh->last_ns,
			.tgid = sh->tgid,
			.tid = sh->tgid,
			.strand = sh->tgid},
	};

	fn(arg, &pr.hdr);
}

/* A thread that is cancelled while it writes leaves an unfinished slot: the reader waits for it for
 * ABANDON_NS. */
static bool is_stuck(struct shim *sh, int n, uint64_t now_ns)
{
	uint64_t head = __atomic_load_n(&sh->rd.ring->head, __ATOMIC_RELAXED);

	if (n || head == sh->rd.tail)
		sh->stuck_ns = 0;
	else if (!sh->stuck_ns)
		sh->stuck_ns = now_ns;
	return sh->stuck_ns && now_ns - sh->stuck_ns > ABANDON_NS;
}

static int drain_one(struct otr_shims *s, struct shim *sh, uint64_t now_ns, bool over,
		     otr_event_fn fn, void *arg)
{
	uint64_t from = sh->rd.tail;
	const struct otr_event *ev;
	int n = 0;

	/* No more than one ring's content at once, since other rings wait. */
	while (n < (int)(OTR_RING_BYTES / OTR_RING_SLOT) &&
	       (ev = otr_ring_next(&sh->rd, sh->tgid, now_ns, over))) {
		n++;
		if (ev->time_ns > sh->last_ns)
			sh->last_ns = ev->time_ns;
		if (ev->kind == OTR_EV_CONN_OPEN)
			otr_shims_peer(s, (void *)sh->rd.copy);
		if (otr_shims_follow(s, sh, ev, now_ns))
			fn(arg, ev);
		else
			otr_loss_add(OTR_LOSS_RECORD, 1);
	}
	if (sh->rd.tail - from > s->fullest)
		s->fullest = sh->rd.tail - from;
	otr_cpu_clamp_take(&sh->clamp, (uint64_t)n, OTR_PRICE_RECORD, &s->cost_ns);
	return n;
}

static int visit(struct otr_shims *s, struct shim *sh, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	bool over = sh->replaced || otr_shim_has_ended(sh, now_ns);
	int n;

	if (!over && !otr_ring_lease_keep(sh->rd.ring, s->me, now_ns)) {
		/* This agent was halted for long and has lost the lease, or the process has
		 * written to it. */
		otr_loss_add(OTR_LOSS_RECORD, 1);
		stop_reading(s, sh);
		DL_APPEND(s->held, sh);
		return 0;
	}
	n = drain_one(s, sh, now_ns, over, fn, arg);
	if (!over && !n)
		otr_shim_switch_on_again(s, sh, now_ns);
	if (!over && is_stuck(sh, n, now_ns))
		n += drain_one(s, sh, now_ns, true, fn, arg);
	if (sh->rd.broken)
		switch_off(sh);
	otr_shim_check_switches(s, sh);
	if (over || sh->rd.broken)
		otr_shim_emit_losses(s, sh, now_ns, fn, arg);
	if (!sh->replaced && (over || sh->rd.broken))
		emit_exit(sh, now_ns, fn, arg);
	if (over || sh->rd.broken)
		release(s, sh);
	return n;
}

int otr_shims_drain(struct otr_shims *s, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	struct shim *sh, *next;
	int n = 0;

	for (int i = 0; i < OFFERS && next_offer(s); i++)
		;
	otr_shims_retry_held(s, now_ns);
	s->proofs = OTR_SHIM_PROOFS;
	s->fullest = 0;
	DL_FOREACH_SAFE(s->all, sh, next)
		n += visit(s, sh, now_ns, fn, arg);
	otr_ring_rest_read(&s->rest, now_ns, s->fullest);
	return n;
}

int otr_shims_rest_ms(const struct otr_shims *s)
{
	return s->rest.ms;
}

static void ask_thresholds(struct otr_shims *s, uint64_t now_ns)
{
	struct shim *sh;

	if (!s->threshold || now_ns < s->asked_ns + OTR_NS_PER_S)
		return;
	s->asked_ns = now_ns;
	DL_FOREACH(s->all, sh)
		otr_shim_set_threshold(s, sh);
}

void otr_shims_on_threshold(struct otr_shims *s, uint64_t (*fn)(void *arg, uint32_t tgid),
			    void *arg)
{
	s->threshold = fn;
	s->threshold_arg = arg;
}

void otr_shims_poll(struct otr_shims *s, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	struct shim *sh;

	otr_watch_emit(&s->watch, now_ns, otr_shims_get_run, s, fn, arg);
	ask_thresholds(s, now_ns);
	DL_FOREACH(s->all, sh)
		otr_shim_emit_losses(s, sh, now_ns, fn, arg);
}

uint64_t otr_shims_count(const struct otr_shims *s, enum otr_shim_count what)
{
	uint64_t n = s->counts[what];
	const struct shim *sh;

	DL_FOREACH(s->all, sh)
		n += counted(sh, (int)what);
	return n;
}

uint64_t otr_shims_cost_ns(const struct otr_shims *s)
{
	return s->cost_ns;
}

void otr_shims_pause(struct otr_shims *s, bool pause)
{
	struct shim *sh;

	s->paused = pause;
	DL_FOREACH(s->all, sh)
		__atomic_store_n(&sh->rd.ring->paused, pause, __ATOMIC_RELEASE);
}

void otr_shims_set_switches(struct otr_shims *s, const struct otr_ring_switches *switches)
{
	struct shim *sh;

	s->switches = *switches;
	DL_FOREACH(s->all, sh)
		otr_shim_write_switches(s, sh);
}

void otr_shims_off(struct otr_shims *s, uint32_t tgid)
{
	struct shim *sh;

	DL_FOREACH(s->all, sh)
		if (sh->tgid == tgid && !sh->replaced)
			switch_off(sh);
	DL_FOREACH(s->held, sh)
		sh->replaced |= sh->tgid == tgid;
}

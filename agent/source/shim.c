/* SPDX-License-Identifier: Apache-2.0 */
/* shim.c - processes that carry the shim, and their rings; see shim.h. */

#include "agent/source/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/loss.h"
#include "agent/source/offer.h"
#include "agent/source/watch.h"

#define ALL	   (OTR_RING_HEAD + OTR_RING_BYTES)
#define SEALS	   (F_SEAL_SHRINK | F_SEAL_GROW)
#define LOOK_NS	   50000000ull /* between two looks whether a process lives */
#define ABANDON_NS 1000000000ull
#define OFFERS	   64	  /* taken at once: the rings are read in between */
#define CONNS	   262144 /* whose home is kept in mind, of all rings */

struct shim {
	struct otr_ring_reader rd;
	uint32_t tgid;
	int pidfd; /* -1: it has ended */
	bool replaced; /* its process has offered another since: by exec */
	uint64_t looked_ns;
	uint64_t stuck_ns; /* since when nothing could be read, though there is some */
	uint64_t told_dropped;
	struct holder *conns;
	struct shim *prev, *next;
};

/* Whose ring holds the state of a connection. */
struct holder {
	uint64_t conn;
	struct shim *shim;
	struct holder *prev, *next; /* of the same shim */
	UT_hash_handle hh;
};

struct otr_shims {
	struct otr_offers offers;
	struct shim *all;
	size_t n;
	struct holder *by_conn;
	size_t conns;
	struct otr_watch watch;
	uint64_t counts[OTR_SHIM_COUNTS]; /* of those that have ended */
	bool late;
};

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
		otr_err_set(err, "sockets for the library: %s", strerror(-rc));
		if (rc == -EMFILE)
			otr_err_hint(err, "right: %u descriptors more (ulimit -n)",
				     OTR_RING_DOORS + 1);
		free(OTR_TAKE(s));
		return rc;
	}
	*out = OTR_TAKE(s);
	return 0;
}

static void forget_conn(struct otr_shims *s, struct holder *at)
{
	DL_DELETE(at->shim->conns, at);
	HASH_DEL(s->by_conn, at);
	s->conns--;
	free(at);
}

/* It calls through from now on. Not where its process has ended: children that it forked
 * look here until they begin with rings of their own. */
static void switch_off(struct shim *sh)
{
	__atomic_store_n(&sh->rd.ring->off, 1, __ATOMIC_RELEASE);
}

static void let_go(struct otr_shims *s, struct shim *sh)
{
	for (int i = 0; i < OTR_SHIM_COUNTS; i++)
		s->counts[i] += __atomic_load_n(&sh->rd.ring->counts[i],
						__ATOMIC_RELAXED);
	while (sh->conns)
		forget_conn(s, sh->conns);
	munmap(sh->rd.ring, ALL + OTR_RING_BYTES);
	if (sh->pidfd >= 0)
		close(sh->pidfd);
	DL_DELETE(s->all, sh);
	s->n--;
	free(sh);
}

void otr_shims_close(struct otr_shims **sp)
{
	struct otr_shims *s = OTR_TAKE(*sp);

	if (!s)
		return;
	while (s->all) {
		switch_off(s->all);
		let_go(s, s->all);
	}
	otr_offers_close(&s->offers);
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

void otr_shims_late(struct otr_shims *s)
{
	s->late = true;
}

bool otr_shims_has(const struct otr_shims *s, uint32_t tgid)
{
	const struct shim *sh;

	DL_FOREACH(s->all, sh)
	if (sh->tgid == tgid && !sh->rd.broken)
		return true;
	return false;
}

void otr_shims_doors(const struct otr_shims *s, uint64_t inodes[OTR_RING_DOORS])
{
	struct stat st;

	for (uint32_t i = 0; i < OTR_RING_DOORS; i++)
		inodes[i] = fstat(s->offers.door[i], &st) ? 0 : st.st_ino;
}

/* Sealed, so that nobody can shrink it under us, and as large as a ring is. */
static bool is_ring(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS && !fstat(fd, &st) &&
	       st.st_size == ALL;
}

static struct otr_ring *map_ring(int fd)
{
	const int how = MAP_SHARED | MAP_FIXED, rw = PROT_READ | PROT_WRITE;
	char *at = mmap(NULL, ALL + OTR_RING_BYTES, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct otr_ring *ring = (void *)at;

	if (at == MAP_FAILED)
		return NULL;
	if (mmap(at, ALL, rw, how, fd, 0) == MAP_FAILED ||
	    mmap(at + ALL, OTR_RING_BYTES, rw, how, fd, OTR_RING_HEAD) == MAP_FAILED ||
	    ring->magic != OTR_RING_MAGIC || ring->abi != OTR_ABI ||
	    ring->bytes != OTR_RING_BYTES) {
		munmap(at, ALL + OTR_RING_BYTES);
		return NULL;
	}
	return ring;
}

/* Returns 0, or -1: it is no ring, or there is no room for one more. */
static int take_ring(struct otr_shims *s, int fd, uint32_t tgid)
{
	struct shim *sh, *old;

	if (s->n >= OTR_SHIM_RINGS || !is_ring(fd))
		return -1;
	sh = calloc(1, sizeof(*sh));
	if (!sh)
		return -1;
	sh->rd.ring = map_ring(fd);
	if (!sh->rd.ring) {
		free(sh);
		return -1;
	}
	sh->rd.ring->late = s->late;
	sh->rd.slots = (const char *)sh->rd.ring + OTR_RING_HEAD;
	DL_FOREACH(s->all, old)
	old->replaced |= old->tgid == tgid;
	sh->tgid = tgid;
	sh->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)tgid, 0);
	DL_APPEND(s->all, sh);
	s->n++;
	return 0;
}

/* Returns false when no offer waits. */
static bool next_offer(struct otr_shims *s, otr_shim_born_fn born, void *arg)
{
	uint32_t tgid = 0;
	int fd = otr_offers_next(&s->offers, &tgid);

	if (fd < 0)
		return fd != -EAGAIN;
	if (!take_ring(s, fd, tgid))
		born(arg, tgid);
	else
		otr_loss_add(OTR_LOSS_RECORD, 1);
	close(fd);
	return true;
}

static struct holder *find_holder(struct otr_shims *s, uint64_t conn)
{
	struct holder *at;

	HASH_FIND(hh, s->by_conn, &conn, sizeof(conn), at);
	return at;
}

static void move_home(struct holder *at, struct shim *sh)
{
	if (at->shim)
		DL_DELETE(at->shim->conns, at);
	at->shim = sh;
	DL_APPEND(sh->conns, at);
}

static void add_conn(struct otr_shims *s, struct shim *sh, uint64_t conn)
{
	struct holder *at = s->conns < CONNS ? calloc(1, sizeof(*at)) : NULL;

	if (!at) {
		otr_loss_add(OTR_LOSS_EVICT, 1);
		return;
	}
	at->conn = conn;
	HASH_ADD(hh, s->by_conn, conn, sizeof(at->conn), at);
	if (!at->hh.tbl) {
		free(at);
		return;
	}
	s->conns++;
	move_home(at, sh);
}

/* Keeps in mind where a connection is at home: with who told of it last. */
static void follow(struct otr_shims *s, struct shim *sh, const struct otr_event *ev)
{
	struct holder *at;

	if (ev->kind != OTR_EV_CONN_OPEN && ev->kind != OTR_EV_CONN_CLOSE)
		return;
	at = find_holder(s, ev->conn);
	if (ev->kind == OTR_EV_CONN_OPEN && at)
		move_home(at, sh);
	else if (ev->kind == OTR_EV_CONN_OPEN)
		add_conn(s, sh, ev->conn);
	else if (at && at->shim == sh)
		forget_conn(s, at);
}

static bool has_ended(struct shim *sh, uint64_t now_ns)
{
	struct pollfd pf = {.fd = sh->pidfd, .events = POLLIN};

	if (sh->pidfd < 0)
		return true;
	if (now_ns - sh->looked_ns < LOOK_NS)
		return false;
	sh->looked_ns = now_ns;
	return poll(&pf, 1, 0) > 0;
}

static void tell_exit(const struct shim *sh, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	const struct otr_ev_proc pr = {
		.hdr = {.kind = OTR_EV_PROC_EXIT,
			.hook = OTR_HOOK_PRELOAD,
			.size = sizeof(pr),
			.time_ns = now_ns,
			.tgid = sh->tgid,
			.tid = sh->tgid,
			.strand = sh->tgid},
	};

	fn(arg, &pr.hdr);
}

/* A slot that stays unfinished while its process lives was left by a thread that was
 * cancelled in it: it is given a second. */
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
	const struct otr_event *ev;
	int n = 0;

	/* No more than a whole ring at once: others wait. */
	while (n < (int)(OTR_RING_BYTES / OTR_RING_SLOT) &&
	       (ev = otr_ring_next(&sh->rd, sh->tgid, now_ns, over))) {
		follow(s, sh, ev);
		fn(arg, ev);
		n++;
	}
	return n;
}

static int visit(struct otr_shims *s, struct shim *sh, uint64_t now_ns, otr_event_fn fn,
		 void *arg)
{
	bool over = sh->replaced || has_ended(sh, now_ns);
	int n = drain_one(s, sh, now_ns, over, fn, arg);

	if (!over && is_stuck(sh, n, now_ns))
		n += drain_one(s, sh, now_ns, true, fn, arg);
	if (sh->rd.broken)
		switch_off(sh);
	if (!sh->replaced && (over || sh->rd.broken))
		tell_exit(sh, now_ns, fn, arg);
	if (over || sh->rd.broken)
		let_go(s, sh);
	return n;
}

int otr_shims_drain(struct otr_shims *s, uint64_t now_ns, otr_shim_born_fn born,
		    otr_event_fn fn, void *arg)
{
	struct shim *sh, *next;
	int n = 0;

	for (int i = 0; i < OFFERS && next_offer(s, born, arg); i++)
		;
	DL_FOREACH_SAFE(s->all, sh, next)
	n += visit(s, sh, now_ns, fn, arg);
	return n;
}

static void tell_dropped(struct shim *sh, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	uint64_t n = __atomic_load_n(&sh->rd.ring->counts[OTR_SHIM_DROPPED],
				     __ATOMIC_RELAXED);
	struct otr_ev_lost lost = {
		.hdr = {.kind = OTR_EV_LOST,
			.hook = OTR_HOOK_AGENT,
			.size = sizeof(lost),
			.time_ns = now_ns,
			.tgid = sh->tgid},
		.cause = OTR_LOSS_RING,
		.n = n - sh->told_dropped,
	};

	if (n <= sh->told_dropped)
		return;
	sh->told_dropped = n;
	otr_loss_add(OTR_LOSS_RING, lost.n);
	fn(arg, &lost.hdr);
}

/* A copy that was not written to while it was made. */
static bool look_at_run(void *ctx, uint64_t key, struct otr_run_now *now)
{
	struct holder *at = find_holder(ctx, key >> 1);
	uint32_t place = otr_ring_hash(key), seq;
	const struct otr_ring_run *r;

	for (uint32_t i = 0; at && i < 8; i++) {
		r = &at->shim->rd.ring->runs[(place + i) % OTR_RING_RUNS];
		if (__atomic_load_n(&r->key, __ATOMIC_ACQUIRE) != key)
			continue;
		seq = __atomic_load_n(&r->seq, __ATOMIC_ACQUIRE);
		memcpy(now, (const void *)&r->now, sizeof(*now));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		return !(seq & 1) && __atomic_load_n(&r->seq, __ATOMIC_RELAXED) == seq &&
		       now->pos_kind <= OTR_POS_TCP_SEQ && now->layer < OTR_LAYER_MAX &&
		       now->pos < 1ull << 62 &&
		       now->bytes < 1ull << 62 && now->last_ns < 1ull << 62;
	}
	return false;
}

void otr_shims_poll(struct otr_shims *s, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	struct shim *sh;

	otr_watch_tell(&s->watch, now_ns, look_at_run, s, fn, arg);
	DL_FOREACH(s->all, sh)
	tell_dropped(sh, now_ns, fn, arg);
}

void otr_shims_policy(struct otr_shims *s, uint64_t conn, enum otr_dir dir,
		      enum otr_capture capture, uint32_t head_bytes)
{
	struct holder *at = find_holder(s, conn);
	uint64_t key = otr_dir_key(conn, dir);
	uint32_t place = otr_ring_hash(key), to;
	struct otr_ring *ring;

	if (!at)
		return;
	ring = at->shim->rd.ring;
	to = place % OTR_RING_POLICIES;
	for (uint32_t i = 8; i-- > 0;) {
		uint32_t here = (place + i) % OTR_RING_POLICIES;

		if (!ring->policies[here].key || ring->policies[here].key == key)
			to = here;
	}
	ring->policies[to].policy = (struct otr_policy){
		.capture = capture,
		.head_bytes = head_bytes ? head_bytes : OTR_HEAD_BYTES,
	};
	ring->policies[to].key = key;
	__atomic_fetch_add(&ring->policy_gen, 1, __ATOMIC_RELEASE);
}

void otr_shims_watch(struct otr_shims *s, uint64_t conn, enum otr_dir dir, bool want)
{
	otr_watch_set(&s->watch, otr_dir_key(conn, dir), want);
}

uint64_t otr_shims_count(const struct otr_shims *s, enum otr_shim_count what)
{
	uint64_t n = s->counts[what];
	const struct shim *sh;

	DL_FOREACH(s->all, sh)
	n += __atomic_load_n(&sh->rd.ring->counts[what], __ATOMIC_RELAXED);
	return n;
}

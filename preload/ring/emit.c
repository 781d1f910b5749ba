/* SPDX-License-Identifier: Apache-2.0 */
/* emit.c - builds records for the ring; see emit.h. bpf/event.h describes the records. */

#include "preload/ring/emit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "preload/base/clock.h"
#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"
#include "preload/ring/ring.h"

#define EXE_MAX	 256
#define ARGS_MAX 1024

extern char **environ;

/* Sets the fields that all records have. */
static void put_hdr(struct otr_event *hdr, uint16_t kind, uint32_t size, uint64_t conn)
{
	const struct otr_self *self = otr_self_now();

	hdr->kind = kind;
	hdr->hook = OTR_HOOK_PRELOAD;
	hdr->size = size;
	hdr->time_ns = self && self->event_ns ? self->event_ns : otr_clock_ns();
	hdr->tgid = (uint32_t)otr_shim.pid;
	hdr->tid = self ? (uint32_t)self->tid : hdr->tgid;
	hdr->strand = hdr->tid;
	hdr->conn = conn;
}

/* Writes the arguments, each with a NUL, as far as ARGS_MAX bytes allow. Returns their length. */
static uint32_t put_args(char *out)
{
	size_t len = 0, n;

	for (char **arg = otr_shim.argv; arg && *arg; arg++) {
		n = strlen(*arg) + 1;
		if (len + n > ARGS_MAX)
			break;
		memcpy(out + len, *arg, n);
		len += n;
	}
	return (uint32_t)len;
}

/* The agent reads the environment and the cgroup from /proc. */
void otr_emit_process(void)
{
	struct otr_ev_proc *pr;
	uint64_t place;
	ssize_t n;

	pr = otr_ring_reserve(sizeof(*pr) + EXE_MAX + ARGS_MAX, &place);
	if (!pr)
		return;
	memset(pr, 0, sizeof(*pr));
	n = otr_sys_readlink("/proc/self/exe", pr->text, EXE_MAX);
	pr->exe_len = n > 0 ? (uint16_t)n : 0;
	pr->args_len = (uint16_t)put_args(pr->text + pr->exe_len);
	put_hdr(&pr->hdr, OTR_EV_PROC_EXEC, (uint32_t)sizeof(*pr) + pr->exe_len + pr->args_len, 0);
	pr->ppid = (uint32_t)otr_sys(SYS_getppid);
	pr->uid = (uint32_t)otr_sys(SYS_getuid);
	otr_sys(SYS_prctl, PR_GET_NAME, pr->comm);
	pr->comm[sizeof(pr->comm) - 1] = 0;
	otr_ring_commit(place);
}

/* Emits OTR_EV_META: a fact about the process. */
static void emit_fact(uint16_t key, const char *name, const char *value, uint32_t value_len)
{
	uint32_t name_len = (uint32_t)strlen(name), len = name_len + value_len;
	struct otr_ev_meta *meta;
	uint64_t place;

	meta = otr_ring_reserve((uint32_t)sizeof(*meta) + len, &place);
	if (!meta)
		return;
	memset(meta, 0, sizeof(*meta));
	put_hdr(&meta->hdr, OTR_EV_META, (uint32_t)sizeof(*meta) + len, 0);
	meta->key = key;
	meta->len = (uint16_t)len;
	memcpy(meta->text, name, name_len);
	memcpy(meta->text + name_len, value, value_len);
	otr_ring_commit(place);
}

/* Always emitted after the process: the agent may be too late to read /proc of a process that has
 * ended. */
void otr_emit_environment(void)
{
	const struct otr_started *st = &otr_shim.started;

	emit_fact(OTR_RING_META_ENV, "", st->emitted, st->emitted_len);
}

void otr_emit_named(void)
{
	emit_fact(OTR_RING_META_NAMED, "", otr_shim.started.parent, OTR_PARENT_LEN);
}

void otr_emit_behind(void)
{
	struct otr_ev_lost *lost;
	uint64_t place;

	lost = otr_ring_reserve(sizeof(*lost), &place);
	if (!lost)
		return;
	memset(lost, 0, sizeof(*lost));
	put_hdr(&lost->hdr, OTR_EV_LOST, sizeof(*lost), 0);
	lost->cause = OTR_LOSS_BEHIND;
	otr_ring_commit(place);
}

static void put_addr(struct otr_addr *to, char *path, const struct sockaddr_storage *sa,
		     socklen_t len)
{
	const struct sockaddr_in6 *six = (const void *)sa;
	const struct sockaddr_in *four = (const void *)sa;
	const struct sockaddr_un *un = (const void *)sa;
	size_t n = len - offsetof(struct sockaddr_un, sun_path);

	to->family = sa->ss_family;
	if (sa->ss_family == AF_INET) {
		to->port = ntohs(four->sin_port);
		memcpy(to->ip, &four->sin_addr, 4);
	} else if (sa->ss_family == AF_INET6) {
		to->port = ntohs(six->sin6_port);
		memcpy(to->ip, &six->sin6_addr, 16);
	} else if (sa->ss_family == AF_UNIX && len > sizeof(sa->ss_family) && n <= 108) {
		memcpy(path, un->sun_path, n);
	}
}

static void put_names(int fd, struct otr_ev_conn *cn)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	memset(&sa, 0, sizeof(sa));
	if (!otr_sys_getsockname(fd, &sa, &len))
		put_addr(&cn->local, cn->path, &sa, len);
	memset(&sa, 0, sizeof(sa));
	len = sizeof(sa);
	if (!otr_sys_getpeername(fd, &sa, &len))
		put_addr(&cn->remote, cn->path, &sa, len);
}

/* On the server's end of a Unix socket: sets the process that has connected. On the client's end
 * the kernel names the process that has called listen(), which may not be the one that accepts. */
static void put_peer(int fd, struct otr_ev_conn *cn)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (cn->local.family == AF_UNIX && cn->role == OTR_ROLE_SERVER &&
	    !otr_sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) && who.pid > 0)
		cn->peer_tgid = (uint32_t)who.pid;
}

/* Returns the process that has announced a connection. A ring that is not offered yet may be taken
 * back, which loses its records: then the connection is announced again (0). */
static int32_t announcer(void)
{
	return otr_get(&otr_shim.is_offered) ? otr_shim.pid : 0;
}

void otr_emit_conn(int fd, struct otr_fd *f, uint16_t kind, int error)
{
	struct otr_ev_conn *cn;
	uint64_t place;

	cn = otr_ring_reserve(sizeof(*cn), &place);
	if (!cn)
		return;
	memset(cn, 0, sizeof(*cn));
	put_hdr(&cn->hdr, kind, sizeof(*cn), f->inode);
	cn->type = SOCK_STREAM;
	cn->protocol = f->family == AF_UNIX ? 0 : IPPROTO_TCP;
	cn->role = f->role;
	cn->netns = otr_shim.netns;
	cn->seen_open = f->seen_open;
	cn->error = error;
	if (kind == OTR_EV_CONN_CLOSE) {
		cn->bytes_in = f->dirs[OTR_DIR_IN].total;
		cn->bytes_out = f->dirs[OTR_DIR_OUT].total;
	} else {
		put_names(fd, cn);
		put_peer(fd, cn);
		f->announced_by = announcer();
	}
	otr_ring_commit(place);
}

void otr_emit_run(struct otr_fd *f, int dir, int eof)
{
	struct otr_shim_dir *w = &f->dirs[dir];
	struct otr_ev_run *run;
	uint64_t place;

	run = otr_ring_reserve(sizeof(*run), &place);
	if (!run)
		return;
	memset(run, 0, sizeof(*run));
	put_hdr(&run->hdr, OTR_EV_RUN, sizeof(*run), f->inode);
	run->hdr.time_ns--; /* sorts before the record of the bytes that have ended the run */
	run->pos = w->pos;
	run->bytes = w->bytes;
	run->first_ns = w->first_ns;
	run->last_ns = w->last_ns;
	run->calls = w->calls;
	run->dir = (uint8_t)dir;
	run->layer = f->layer;
	run->eof = (uint8_t)eof;
	memcpy(run->tail, w->tail, sizeof(run->tail));
	otr_ring_commit(place);
}

/* Copies the first `cap` bytes, up to a piece that may not be read: how many bytes are kept is
 * decided before the call, and the policy may have changed since. Returns how many bytes were
 * copied. */
static uint32_t gather(char *out, uint32_t cap, const struct iovec *iov, int n)
{
	uint32_t got = 0;
	size_t len;

	for (; n && got < cap && iov->iov_base; iov++, n--) {
		len = iov->iov_len < cap - got ? iov->iov_len : cap - got;
		memcpy(out + got, iov->iov_base, len);
		got += (uint32_t)len;
	}
	return got;
}

uint32_t otr_emit_data(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		       uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		       const struct iovec *iov, int n, uint32_t cap)
{
	struct otr_ev_data *rec;
	uint64_t place;

	(void)self;
	rec = otr_ring_reserve((uint32_t)sizeof(*rec) + cap, &place);
	if (!rec)
		return 0;
	memset(rec, 0, sizeof(*rec));
	cap = gather((char *)rec->data, cap, iov, n);
	put_hdr(&rec->hdr, OTR_EV_DATA, (uint32_t)sizeof(*rec) + cap, f->inode);
	rec->cause = *cause;
	rec->start_ns = start_ns;
	rec->pos = pos;
	rec->moved = moved;
	rec->cap = cap;
	rec->dir = (uint8_t)dir;
	rec->layer = f->layer;
	rec->first = (uint8_t)first;
	otr_ring_commit(place);
	return cap;
}

#define RUN_PROBES 8 /* slots in which a key may be, as the agent knows */

static struct otr_ring_run *find_run(struct otr_ring *ring, uint64_t key)
{
	struct otr_ring_run *r;

	for (uint32_t i = 0; i < RUN_PROBES; i++) {
		r = &ring->runs[(otr_ring_hash(key) + i) % OTR_RING_RUNS];
		if (__atomic_load_n(&r->key, __ATOMIC_ACQUIRE) == key)
			return r;
	}
	return NULL;
}

/* Takes a free slot; only if find_run() has found none, since a slot before that of the run may be
 * free. */
static struct otr_ring_run *make_run(struct otr_ring *ring, uint64_t key)
{
	struct otr_ring_run *r;
	uint64_t none;

	for (uint32_t i = 0; i < RUN_PROBES; i++) {
		r = &ring->runs[(otr_ring_hash(key) + i) % OTR_RING_RUNS];
		none = 0;
		if (!otr_get(&r->key) &&
		    __atomic_compare_exchange_n(&r->key, &none, key, 0, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return r;
	}
	__atomic_fetch_add(&ring->runs_lost, 1, __ATOMIC_RELAXED);
	return NULL;
}

void otr_emit_progress(struct otr_fd *f, int dir)
{
	uint64_t key = otr_dir_key(f->inode, (uint32_t)dir);
	const struct otr_shim_dir *w = &f->dirs[dir];
	struct otr_ring *ring = otr_ring_now();
	struct otr_ring_run *r = ring ? find_run(ring, key) : NULL;

	if (ring && !r)
		r = make_run(ring, key);
	if (!r)
		return;
	__atomic_fetch_add(&r->seq, 1, __ATOMIC_ACQ_REL);
	r->now.pos = w->pos;
	r->now.bytes = w->bytes;
	r->now.first_ns = w->first_ns;
	r->now.last_ns = w->last_ns;
	r->now.calls = w->calls;
	r->now.pos_kind = OTR_POS_OFFSET;
	r->now.layer = f->layer;
	memcpy(r->now.tail, w->tail, sizeof(r->now.tail));
	__atomic_fetch_add(&r->seq, 1, __ATOMIC_ACQ_REL);
}

void otr_forget_progress(struct otr_fd *f, int dir)
{
	struct otr_ring *ring = otr_ring_now();
	struct otr_ring_run *r = ring ? find_run(ring, otr_dir_key(f->inode, (uint32_t)dir)) : NULL;

	if (r)
		__atomic_store_n(&r->key, 0, __ATOMIC_RELEASE);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd.c - which socket, pipe or file does a descriptor number name?
 *
 * A number is checked at its first use, and again when a message begins on it, since close() may be
 * called where no wrapper sees it (by stdio), or by a child that shares our memory (vfork). So
 * close() is a hint, and the inode of the socket decides. Reading the inode is a system call: on a
 * busy connection it is made once in 10 ms, until this process has closed a descriptor where no
 * wrapper saw it.
 */

#include "preload/base/fd.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/base/alloc.h"
#include "preload/base/clock.h"
#include "preload/base/header_slot.h"
#include "preload/base/hold.h"
#include "preload/base/real.h"
#include "preload/base/share.h"
#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/base/thread.h"

#define SURE_NS 10000000ull /* an inode that was read is taken as valid for so long */

uint32_t otr_netns(void)
{
	struct stat st;

	return otr_sys(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/net", &st, 0) ? 0
									      : (uint32_t)st.st_ino;
}

static uint64_t time_now(void)
{
	const struct otr_self *self = otr_self_peek();

	return self && self->event_ns ? self->event_ns : otr_clock_ns();
}

/* Reads a socket option that is an int; -1: it cannot be read. */
static int int_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return otr_sys_getsockopt(fd, level, name, &value, &len) ? -1 : value;
}

/* Has one end of a Unix socket a name? The two ends of socketpair() have none. */
static int is_named(int fd)
{
	struct sockaddr_storage sa;
	socklen_t local = sizeof(sa), remote = sizeof(sa);

	if (otr_sys_getsockname(fd, &sa, &local) || otr_sys_getpeername(fd, &sa, &remote))
		return 1;
	return local > sizeof(sa.ss_family) || remote > sizeof(sa.ss_family);
}

static enum otr_fd_kind socket_kind(int fd, struct otr_fd *f)
{
	int family = int_option(fd, SOL_SOCKET, SO_DOMAIN);

	if (int_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
		return OTR_FD_OTHER;
	if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
		return OTR_FD_OTHER;
	f->family = (uint16_t)family;
	f->nonblock = (otr_sys_fcntl(fd, F_GETFL, 0) & O_NONBLOCK) != 0;
	return family == AF_UNIX && !is_named(fd) ? OTR_FD_PAIR : OTR_FD_STREAM;
}

/* Clears a state that other threads may read at this moment; the owner stays. */
static void clear(struct otr_fd *f, size_t len)
{
	static const uint64_t none;

	for (size_t at = 0; at < len / 8 * 8; at += sizeof(none))
		otr_share_put((char *)f + at, &none, sizeof(none));
	otr_put(&f->gen, f->gen + 1);
}

/* The hint at which number the state of a socket is kept. */
static uint32_t *home_of(uint64_t inode)
{
	return &otr_shim.homes[otr_ring_hash(inode) % OTR_HOMES];
}

/* Does `home` have the state of the socket of `f`? */
static int is_home(const struct otr_fd *home, const struct otr_fd *f)
{
	return otr_get(&home->kind) == OTR_FD_STREAM && otr_get(&home->inode) == f->inode &&
	       otr_get(&home->reader_gen) == f->reader_gen;
}

#define ALIASES 64 /* numbers of one socket that are followed */

/* The aliases of a socket are a list that begins at its home. Takes `f` out of that list. */
static void unlink_alias(const struct otr_fd *f)
{
	struct otr_fd *at = otr_fd_slot(otr_get(&f->home)), *next;

	if (!at || !is_home(at, f) || !otr_hold(at))
		return;
	for (int i = 0; at && otr_get(&at->alias) && i < ALIASES; i++, at = next) {
		next = otr_fd_slot((int)otr_get(&at->alias) - 1);
		if (next == f) {
			otr_put(&at->alias, otr_get(&f->alias));
			return;
		}
	}
}

void otr_fd_forget(struct otr_fd *f)
{
	if (otr_get(&f->header))
		otr_header_free(f);
	if (otr_get(&f->kind) == OTR_FD_ALIAS)
		unlink_alias(f);
	clear(f, offsetof(struct otr_fd, header));
	otr_put(&f->unsent_sender, 0);
	f->senders = 0;
	otr_put(&f->senders_gone, 0);
	f->last_dir = OTR_DIR_NONE;
	f->policy_gen = ~0u;
	otr_put(&f->reader_gen, otr_get(&otr_shim.reader_gen));
}

int otr_fd_is_stale(struct otr_fd *f)
{
	if (otr_get(&f->reader_gen) == otr_get(&otr_shim.reader_gen))
		return 0;
	if (otr_get(&f->header))
		return 1;
	clear(f, offsetof(struct otr_fd, header));
	otr_put(&f->reader_gen, otr_get(&otr_shim.reader_gen));
	return 0;
}

/* One socket may have several numbers (dup, 0 and 1 under inetd). One of them, the home, has the
 * state, so that the bytes of the connection are counted once. Returns whether `fd` is the home or
 * an alias. */
static enum otr_fd_kind find_home(int fd, struct otr_fd *f)
{
	uint32_t hint = otr_get(home_of(f->inode));
	struct otr_fd *home = hint ? otr_fd_slot((int)hint - 1) : NULL;

	if (home && home != f && is_home(home, f)) {
		if (!otr_hold(home) || !is_home(home, f))
			return OTR_FD_NEW; /* the next call checks again */
		otr_put(&f->home, (uint16_t)(hint - 1));
		otr_put(&f->alias, otr_get(&home->alias));
		otr_put(&home->alias, (uint32_t)fd + 1);
		return OTR_FD_ALIAS;
	}
	otr_put(home_of(f->inode), (uint32_t)fd + 1);
	return OTR_FD_STREAM;
}

/* Is the number still an alias of the socket `f`? */
static int is_alias(int number, const struct otr_fd *f)
{
	const struct otr_fd *at = otr_fd_slot(number);

	return at && otr_get(&at->kind) == OTR_FD_ALIAS && otr_get(&at->inode) == f->inode &&
	       !otr_fd_is_other(number, f);
}

/* Returns an alias of the socket `f`; -1: none is known. */
static int find_alias(const struct otr_fd *f)
{
	const struct otr_fd *at = f;
	int number;

	for (int i = 0; at && otr_get(&at->alias) && i < ALIASES; i++) {
		number = (int)otr_get(&at->alias) - 1;
		if (is_alias(number, f))
			return number;
		at = otr_fd_slot(number);
	}
	return -1;
}

/* Makes `heir`, the slot of `number`, the home of its aliases. */
static void set_home(const struct otr_fd *heir, int number)
{
	struct otr_fd *at = otr_fd_slot((int)otr_get(&heir->alias) - 1);

	for (int i = 0; at && at != heir && i < ALIASES; i++) {
		if (otr_get(&at->kind) == OTR_FD_ALIAS && otr_get(&at->inode) == heir->inode)
			otr_put(&at->home, (uint16_t)number);
		at = otr_fd_slot((int)otr_get(&at->alias) - 1);
	}
}

/* Copies the state of `f` to `heir`, and moves its header. Another thread that takes a number out
 * of the list of aliases may write to `f->alias` meanwhile, which is not copied. */
static void take_over(struct otr_fd *heir, struct otr_fd *f)
{
	uint32_t next = otr_get(&heir->alias);

	otr_share_move(heir, f, offsetof(struct otr_fd, header) / 8 * 8);
	if (f->has_upper) /* the state of the messages is that of the upper layer */
		otr_share_move(heir + OTR_FD_PAGE, f + OTR_FD_PAGE,
			       offsetof(struct otr_fd, header) / 8 * 8);
	otr_put(&heir->alias, next);
	heir->senders = f->senders; /* these calls find `heir` by otr_fd_heir() */
	otr_put(&heir->senders_gone, otr_get(&f->senders_gone));
	otr_put(&heir->gen, heir->gen + 1);
	otr_header_pass_on(f, heir);
}

int otr_fd_pass_on(struct otr_fd *f)
{
	int number = find_alias(f);
	struct otr_fd *heir = otr_fd_slot(number);

	if (!heir || !otr_hold(heir) || !is_alias(number, f))
		return 0;
	take_over(heir, f);
	set_home(heir, number);
	otr_put(home_of(f->inode), (uint32_t)number + 1);
	return 1;
}

struct otr_fd *otr_fd_heir(struct otr_fd *f, uint64_t inode, uint32_t *gen)
{
	struct otr_fd *heir;

	if (otr_get(&f->gen) == *gen)
		return f;
	heir = otr_fd_slot((int)otr_get(home_of(inode)) - 1);
	if (!heir || heir == f || otr_get(&heir->kind) != OTR_FD_STREAM ||
	    otr_get(&heir->inode) != inode)
		return NULL;
	*gen = otr_get(&heir->gen);
	return heir;
}

/* Asks the kernel what `fd` is. */
static void check(int fd, struct otr_fd *f)
{
	enum otr_fd_kind kind = OTR_FD_OTHER;
	struct stat st;

	if (otr_sys_fstat(fd, &st))
		return;
	otr_put(&f->inode, st.st_ino);
	f->checked_ns = time_now();
	if (S_ISSOCK(st.st_mode))
		kind = socket_kind(fd, f);
	else if (S_ISFIFO(st.st_mode))
		kind = OTR_FD_PIPE;
	else if (!(st.st_mode & S_IFMT))
		kind = OTR_FD_EVENT; /* or another anonymous inode, such as of epoll */
	if (kind == OTR_FD_STREAM)
		kind = find_home(fd, f);
	otr_put(&f->kind, (uint8_t)kind);
}

struct otr_fd *otr_fd_slot(int fd)
{
	struct otr_fd_page *page = NULL;
	uint32_t number = (uint32_t)fd;

	if (number < otr_shim.n_fds)
		page = __atomic_load_n(&otr_shim.fds[number / OTR_FD_PAGE], __ATOMIC_ACQUIRE);
	return page ? &page->fds[number % OTR_FD_PAGE] : NULL;
}

struct otr_fd *otr_fd_make_slot(int fd)
{
	struct otr_fd *f = otr_fd_slot(fd);

	if (!f && (uint32_t)fd < otr_shim.n_fds)
		otr_alloc_once(&otr_shim.fds[fd / OTR_FD_PAGE], sizeof(**otr_shim.fds));
	return f ? f : otr_fd_slot(fd);
}

/* Clears the state of `f`, which is held, and asks the kernel what `fd` is. What socket(), accept()
 * or connect() have said of it stays. */
static void check_again(int fd, struct otr_fd *f)
{
	uint8_t role = f->role, seen = f->seen_open;

	otr_fd_forget(f);
	otr_put(&f->role, role);
	f->seen_open = seen;
	otr_fd_follow(f);
	check(fd, f);
}

struct otr_fd *otr_fd_of(int fd)
{
	struct otr_fd *f = otr_fd_make_slot(fd), *home;

	if (!f || otr_fd_is_none(f) || !otr_hold(f) || otr_fd_is_stale(f))
		return NULL;
	if (f->kind == OTR_FD_ALIAS) {
		home = otr_fd_known(fd);
		if (home)
			return home;
		otr_fd_forget(f);
	}
	if ((f->kind == OTR_FD_NEW || f->kind == OTR_FD_OTHER) && !otr_get(&otr_shim.has_seccomp))
		check_again(fd, f);
	if (f->kind == OTR_FD_ALIAS)
		return otr_fd_known(fd);
	return f->kind == OTR_FD_NEW || f->kind == OTR_FD_OTHER ? NULL : f;
}

struct otr_fd *otr_fd_home(int fd)
{
	struct otr_fd *f = otr_fd_slot(fd), *home = f;

	if (f && otr_get(&f->kind) == OTR_FD_ALIAS)
		home = otr_fd_slot(otr_get(&f->home));
	if (!home || otr_get(&home->kind) != OTR_FD_STREAM)
		return NULL;
	return home == f || otr_get(&f->inode) == otr_get(&home->inode) ? home : NULL;
}

struct otr_fd *otr_fd_known(int fd)
{
	struct otr_fd *home = otr_fd_home(fd);

	if (!home || !otr_hold(home) || otr_fd_home(fd) != home ||
	    (home->reader_gen != otr_get(&otr_shim.reader_gen) && !otr_get(&home->header)))
		return NULL;
	return home;
}

void otr_fd_count_unread(int fd, int dir, ssize_t n)
{
	struct otr_fd *f = n > 0 ? otr_fd_home(fd) : NULL;

	if (f)
		otr_hold_count_unread(f, dir, n);
}

int otr_fd_is_other(int fd, const struct otr_fd *f)
{
	struct stat st;

	return !otr_get(&otr_shim.has_seccomp) && (otr_sys_fstat(fd, &st) || st.st_ino != f->inode);
}

/* Was the inode of `fd` read less than SURE_NS ago? The time is kept for the home, not for
 * aliases. */
static int is_sure(int fd, const struct otr_fd *f, uint64_t now)
{
	return !otr_get(&otr_shim.missed_close) && f == otr_fd_slot(fd) &&
	       now - f->checked_ns < SURE_NS;
}

int otr_fd_is_same(int fd, struct otr_fd *f)
{
	int sealed = otr_get(&otr_shim.has_seccomp);
	uint64_t now = sealed ? 0 : time_now();
	struct stat st;

	if (sealed || is_sure(fd, f, now) || otr_sys_fstat(fd, &st))
		return 1;
	if (st.st_ino != f->inode) {
		otr_put(&otr_shim.missed_close, 1);
		return 0;
	}
	f->checked_ns = now;
	return 1;
}

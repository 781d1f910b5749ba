/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SHIM_H
#define OTR_SHIM_H

/*
 * shim.h - what the library keeps inside a traced process.
 *
 * It never blocks, allocates, locks, logs, starts a thread or keeps a descriptor. All of
 * it lies in static memory and in mappings made once; what does not fit is not followed,
 * and counted. Every wrapper calls through when anything is unusual.
 */

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "bpf/causality.h"
#include "bpf/frames.h"
#include "bpf/ring.h"
#include "preload/base/inbound.h"
#include "preload/base/share.h"
#include "preload/parse/environ.h"
#include "preload/parse/request_boundary.h"
#include "preload/trace/dial.h"

#define OTR_FDS		 65536 /* numbers of descriptors */
#define OTR_FD_PAGE	 256   /* of them lie together */
#define OTR_STRANDS	 4096  /* threads followed at once */
#define OTR_EXCHS	 2048  /* inbound connections with an exchange */
#define OTR_NOTIFY_SLOTS 64    /* notify slots (R9) */
#define OTR_HEADERS	 256   /* headers on their way at once */
#define OTR_TAIL	 8     /* the last bytes of a run: they tell that chunks end */
#define OTR_TRIES	 100
#define OTR_LOOK_AGAIN	 64   /* calls on what was no socket, until it is looked at again */
#define OTR_HOMES	 4096 /* hints where a socket's state lies */

#define OTR_LIB_BYTES 4160 /* told of one call of a client library: see pqwire.h */

#define OTR_HEADER_MAX (70 + 14 + OTR_TRACESTATE_MAX + 11 + OTR_BAGGAGE_MAX)

enum otr_fd_kind {
	OTR_FD_NEW, /* not looked at yet */
	OTR_FD_OTHER,
	OTR_FD_STREAM, /* a stream socket, TCP or AF_UNIX */
	OTR_FD_PAIR,   /* an unnamed AF_UNIX pair: a notify slot */
	OTR_FD_PIPE,
	OTR_FD_EVENT,
	OTR_FD_ALIAS, /* another number has the state of this socket: `home` */
};

/* One direction of a connection; the run that is going on. */
struct otr_shim_dir {
	uint64_t pos; /* of the run's first byte */
	uint64_t bytes;
	uint64_t first_ns, last_ns;
	uint64_t total; /* since we first saw the connection */
	uint32_t calls, copied, head_bytes;
	uint8_t capture;
	uint8_t cut; /* bytes of this run were moved without a record */
	uint8_t eof;
	uint8_t tail[OTR_TAIL];
	struct otr_frames frames;
	uint8_t head_open;    /* the run is a request whose head goes on: headend.c */
	uint8_t head_last[2]; /* its last two bytes */
};

#define OTR_DIR_NONE 2

enum otr_shed {
	OTR_SHED_NOT,
	OTR_SHED_RECORDS,
	OTR_SHED_ALL, /* nor do the rules know of it */
};

/* What is known of a descriptor. The number may be another's at any time (closed by a
 * system call we do not see): `inode` is compared when a message begins. Who reads or writes
 * it has to hold it: share.h, otr_fd_of(). Words marked with an asterisk are read without, by
 * otr_get(). */
struct otr_fd {
	uint64_t inode;	  /* * 0: not known */
	uint64_t sure_ns; /* when it was last seen to be that */
	struct otr_shim_dir way[2];
	struct otr_asked asked;
	struct otr_cause cause;	      /* of the request about to go out */
	struct otr_boundary boundary; /* of a client */
	struct otr_dial dial;
	uint32_t policy_gen;
	uint32_t gen;	      /* * of the ring's reader: of another all this is stale */
	int32_t began;	      /* the process that connected it, from its first byte; 0: none */
	int32_t announced_by; /* the process that told of it; 0: none */
	uint16_t looked;      /* * calls since it was found to be no socket */
	uint16_t family;
	uint8_t kind; /* * enum otr_fd_kind */
	uint8_t role; /* * */
	uint8_t seen_open;
	uint8_t last_dir;
	uint8_t nonblock;
	uint8_t has_cause; /* R4 was asked; the bytes are not out yet */
	uint8_t layer;	   /* enum otr_layer */
	uint8_t opening;   /* enum otr_opening */
	uint8_t foreign;   /* began as no HTTP and no TLS: see otr_span_ids */
	uint8_t opaque;	   /* * what is said lies in otr_fd_upper(): these are ciphertext, or
			    * what a library makes of calls that are told */
	uint8_t shed;	   /* * enum otr_shed: the exchange that goes on is not told */
	uint8_t shed_next; /* nor will be the one whose cause was asked for */
	uint16_t dup;	   /* an alias of this socket's, + 1; 0: none known */
	uint16_t home;	   /* * of an alias */
	uint8_t greeted;   /* enum otr_greeted: the peer has spoken first, so this is no HTTP */
	uint8_t barred;	   /* the peer gets no header: see otr_peer_bars() */
	uint32_t host;	   /* of the peer's address, not its port; 0: not known */
	/* Place in the table of headers, + 1: one is going out, by one thread. And what of it
	 * still has to go before the caller's next bytes. */
	uint16_t header __attribute__((aligned(8))), rest, rest_at;
	uint16_t sending; /* calls that send on it at this moment */
	uint16_t resting; /* a thread sends `rest`: its number is `rester` */
	int32_t rester;
	/* Not forgotten with the rest. */
	int32_t owner;	    /* * the thread that holds it; 0: none */
	uint32_t life;	    /* counts how often all that was known of it was forgotten */
	uint64_t unseen[2]; /* * bytes moved past its holder: see hold.c */
};

/* Of so many numbers; and OTR_FD_PAGE further, of those that are opaque, what is said. */
struct otr_fd_page {
	struct otr_fd fds[2 * OTR_FD_PAGE];
};

struct otr_header {
	uint32_t taken;
	char text[OTR_HEADER_MAX];
};

#define OTR_HELD 2 /* connections at once: an alias and its home */

/* One thread. */
struct otr_self {
	int32_t tid; /* 0: free */
	uint32_t n_held;
	struct otr_fd *held[OTR_HELD];
	uint32_t gen; /* of the ring's reader: of another `strand` is stale */
	/* Frame of the wrapper it is in: what is called from there passes through. 0: none */
	uintptr_t inside;
	uint64_t now_ns; /* while bytes that were moved are told of: when. 0: not that */
	struct otr_strand strand;
	/* In a call of a TLS library; see tls.c. */
	uintptr_t tls_frame; /* of our wrapper; 0: in none */
	const void *tls_session;
	int32_t tls_fd; /* whose ciphertext it moved; -1: none yet */
	int32_t tls_hello;
	/* In a call of libpq that waits for its answer; see pq.c. */
	uintptr_t pq_frame;
	const void *pq_conn;
	int32_t pq_asked; /* it made another call of libpq's, to ask */
};

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_shim {
	/* Tested first by every wrapper. Points to `idle` until there is a ring. */
	const volatile uint32_t *off; /* read by otr_is_off() */
	uint32_t idle;		      /* 1: before the constructor, or switched off */
	uint32_t gen; /* of the ring's reader, as it was met last; 0: it is the first */
	int32_t pid;
	uint8_t sealed;	  /* the program filters its system calls: we make none */
	uint8_t only;	  /* 1: children that it forks are not traced */
	uint32_t offered; /* enum making of ring.c: one thread does, or has */
	uint8_t given;	  /* the agent has it, or finds it */
	uint8_t failed;	  /* no ring is to be had */
	uint8_t tries;	  /* to offer one, when too many did */
	uint8_t behind;	  /* the agent is: see otr_ring_is_behind() */
	uint8_t missed;	  /* it has closed a descriptor past us */
	uint8_t alone;	  /* calls on its own account: it serves, or its maker did */
	uint8_t listens;  /* whom it forks are servers */
	uint32_t calls;	  /* in the trace of `run` */
	uint32_t unsaid;  /* records before there was a ring, or in one that nobody took */
	uint64_t tail;	  /* of the ring, as it was read last */
	struct otr_ring_switches say; /* by our environment */
	uint8_t *alive;		      /* wiped by fork: 0 in a child that has not begun anew */
	struct otr_ring *ring;
	struct otr_ring *maker; /* the ring of who forked us, until there is one of our own */
	char *slots;		/* mapped twice in a row, so that no slot wraps */
	struct otr_fd_page *fds[OTR_FDS / OTR_FD_PAGE]; /* NULL: none was looked at */
	uint32_t n_fds;
	struct otr_tls *tls;
	struct otr_pq *pqs;
	struct otr_copy *copies;
	char *pq_texts;	    /* statements with a comment of ours */
	uint8_t pq_comment; /* 1: such are made */
	uint32_t owing;	    /* connections on which a part of a header still has to go */
	uint32_t *homes;    /* by inode: number + 1 */
	struct otr_header *headers;
	struct otr_inbound *served;
	struct otr_self *selves;
	struct otr_proc_state proc;
	struct otr_notify_slot notify_slots[OTR_NOTIFY_SLOTS];
	uint64_t random[2];
	char session[108]; /* NAME.SECRET: the agent's socket, and what it wants to hear */
	uint16_t session_len, name_len;
	uint32_t netns; /* its inode */
	const char *exe;
	char **argv;
	struct otr_started started; /* in which trace */
};

extern struct otr_shim otr_shim;

/* The ring; NULL: there is none yet. */
static inline struct otr_ring *otr_ring_now(void)
{
	return __atomic_load_n(&otr_shim.ring, __ATOMIC_ACQUIRE);
}

/* Does every wrapper call through? */
static inline int otr_is_off(void)
{
	return otr_get(__atomic_load_n(&otr_shim.off, __ATOMIC_ACQUIRE)) != 0;
}

/* shim.c: is this thread to be observed now? NULL: call through. Else otr_leave() must
 * follow. */
struct otr_self *otr_enter(void);
void otr_leave(struct otr_self *self);
/* Are we in a handler that has a stack of its own, perhaps of 2 KB? */
int otr_on_other_stack(void);
/* Before the first byte of a socket moves: the ring is offered, so that the kernel side
 * leaves it, and all that follow, to us. */
void otr_offer_early(int fd);
static inline void otr_before(int fd)
{
	if (!otr_is_off() && (!otr_shim.given || !*otr_shim.alive))
		otr_offer_early(fd);
}

/* pthread.c */
struct otr_self *otr_self_now(void);
const struct otr_self *otr_self_peek(void); /* as it is, or NULL */
void otr_threads_forked(void);
int otr_has_ended(int32_t tid); /* a thread of ours */

/* clock.c: CLOCK_MONOTONIC, whatever the program is made to believe. */
void otr_clock_find(void);
uint64_t otr_clock_ns(void);

/* emit.c: records. */
void otr_emit_process(void);
void otr_emit_environment(void);
void otr_emit_behind(void); /* requests are let go from here on */
void otr_emit_named(void);  /* what its environment named, others were told, too */
void otr_emit_conn(int fd, struct otr_fd *f, uint16_t kind, int error);
void otr_emit_run(struct otr_fd *f, int dir, int eof);
uint32_t otr_emit_data(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		       uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		       const struct iovec *iov, int n, uint32_t cap);
void otr_emit_progress(struct otr_fd *f, int dir);
void otr_forget_progress(struct otr_fd *f, int dir);

/* layer.c: where what is said on `f` is kept: itself, or of what lies above it. */
struct otr_fd *otr_fd_upper(struct otr_fd *f);
/* From now on that is `layer`, whose place this gives; the socket is opaque. */
struct otr_fd *otr_fd_begin_upper(struct otr_fd *f, uint8_t layer);
/* Are these bytes ciphertext, since a TLS library moves them now, or did before? */
int otr_tls_below(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov, int n);
/* Is this thread in a call of one? */
int otr_tls_inside(const struct otr_self *self);
/* Ciphertext of `f` was sent: is its plaintext known? */
void otr_tls_beside(const struct otr_self *self, struct otr_fd *f);
/* user_copy.c */
int otr_is_alone(void); /* has there been one thread alone, for sure? */
void otr_copies_forked(void);
/* net.c: a message came, perhaps with descriptors in it. */
struct msghdr;
void otr_came(const struct msghdr *msg);

/* flow.c: bytes were moved, or were not. `iov` holds what the kernel took or gave. `start_ns`:
 * when the call began; 0: not known. */
void otr_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, uint64_t moved,
	       uint64_t start_ns, const struct iovec *iov, int n);
void otr_not_moved(struct otr_self *self, int fd, struct otr_fd *f, int dir, ssize_t ret,
		   int error);
/* While requests are let go, of a server that asks nobody: what moves is counted, and that is
 * all. Returns 0 where it is more. */
int otr_shed_fast_path(struct otr_self *self, struct otr_fd *f, int dir, uint64_t moved,
		       const struct iovec *iov, int n);
/* Will that be so of the request that is about to go out on `f`? */
int otr_asks_unseen(const struct otr_self *self, const struct otr_fd *f);
/* Somebody may be told on behalf of what this process is asked for. */
void otr_mark_propagates(void);
/* Who asks, by its first bytes, where that is not known. */
void otr_learn_role(struct otr_fd *f, int dir, const struct iovec *iov, int n);
/* Will what moves now in this direction not be told? Decided where a request begins. */
int otr_will_shed(const struct otr_fd *f, int dir);
/* How many bytes of the next call that sends on `f` will anybody look at? */
size_t otr_wanted(const struct otr_fd *f);
/* Before the connection's end is told: how far its run went. */
void otr_runs_over(struct otr_fd *f);

/* frames.c: bytes of a connection that is captured by frames. */
void otr_frames_moved(struct otr_fd *f, struct otr_self *self, int dir, uint64_t pos,
		      uint64_t moved, uint64_t start_ns, int first, const struct otr_cause *cause,
		      const struct iovec *iov, int n);
/* The first bytes of a direction: do they say by themselves how it is captured? */
enum otr_opening otr_open(struct otr_fd *f, int dir, const struct iovec *iov, int n);

/* rules.c: causality.h at home in a process. */
void otr_rules_moved(struct otr_self *self, struct otr_fd *f, int dir, int first, uint64_t pos,
		     uint64_t now, const struct iovec *iov, int n, struct otr_cause *cause);
/* R4 for the request that is about to go out on `f`: once, into f->cause. */
void otr_rules_ask(struct otr_self *self, struct otr_fd *f, uint64_t now);
void otr_rules_touch(struct otr_self *self, struct otr_fd *f);
void otr_rules_notify(struct otr_self *self, uint64_t key, int write, uint64_t now);

#pragma GCC visibility pop

#include "preload/base/fd.h"
#include "preload/ring/ring.h"

#endif /* OTR_SHIM_H */

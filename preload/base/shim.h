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
#include "preload/base/share.h"
#include "preload/parse/environ.h"
#include "preload/parse/request_boundary.h"

#define OTR_FDS		  65536 /* numbers of descriptors */
#define OTR_FD_PAGE	  256	/* of them lie together */
#define OTR_STRANDS	  4096	/* threads followed at once */
#define OTR_EXCHS	  2048	/* inbound connections with an exchange */
#define OTR_NOTIFY_SLOTS  64	/* notify slots (R9) */
#define OTR_HEADERS	  256	/* headers on their way at once */
#define OTR_TAIL	  8	/* the last bytes of a run: they tell that chunks end */
#define OTR_OFFER_TRIES	  100
#define OTR_RECHECK_CALLS 64   /* calls on what was no socket, until it is looked at again */
#define OTR_HOMES	  4096 /* hints where a socket's state lies */

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

/* A connect() that has not come about yet. */
struct otr_dial {
	uint64_t start_ns; /* 0: there is none */
	struct otr_cause cause;
	struct otr_addr remote;
};

/* What is known of a descriptor. The number may be another's at any time (closed by a
 * system call we do not see): `inode` is compared when a message begins. Who reads or writes
 * it has to hold it: share.h, otr_fd_of(). Words marked with an asterisk are read without, by
 * otr_get(). */
struct otr_fd {
	uint64_t inode;	     /* * 0: not known */
	uint64_t checked_ns; /* when it was last seen to be that */
	struct otr_shim_dir dirs[2];
	struct otr_asked asked;
	struct otr_cause cause;	      /* of the request about to go out */
	struct otr_boundary boundary; /* of a client */
	struct otr_dial dial;
	uint32_t policy_gen;
	uint32_t reader_gen;	  /* * of the ring's reader: of another all this is stale */
	int32_t connected_by;	  /* the process that connected it, from its first byte; 0: none */
	int32_t announced_by;	  /* the process that told of it; 0: none */
	uint16_t calls_unchecked; /* * calls since it was found to be no socket */
	uint16_t family;
	uint8_t kind; /* * enum otr_fd_kind */
	uint8_t role; /* * */
	uint8_t seen_open;
	uint8_t last_dir;
	uint8_t nonblock;
	uint8_t has_cause;  /* R4 was asked; the bytes are not out yet */
	uint8_t layer;	    /* enum otr_layer */
	uint8_t opening;    /* enum otr_opening */
	uint8_t is_binary;  /* began as no HTTP and no TLS: see otr_span_ids */
	uint8_t opaque;	    /* * what is said lies in otr_fd_upper(): these are ciphertext, or
			    * what a library makes of calls that are told */
	uint8_t shed;	    /* * enum otr_shed: the exchange that goes on is not told */
	uint8_t shed_next;  /* nor will be the one whose cause was asked for */
	uint16_t alias;	    /* an alias of this socket's, + 1; 0: none known */
	uint16_t home;	    /* * of an alias */
	uint8_t greeting;   /* enum otr_greeting: the peer has spoken first, so this is no HTTP */
	uint8_t is_denied;  /* the peer gets no header: see otr_peer_bars() */
	uint32_t host_hash; /* of the peer's address, not its port; 0: not known */
	/* Place in the table of headers, + 1: one is going out, by one thread. And what of it
	 * still has to go before the caller's next bytes. */
	uint16_t header __attribute__((aligned(8))), rest, rest_at;
	uint16_t senders;	/* calls that send on it at this moment */
	uint16_t rest_is_taken; /* a thread sends `rest`: its number is `rester` */
	int32_t rest_sender;
	/* Not forgotten with the rest. */
	int32_t owner;		  /* * the thread that holds it; 0: none */
	uint32_t life;		  /* counts how often all that was known of it was forgotten */
	uint64_t unseen_bytes[2]; /* * bytes moved past its holder: see hold.c */
};

/* Of so many numbers; and OTR_FD_PAGE further, of those that are opaque, what is said. */
struct otr_fd_page {
	struct otr_fd fds[2 * OTR_FD_PAGE];
};

struct otr_header {
	uint32_t taken;
	char text[OTR_HEADER_MAX];
};

/* The trace an exchange is in, as one that other threads copy. */
struct otr_span_ids {
	uint8_t trace_id[16];
	uint8_t span_id[8]; /* its own; of one that is let go, that of who asked */
	uint8_t flags;
	uint8_t layer;	   /* where the request was read */
	uint8_t shed;	   /* it is not told */
	uint8_t has_ids;   /* 0: not to be known, so nothing is injected for it .. */
	uint8_t is_binary; /* .. unless its protocol names no trace that we could read */
	uint16_t state_len, baggage_len;
} __attribute__((aligned(8)));

/* The last exchange of an inbound connection. */
struct otr_inbound {
	uint64_t conn;
	uint32_t seq; /* odd while one thread writes all but `exch` */
	uint32_t pad;
	struct otr_exch exch;
	struct otr_span_ids ids;
	char state[OTR_TRACESTATE_MAX];
	char baggage[OTR_BAGGAGE_MAX];
};

struct otr_notify_slot {
	uint64_t key;
	uint32_t taken;	    /* 1: a thread has it */
	uint32_t contended; /* another thread found it taken: what is in it is not to be believed */
	struct otr_notify_token token;
};

#define OTR_HELD 2 /* connections at once: an alias and its home */

/* One thread. */
struct otr_self {
	int32_t tid; /* 0: free */
	uint32_t n_held;
	struct otr_fd *held[OTR_HELD];
	uint32_t reader_gen; /* of the ring's reader: of another `strand` is stale */
	/* Frame of the wrapper it is in: what is called from there passes through. 0: none */
	uintptr_t wrapper_frame;
	uint64_t event_ns; /* while bytes that were moved are told of: when. 0: not that */
	struct otr_strand strand;
	/* In a call of a TLS library; see tls.c. */
	uintptr_t tls_frame; /* of our wrapper; 0: in none */
	const void *tls_session;
	int32_t tls_fd; /* whose ciphertext it moved; -1: none yet */
	int32_t tls_is_handshake;
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
	uint32_t reader_gen; /* of the ring's reader, as it was met last; 0: it is the first */
	int32_t pid;
	uint8_t has_seccomp;	  /* the program filters its system calls: we make none */
	uint8_t no_follow;	  /* 1: children that it forks are not traced */
	uint32_t offer_state;	  /* enum making of ring.c: one thread does, or has */
	uint8_t is_offered;	  /* the agent has it, or finds it */
	uint8_t ring_failed;	  /* no ring is to be had */
	uint8_t offer_tries;	  /* to offer one, when too many did */
	uint8_t reader_is_behind; /* the agent is: see otr_ring_is_behind() */
	uint8_t missed_close;	  /* it has closed a descriptor past us */
	uint8_t is_server;	  /* calls on its own account: it serves, or its maker did */
	uint8_t listens;	  /* whom it forks are servers */
	uint32_t run_calls;	  /* in the trace of `run` */
	uint32_t lost_records;	  /* records before there was a ring, or in one that nobody took */
	uint64_t seen_tail;	  /* of the ring, as it was read last */
	struct otr_ring_switches switches; /* by our environment */
	uint8_t *alive;			   /* wiped by fork: 0 in a child that has not begun anew */
	struct otr_ring *ring;
	struct otr_ring *parent_ring; /* the ring of who forked us, until there is one of our own */
	char *slots;		      /* mapped twice in a row, so that no slot wraps */
	struct otr_fd_page *fds[OTR_FDS / OTR_FD_PAGE]; /* NULL: none was looked at */
	uint32_t n_fds;
	struct otr_tls *tls;
	struct otr_pq *pqs;
	struct otr_copy *copies;
	char *pq_texts;	    /* statements with a comment of ours */
	uint8_t pq_comment; /* 1: such are made */
	uint32_t n_rests;   /* connections on which a part of a header still has to go */
	uint32_t *homes;    /* by inode: number + 1 */
	struct otr_header *headers;
	struct otr_inbound *inbounds;
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

/* Are we on a stack of its own for handlers of signals, perhaps of 2 KB? One system call. */
int otr_on_other_stack(void);

/* Adds one to a counter of the ring, where there is one. */
void otr_count(enum otr_shim_count what);

/* Is this switch (OTR_RING_NO_..) on, by the environment or the agent? */
int otr_switch_is_on(uint32_t flag);

#pragma GCC visibility pop

#endif /* OTR_SHIM_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SHIM_H
#define OTR_SHIM_H

/*
 * shim.h - the state that the library keeps inside a traced process.
 * The library never blocks, locks, logs, starts a thread or keeps a descriptor open, and calls no
 * allocator of libc. All of its state lies in static memory and in mappings that are made once; a
 * connection or request that does not fit is not followed. If anything is unusual, a wrapper makes
 * its call without any change.
 */

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "bpf/causality.h"
#include "bpf/frames.h"
#include "bpf/opening.h"
#include "bpf/ring.h"
#include "preload/base/share.h"
#include "preload/parse/environ.h"
#include "preload/parse/request_boundary.h"

#define OTR_FDS		  65536 /* descriptor numbers that are followed */
#define OTR_FD_PAGE	  256	/* numbers that share one allocation */
#define OTR_STRANDS	  4096	/* threads that are followed at a time */
#define OTR_EXCHS	  2048	/* inbound connections with an exchange at a time */
#define OTR_NOTIFY_SLOTS  64	/* causality.h, R9 */
#define OTR_HEADERS	  256	/* headers that are being sent at a time */
#define OTR_TAIL	  8 /* last bytes of a run that are kept; they show the end of a chunked body */
#define OTR_OFFER_TRIES	  100 /* offers of a ring while the queues of the agent are full */
#define OTR_RECHECK_CALLS 64 /* after so many calls, a number that was no socket is checked again */
#define OTR_HOMES	  4096 /* hints which number of a socket has the state */

#define OTR_LIB_BYTES \
	4160 /* bytes that are emitted of one call of a client library: see pqwire.h */

#define OTR_HEADER_MAX (OTR_PARENT_LINE + OTR_STATE_LINE + OTR_BAGGAGE_LINE)

enum otr_fd_kind {
	OTR_FD_NEW,    /* not checked yet */
	OTR_FD_OTHER,  /* not followed */
	OTR_FD_STREAM, /* a stream socket, TCP or AF_UNIX */
	OTR_FD_PAIR,   /* an unnamed AF_UNIX pair: a notify slot */
	OTR_FD_PIPE,
	OTR_FD_EVENT,
	OTR_FD_ALIAS, /* another number of the same socket has the state: `home` */
};

/* One direction of a connection, with its current run. */
struct otr_shim_dir {
	uint64_t pos;		    /* position of the first byte of the run */
	uint64_t bytes;		    /* of the run */
	uint64_t first_ns, last_ns; /* time of its first and last call */
	uint64_t total;		    /* bytes since the connection was first seen */
	uint32_t calls, copied;	    /* calls of the run; bytes of the run that were copied */
	uint32_t head_bytes;	    /* bytes of a run, or of a call, to copy: a policy */
	uint8_t capture;	    /* OTR_CAPTURE_..: a policy */
	uint8_t cut;		    /* 1: bytes of this run were moved without a record */
	uint8_t eof;		    /* 1: no more bytes will come in this direction */
	uint8_t tail[OTR_TAIL];	    /* the last bytes of a run that is cut */
	struct otr_frames frames;
	uint8_t head_open;    /* the run is a request whose head is not complete: headend.c */
	uint8_t head_last[2]; /* the last two bytes of that head */
};

#define OTR_DIR_NONE 2

enum otr_shed {
	OTR_SHED_NOT,
	OTR_SHED_RECORDS, /* no records are emitted; the causality rules follow the exchange */
	OTR_SHED_ALL,	  /* the causality rules do not follow it either */
};

/* A connect() that has not succeeded yet. */
struct otr_dial {
	uint64_t start_ns; /* 0: no connect() is pending */
	struct otr_cause cause;
	struct otr_addr remote;
};

/* A descriptor number, and the socket that it names. The number may name another socket at any
 * time, as close() can be called where no wrapper sees it: so `inode` is compared when a message
 * begins. A thread reads and writes these fields while it holds the connection (share.h,
 * otr_fd_of()). Fields marked with an asterisk are also read without holding it, by otr_get(). */
struct otr_fd {
	uint64_t inode;	     /* * 0: not known */
	uint64_t checked_ns; /* when `inode` was last compared */
	struct otr_shim_dir dirs[2];
	struct otr_asked asked;	      /* causality of its outbound requests */
	struct otr_cause cause;	      /* of the next outbound request: see `has_cause` */
	struct otr_xref asked_for;    /* current of the thread for which R4 set `cause` */
	struct otr_boundary boundary; /* of the requests that a client sends */
	struct otr_dial dial;
	uint32_t policy_gen;  /* generation of the ring's table of policies that was read */
	uint32_t reader_gen;  /* * the reader of the ring for which this state is valid */
	int32_t connected_by; /* the process that connected it and saw its first byte; 0: none */
	int32_t announced_by; /* the process that emitted CONN_OPEN; 0: none */
	int32_t error;	      /* errno of a call that failed, for CONN_CLOSE; 0: none */
	uint16_t calls_unchecked; /* * calls since the number was found to be no socket */
	uint16_t family;
	uint8_t kind;	   /* * enum otr_fd_kind */
	uint8_t role;	   /* * OTR_ROLE_.. */
	uint8_t seen_open; /* 1: a wrapper saw how the connection began */
	uint8_t last_dir;  /* direction of the last bytes; OTR_DIR_NONE: none moved */
	uint8_t nonblock;  /* 1: O_NONBLOCK was set when the number was checked */
	uint8_t has_cause; /* 1: R4 has set `cause`, and the request is not sent yet */
	uint8_t layer;	   /* enum otr_layer */
	uint8_t opening;   /* enum otr_opening */
	uint8_t is_binary; /* 1: the first byte is that of a binary protocol: see otr_span_ids */
	uint8_t has_upper; /* * the bytes carry TLS or calls of a client library: otr_fd_upper() has
			     * the state of the messages, and this state counts bytes alone */
	uint8_t shed;	   /* * enum otr_shed, of the current exchange */
	uint8_t shed_next; /* 1: the request of `cause` will be shed */
	uint16_t home;	   /* * of an alias: the number that has the state */
	uint8_t greeting;  /* enum otr_greeting: a peer that sends first speaks no HTTP */
	uint8_t is_denied; /* 1: the peer gets no header: see otr_peer_connected() */
	uint32_t host_hash; /* of the peer's address without its port; 0: not known */
	uint32_t alias;	    /* * the next number of this socket, + 1, in a list from the home on; 0:
			     * the last */
	/* The header that is being sent. Threads that do not hold the connection change it, too, as
	 * one word: header_slot.c. */
	union {
		uint64_t header_word; /* * */
		struct {
			uint16_t header;     /* its slot, + 1; 0: no header is sent */
			uint16_t unsent;     /* bytes of it that have to be sent before the
					       * caller's next ones, */
			uint16_t unsent_at;  /* and where they begin */
			uint16_t header_gen; /* `gen` when the slot was taken */
		};
	};
	int32_t unsent_sender; /* * the thread that sends the unsent part at this moment; 0: none */
	/* Calls that send on the connection at this moment are `senders` less `senders_gone`, which
	 * counts calls that ended while their thread could not hold it. */
	uint16_t senders;
	uint16_t senders_gone; /* * */
	/* otr_fd_forget() does not clear these. */
	int32_t owner;		  /* * the thread that holds the connection; 0: none */
	uint32_t gen;		  /* * generation: how often the state was cleared */
	uint64_t unread_bytes[2]; /* * bytes of threads that could not hold it: hold.c */
};

/* The state of OTR_FD_PAGE numbers, followed by that of their upper layers: f + OTR_FD_PAGE. */
struct otr_fd_page {
	struct otr_fd fds[2 * OTR_FD_PAGE];
};

struct otr_header {
	uint32_t taken; /* 1: the slot is in use */
	char text[OTR_HEADER_MAX];
};

/* The trace of an inbound exchange, in a form that other threads can copy. */
struct otr_span_ids {
	uint8_t trace_id[16];
	uint8_t span_id[8]; /* of the exchange; of its parent, if the exchange is shed */
	uint8_t flags;
	uint8_t layer;	   /* enum otr_layer in which the request was read */
	uint8_t shed;	   /* 1: the exchange is not emitted */
	uint8_t has_ids;   /* 0: the trace is not known, so no header names it */
	uint8_t is_binary; /* 1: no trace is read in this protocol, so a new trace may begin */
	uint16_t state_len, baggage_len;
} __attribute__((aligned(8)));

/* The last exchange of an inbound connection; in code `inbound`. */
struct otr_inbound {
	uint64_t conn; /* inode of the socket; 0: the slot is free */
	uint32_t seq;  /* odd while a thread writes any field but `exch` */
	uint32_t pad;
	struct otr_exch exch;
	struct otr_span_ids ids;
	char state[OTR_TRACESTATE_MAX]; /* lengths are in `ids` */
	char baggage[OTR_BAGGAGE_MAX];
};

struct otr_notify_slot {
	uint64_t key;
	uint32_t taken;	    /* 1: a thread uses it */
	uint32_t contended; /* 1: another thread found it taken, so its token is dropped */
	struct otr_notify_token token;
};

#define OTR_HELD 2 /* connections that a thread holds at a time: an alias and its home */

/* One thread. Only this thread reads or writes it. */
struct otr_self {
	int32_t tid; /* 0: the slot is free */
	uint32_t n_held;
	struct otr_fd *held[OTR_HELD];
	uint32_t reader_gen; /* number of the ring's reader; if it has changed, `strand` is stale */
	/* Stack frame of the wrapper that the thread is in; 0: none. Wrappers that are called from
	 * there only make their call. */
	uintptr_t wrapper_frame;
	uint64_t event_ns; /* time of all records of the present call; 0: the clock is read */
	struct otr_strand strand;
	/* While the thread is in a call of a TLS library: see tls.c. */
	uintptr_t tls_frame; /* stack frame of our wrapper; 0: in no such call */
	const void *tls_session;
	int32_t tls_fd; /* the socket whose ciphertext the call moved; -1: none yet */
	int32_t tls_is_handshake;
	/* While the thread is in a call of libpq that waits for its answer: see pq.c. */
	uintptr_t pq_frame;
	const void *pq_conn;
	int32_t pq_asked; /* 1: the call has made another one that sends a statement */
};

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

struct otr_shim {
	/* Read first by every wrapper, in otr_is_off(). Points to `idle` until there is a ring. */
	const volatile uint32_t *off;
	uint32_t idle;	     /* 1: the constructor has not run, or the library stays off */
	uint32_t reader_gen; /* number of the ring's reader; 0: the first reader */
	int32_t pid;
	uint8_t has_seccomp;  /* a seccomp filter is in force: the library makes no system call */
	uint8_t no_follow;    /* 1: children made by fork are not traced */
	uint32_t offer_state; /* enum offer_state of offer.c */
	uint8_t is_offered;   /* the agent has the ring, or can find it */
	uint8_t ring_failed;  /* no ring could be made */
	uint8_t offer_tries;  /* offers that failed as the queues of the agent were full */
	uint8_t reader_is_behind; /* see otr_ring_is_behind() */
	uint8_t missed_close;	  /* 1: the program has closed a descriptor and no wrapper saw it */
	/* 1: the process or its parent serves requests. Then outbound requests without a parent are
	 * not in the trace in which the process was started. */
	uint8_t is_server;
	uint8_t listens;       /* listen() was called: children are servers */
	uint32_t run_calls;    /* requests that were sent in the trace of `otrace run` */
	uint32_t lost_records; /* before there was a ring, or in a ring that no agent took */
	uint64_t seen_tail;    /* the reader's position, as it was read last */
	struct otr_ring_switches switches; /* set by the environment */
	uint8_t *alive; /* OTR_ALIVE_..; the kernel sets the page to 0 in a child of fork */
	struct otr_ring *ring;
	struct otr_ring *parent_ring; /* after fork, until the child has its own */
	char *slots; /* slots of the ring, mapped twice in a row, so that no record wraps */
	struct otr_fd_page *fds[OTR_FDS / OTR_FD_PAGE]; /* NULL: no number of the page was used */
	uint32_t n_fds;
	struct otr_tls *tls;
	struct otr_pq *pqs;
	struct otr_copy *copies;
	char *pq_texts;	    /* statements with a comment that names the trace */
	uint8_t pq_comment; /* 1: statements get a comment */
	uint32_t n_unsent;  /* connections with an unsent part of a header */
	uint32_t *homes;    /* by hash of the inode: number of the home, + 1 */
	struct otr_header *headers;
	struct otr_inbound *inbounds;
	struct otr_self *selves;
	struct otr_proc_state proc;
	struct otr_notify_slot notify_slots[OTR_NOTIFY_SLOTS];
	uint64_t random[2];
	char session[108]; /* OTRACE_SESSION: NAME.SECRET */
	uint16_t session_len, name_len;
	uint32_t netns; /* inode of the network namespace */
	const char *exe;
	char **argv;
	struct otr_started started; /* the trace that the process was started in */
};

extern struct otr_shim otr_shim;

/* Returns the ring, or NULL before there is one. */
static inline struct otr_ring *otr_ring_now(void)
{
	return __atomic_load_n(&otr_shim.ring, __ATOMIC_ACQUIRE);
}

/* Do all wrappers make their calls without any change? */
static inline int otr_is_off(void)
{
	return otr_get(__atomic_load_n(&otr_shim.off, __ATOMIC_ACQUIRE)) != 0;
}

/* Does the thread run on the alternate signal stack, which may have 2 KB? One system call. */
int otr_on_other_stack(void);

/* Adds 1 to a counter of the ring, if there is a ring. */
void otr_count(enum otr_shim_count what);

/* Is this switch (OTR_RING_NO_..) set, by the environment or the agent? */
int otr_switch_is_on(uint32_t flag);

#pragma GCC visibility pop

#endif /* OTR_SHIM_H */

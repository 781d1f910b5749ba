/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SHARE_H
#define OTR_SHARE_H

/*
 * share.h - which thread may read and write which state, and how state is published.
 *
 *	of a thread		struct otr_self. Only its thread reads or writes it. A slot passes
 *				to another thread by compare-and-swap of `tid`.
 *	of a connection		struct otr_fd, and its upper layer (otr_fd_upper()). Only the
 *				thread that holds it reads or writes it: otr_fd_of() holds it,
 *				otr_leave() releases it, `owner` is the thread. Other threads
 *				read the fields with an asterisk in shim.h by otr_get().
 *	of a call		struct plan (io.c), struct otr_copy (user_copy.c): on the stack of
 *				the caller, or taken by compare-and-swap. After the call the
 *				thread holds the connection again, which is the same one if
 *				its generation (`gen`) is the same.
 *	of a TLS session	the bytes that go out in place of the caller's: thread `writer`
 *				(tls.c).
 *	of an exchange		struct otr_inbound: the thread that writes makes `seq` odd;
 *				readers copy, and compare `seq` (a seqlock). struct otr_exch and
 *				otr_proc_state: one atomic word for each fact
 *				(bpf/causality_state.h).
 *	of the process		words of struct otr_shim: otr_get(), otr_put().
 *
 * No thread waits. A thread that cannot hold a connection within a moment counts the bytes that it
 * moved as unread (otr_fd_count_unread()), and the next holder adds them to its positions. So no
 * thread reads state while another thread writes it.
 *
 * OTR_YIELD() marks the points at which another thread may run; a test makes it run there.
 */

#include <stddef.h>
#include <stdint.h>

#ifndef OTR_YIELD
#define OTR_YIELD() ((void)0)
#else
void otr_test_yield(void);
#endif

#define otr_get(p)                                    \
	({                                            \
		OTR_YIELD();                          \
		__atomic_load_n(p, __ATOMIC_RELAXED); \
	})
#define otr_put(p, value)                                     \
	({                                                    \
		OTR_YIELD();                                  \
		__atomic_store_n(p, value, __ATOMIC_RELAXED); \
	})

/* otr_get() and otr_put() of memory that other threads may use at this moment. `len` is a multiple
 * of 8; `to` and `from` are aligned to 8. The copy may be torn: `seq` or the holder decides whether
 * it is valid. */
static inline void otr_share_get(void *to, const void *from, size_t len)
{
	uint64_t *out = to;
	const uint64_t *in = from;

	for (size_t i = 0; i < len / sizeof(*out); i++)
		out[i] = otr_get(&in[i]);
}

static inline void otr_share_put(void *to, const void *from, size_t len)
{
	uint64_t *out = to;
	const uint64_t *in = from;

	for (size_t i = 0; i < len / sizeof(*out); i++)
		otr_put(&out[i], in[i]);
}

/* Copies from memory that other threads may use to memory that others may use. */
static inline void otr_share_move(void *to, const void *from, size_t len)
{
	uint64_t *out = to;
	const uint64_t *in = from;

	for (size_t i = 0; i < len / sizeof(*out); i++)
		otr_put(&out[i], otr_get(&in[i]));
}

/* otr_share_get() by bytes, for a source of any length and alignment. */
static inline void otr_share_text(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = otr_get(&from[i]);
}

#endif /* OTR_SHARE_H */

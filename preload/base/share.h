/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SHARE_H
#define OTR_SHARE_H

/*
 * share.h - which state belongs to whom in a process with threads, and how it is published.
 *
 *	of a thread		struct otr_self. Only its thread reads or writes it. A slot goes
 *				to another thread by compare-and-swap of `tid`.
 *	of a connection		struct otr_fd, and the layer above it (otr_fd_upper()). Only the
 *				thread that holds it (otr_fd_of() takes it, otr_leave() gives it
 *				back; `owner`) reads or writes it, but for the words that fd.h
 *				reads with otr_get() to decide whether to look at all.
 *	of a call		struct plan (io.c), struct otr_copy (user_copy.c): on the caller's
 *				stack, or taken by compare-and-swap. After the call the
 *				connection is taken again; `life` tells whether it is still it.
 *	of a TLS session	what it sends in place of the caller's bytes: `writer` (tls.c).
 *	of an exchange		struct otr_inbound: its writer makes `seq` odd; readers copy, then
 *				look whether `seq` has moved. struct otr_exch and otr_proc_state: one
 *				word a fact, atomic (bpf/causality_state.h).
 *	of the process		words of struct otr_shim: otr_get(), otr_put().
 *
 * Nobody waits: who finds a connection taken for longer than a moment counts the bytes that
 * it moved (otr_fd_unseen()), and whoever holds it next adds them to its positions, as bytes
 * that nobody looked at. So no thread ever reads what another is writing.
 *
 * OTR_YIELD() is where another thread may come between; a test makes it one that does.
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

/* Copies of what others may be writing, or reading, at this moment: `len` is a multiple of 8,
 * and both ends are aligned to it. Whether the copy is whole is told by other means. */
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

/* The same by bytes, where the source has any length. */
static inline void otr_share_text(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = otr_get(&from[i]);
}

#endif /* OTR_SHARE_H */

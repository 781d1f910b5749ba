/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_SESSION_H
#define OTR_TLS_SESSION_H

/* tls_session.h - sessions of TLS libraries, each with the socket that carries it. */

#include <stdint.h>

struct otr_fd;

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

struct otr_tls {
	const void *session; /* the library's pointer; NULL: the slot is free */
	uint64_t conn;	     /* the inode of its socket */
	int32_t fd;
	uint32_t no_inject; /* 1: bytes of a request may have been sent that no wrapper read */
	/* Bytes that go out in place of the caller's: the header of `added` bytes at `at`, and
	 * `gone` bytes that the library took. `len` 0: there are none. Thread `writer` owns them. */
	int32_t writer;
	uint32_t len, at, added, gone;
	char *bytes; /* OTR_TLS_RECORD of them, once they were needed */
};

/* In the constructor: 0 where there is no memory. */
int otr_tls_alloc(void);

/* NULL: the session is not known. */
struct otr_tls *otr_tls_find(const void *session);

/* The same, or a new one; NULL: no slot is free. */
struct otr_tls *otr_tls_make(const void *session);

/* Does `f` (NULL: no) carry the session, and is its plaintext what is emitted? It is not where
 * the calls above it are emitted (pq.c). */
int otr_tls_carries(const struct otr_tls *t, struct otr_fd *f);

/* The socket of a session, held; NULL: none, or another socket has its number by now, which is
 * looked at where a message begins in this direction. */
struct otr_fd *otr_tls_socket(const struct otr_tls *t, int dir);

/* What is sent next on the session is not seen, or its records wait in memory: no header is put
 * into it any more. */
void otr_tls_no_inject(const void *session);

/* The session ends: its slot is free. */
void otr_tls_end(const void *session);

#pragma GCC visibility pop

#endif /* OTR_TLS_SESSION_H */

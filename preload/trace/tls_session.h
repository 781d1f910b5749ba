/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_SESSION_H
#define OTR_TLS_SESSION_H

/* tls_session.h - sessions of TLS libraries, each with the socket that carries it. */

#include <stdint.h>

struct otr_fd;

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

struct otr_tls {
	const void *session; /* the library's pointer; NULL: the slot is free */
	uint64_t conn;	     /* the inode of its socket */
	int32_t fd;
	uint32_t no_inject; /* 1: bytes of a request may have been sent that no wrapper read */
	/* Bytes that go out in place of the caller's: `len` bytes with a header of `added` bytes at
	 * offset `at`, of which the library has taken `taken`. `len` 0: there are none. Only the
	 * thread `writer` uses them. */
	int32_t writer;
	uint32_t len, at, added, taken;
	char *bytes; /* OTR_TLS_RECORD bytes, allocated when they are first needed */
};

/* In the constructor: allocates the table of sessions. Returns 0 if there is no memory. */
int otr_tls_alloc(void);

/* Returns the slot of a session; NULL: the session is not known. */
struct otr_tls *otr_tls_find(const void *session);

/* The same, or a new one; NULL: no slot is free. */
struct otr_tls *otr_tls_make(const void *session);

/* Does the socket `f` (may be NULL) carry the session, and is its plaintext emitted? It is not if
 * calls of libpq above it are emitted instead (pq.c). */
int otr_tls_carries(const struct otr_tls *t, struct otr_fd *f);

/* Returns the socket of a session, held. If a message begins in this direction, checks that the
 * number is still that socket. NULL: no socket is known, or the number is another one. */
struct otr_fd *otr_tls_socket(const struct otr_tls *t, int dir);

/* The session gets no header any more: its next bytes are not seen, or its records wait in
 * memory. */
void otr_tls_no_inject(const void *session);

/* The session ends: frees its slot. */
void otr_tls_end(const void *session);

#pragma GCC visibility pop

#endif /* OTR_TLS_SESSION_H */

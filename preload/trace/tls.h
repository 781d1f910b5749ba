/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_H
#define OTR_TLS_H

/* tls.h - one call of a TLS library. The wrappers of openssl.c and gnutls.c describe their call. */

#include <stddef.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

struct otr_tls_call {
	const void *session;
	void *next; /* the library's own function */
	/* Calls `next`. Returns the number of bytes that moved, or, if none did, the value <= 0
	 * that the library returned. */
	ssize_t (*make)(const struct otr_tls_call *c, void *buf, size_t n);
	int is_handshake;
	/* Does the library write each record to the socket at once? Records that wait in memory may
	 * hold bytes of calls that no wrapper saw. */
	int (*is_direct)(const struct otr_tls_call *c);
};

/* Each makes the call, and returns what the call returned, without the bytes of our header. */
ssize_t otr_tls_write(const struct otr_tls_call *c, const void *buf, size_t n);
ssize_t otr_tls_read(const struct otr_tls_call *c, void *buf, size_t n);
/* The same for `n` bytes of a file, which cannot be read (SSL_sendfile). */
ssize_t otr_tls_write_file(const struct otr_tls_call *c, size_t n);
/* The same for a call that moves no plaintext: a handshake. */
ssize_t otr_tls_handshake(const struct otr_tls_call *c);

#pragma GCC visibility pop

#endif /* OTR_TLS_H */

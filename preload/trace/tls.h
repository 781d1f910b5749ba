/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_H
#define OTR_TLS_H

/*
 * tls.h - one call of a TLS library, whatever the library. openssl.c and gnutls.c describe
 * their call and hand it over.
 */

#include <stddef.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

#define OTR_TLS_RECORD 16384 /* bytes of plaintext that one record holds at most */

struct otr_tls_call {
	const void *session;
	void *next; /* the library's own function */
	/* Makes the call. Returns the number of bytes if it is > 0, otherwise what the library
	 * returned. */
	ssize_t (*make)(const struct otr_tls_call *c, void *buf, size_t n);
	int hello; /* 1: the call is a handshake */
	/* Does a record that is written go to the socket at once? Where records wait in memory,
	 * some may hold bytes of calls that no wrapper saw. */
	int (*is_direct)(const struct otr_tls_call *c);
};

/* Each makes the call, and returns what the call returned, counted in the caller's bytes. */
ssize_t otr_tls_write(const struct otr_tls_call *c, const void *buf, size_t n);
ssize_t otr_tls_read(const struct otr_tls_call *c, void *buf, size_t n);
/* The same for `n` bytes that cannot be read. */
ssize_t otr_tls_write_file(const struct otr_tls_call *c, size_t n);
ssize_t otr_tls_other(const struct otr_tls_call *c);

#pragma GCC visibility pop

#endif /* OTR_TLS_H */

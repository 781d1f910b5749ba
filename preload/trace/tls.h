/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_H
#define OTR_TLS_H

/*
 * tls.h - a call of a TLS library, whatever the library; openssl.c and gnutls.c describe
 * theirs and hand it over.
 */

#include <stddef.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

#define OTR_TLS_RECORD 16384 /* of plaintext, the most that one record holds */

struct otr_tls_call {
	const void *session;
	void *next; /* the library's own function */
	/* Calls it: > 0 is how many bytes, all else is the library's answer. */
	ssize_t (*make)(const struct otr_tls_call *c, void *buf, size_t n);
	int hello; /* a handshake */
	/* Of a call that writes: does a record that it makes go to the socket at once? Where
	 * records wait in memory, some may hold what was said in calls that are not ours. */
	int (*is_direct)(const struct otr_tls_call *c);
};

/* Each makes the call, and returns what it returned, in the caller's own bytes. */
ssize_t otr_tls_write(const struct otr_tls_call *c, const void *buf, size_t n);
ssize_t otr_tls_read(const struct otr_tls_call *c, void *buf, size_t n);
/* What it sends cannot be looked at. */
ssize_t otr_tls_write_unseen(const struct otr_tls_call *c, size_t n);
ssize_t otr_tls_other(const struct otr_tls_call *c);

#pragma GCC visibility pop

#endif /* OTR_TLS_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NEXT_H
#define OTR_NEXT_H

/*
 * next.h - finds the real functions of libraries other than libc that our wrappers are called for.
 *
 * A program may have two libraries with such a function, or one that only the module that calls it
 * can see (Python's _ssl, loaded RTLD_LOCAL). So a function is looked up for the module that calls
 * it, once for each call site.
 */

#include <stdint.h>

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

enum otr_next_fn {
	OTR_NGHTTP2_REQUEST,
	OTR_NGHTTP2_REQUEST2,
	OTR_SSL_WRITE,
	OTR_SSL_WRITE_EX,
	OTR_SSL_READ,
	OTR_SSL_READ_EX,
	OTR_SSL_CONNECT,
	OTR_SSL_ACCEPT,
	OTR_SSL_DO_HANDSHAKE,
	OTR_SSL_FREE,
	OTR_SSL_EARLY,
	OTR_SSL_SENDFILE,
	OTR_SSL_WBIO,
	OTR_BIO_TYPE,
	OTR_BIO_NAME,
	OTR_GNUTLS_EARLY,
	OTR_GNUTLS_SEND,
	OTR_GNUTLS_RECV,
	OTR_GNUTLS_HANDSHAKE,
	OTR_GNUTLS_DEINIT,
	OTR_GNUTLS_CORK,
	OTR_GNUTLS_SEND2,
	OTR_GNUTLS_SEND_RANGE,
	OTR_GNUTLS_SEND_FILE,
	OTR_PQ_EXEC,
	OTR_PQ_EXEC_PARAMS,
	OTR_PQ_EXEC_PREPARE,
	OTR_PQ_EXEC_PREPARED,
	OTR_PQ_FN,
	OTR_PQ_SEND_QUERY,
	OTR_PQ_SEND_PARAMS,
	OTR_PQ_SEND_PREPARE,
	OTR_PQ_SEND_PREPARED,
	OTR_PQ_SEND_FLUSH,
	OTR_PQ_PIPELINE_SYNC,
	OTR_PQ_SEND_SYNC,
	OTR_PQ_GET_RESULT,
	OTR_NEXT_MAX,
};

/* Returns the function that a call would reach without our library; `from`: the return address of
 * the call. NULL: none was found. errno stays as it is. */
void *otr_next(enum otr_next_fn which, const void *from);

/* Returns the function of that name which the module of `fn` would call: its own, or that of a
 * library it was linked with. NULL: there is none, or the module is the program itself. errno stays
 * as it is. */
void *otr_next_for(enum otr_next_fn which, const void *fn);

/* Sets the addresses at which the module (library or program) of `fn` begins and ends. Returns 0 if
 * they are not known. */
int otr_next_module(const void *fn, uintptr_t *begin, uintptr_t *end);

/* Returns another function of the module of `fn`, or NULL. errno stays as it is. */
void *otr_next_beside(const void *fn, const char *name);

#pragma GCC visibility pop

#endif /* OTR_NEXT_H */

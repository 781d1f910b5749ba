/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl.c - wrappers of functions of OpenSSL and LibreSSL. After the real function they call no
 * function of the library, whose error queue stays as it is.
 */

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "preload/base/next.h"
#include "preload/trace/tls.h"
#include "preload/trace/tls_session.h"

#define FROM __builtin_return_address(0)

typedef int (*io_fn)(void *, void *, int);
typedef int (*io_ex_fn)(void *, void *, size_t, size_t *);
typedef int (*plain_fn)(void *);
typedef ssize_t (*sendfile_fn)(void *, int, off_t, size_t, int);

int SSL_write(void *ssl, const void *buf, int n);
int SSL_write_ex(void *ssl, const void *buf, size_t n, size_t *done);
int SSL_read(void *ssl, void *buf, int n);
int SSL_read_ex(void *ssl, void *buf, size_t n, size_t *done);
int SSL_connect(void *ssl);
int SSL_accept(void *ssl);
int SSL_do_handshake(void *ssl);
void SSL_free(void *ssl);
int SSL_write_early_data(void *ssl, const void *buf, size_t n, size_t *done);
ssize_t SSL_sendfile(void *ssl, int fd, off_t at, size_t n, int flags);

static ssize_t make_io(const struct otr_tls_call *c, void *buf, size_t n)
{
	return ((io_fn)c->next)((void *)c->session, buf, (int)n);
}

/* SSL_write_ex() and SSL_read_ex() return 1 if bytes moved, and their number in `done`. */
static ssize_t make_io_ex(const struct otr_tls_call *c, void *buf, size_t n)
{
	size_t done = 0;
	int ret = ((io_ex_fn)c->next)((void *)c->session, buf, n, &done);

	return ret > 0 ? (ssize_t)done : ret;
}

#define FILTER	 0x0200 /* BIO_TYPE_FILTER: a BIO that passes bytes to another one */
#define MEMORY	 1	/* the low bytes of BIO_TYPE_MEM and BIO_TYPE_BIO */
#define BIO_PAIR 19

/* Does this BIO keep what is written to it in memory? The name decides, if it is known, since
 * programs give their own BIOs the type of one of OpenSSL's (curl). */
static int keeps(int type, const char *name)
{
	if (type & FILTER || !name)
		return type & FILTER || (type & 0xff) == MEMORY || (type & 0xff) == BIO_PAIR;
	return !strcmp(name, "memory buffer") || !strcmp(name, "secure memory buffer") ||
	       !strcmp(name, "BIO pair");
}

/* See struct otr_tls_call. */
static int is_direct(const struct otr_tls_call *c)
{
	void *(*wbio)(const void *) = otr_next_for(OTR_SSL_WBIO, c->next);
	int (*type)(const void *) = otr_next_for(OTR_BIO_TYPE, c->next);
	const char *(*name)(const void *) = otr_next_for(OTR_BIO_NAME, c->next);
	void *bio = wbio && type ? wbio(c->session) : NULL;

	return bio && !keeps(type(bio), name ? name(bio) : NULL);
}

static ssize_t make_plain(const struct otr_tls_call *c, void *buf, size_t n)
{
	(void)buf;
	(void)n;
	return ((plain_fn)c->next)((void *)c->session);
}

/* Our wrapper was called, but the library has no such function. */
static int missing(void)
{
	errno = ENOSYS;
	return -1;
}

int SSL_write(void *ssl, const void *buf, int n)
{
	void *next = otr_next(OTR_SSL_WRITE, FROM);

	if (!next)
		return missing();
	if (n <= 0)
		return ((io_fn)next)(ssl, (void *)buf, n);
	return (int)otr_tls_write(&(struct otr_tls_call){ssl, next, make_io, 0, is_direct}, buf,
				  (size_t)n);
}

int SSL_read(void *ssl, void *buf, int n)
{
	void *next = otr_next(OTR_SSL_READ, FROM);

	if (!next)
		return missing();
	if (n <= 0)
		return ((io_fn)next)(ssl, buf, n);
	return (int)otr_tls_read(&(struct otr_tls_call){ssl, next, make_io, 0, NULL}, buf,
				 (size_t)n);
}

static int as_ex(ssize_t ret, size_t *done)
{
	if (ret <= 0)
		return (int)ret;
	*done = (size_t)ret;
	return 1;
}

int SSL_write_ex(void *ssl, const void *buf, size_t n, size_t *done)
{
	void *next = otr_next(OTR_SSL_WRITE_EX, FROM);

	if (!next)
		return missing() + 1;
	if (!n || n > SSIZE_MAX || !done)
		return ((io_ex_fn)next)(ssl, (void *)buf, n, done);
	return as_ex(
		otr_tls_write(&(struct otr_tls_call){ssl, next, make_io_ex, 0, is_direct}, buf, n),
		done);
}

int SSL_read_ex(void *ssl, void *buf, size_t n, size_t *done)
{
	void *next = otr_next(OTR_SSL_READ_EX, FROM);

	if (!next)
		return missing() + 1;
	if (!n || n > SSIZE_MAX || !done)
		return ((io_ex_fn)next)(ssl, buf, n, done);
	return as_ex(otr_tls_read(&(struct otr_tls_call){ssl, next, make_io_ex, 0, NULL}, buf, n),
		     done);
}

static int handshake(void *ssl, void *next)
{
	if (!next)
		return missing();
	return (int)otr_tls_handshake(&(struct otr_tls_call){ssl, next, make_plain, 1, NULL});
}

int SSL_connect(void *ssl)
{
	return handshake(ssl, otr_next(OTR_SSL_CONNECT, FROM));
}

int SSL_accept(void *ssl)
{
	return handshake(ssl, otr_next(OTR_SSL_ACCEPT, FROM));
}

int SSL_do_handshake(void *ssl)
{
	return handshake(ssl, otr_next(OTR_SSL_DO_HANDSHAKE, FROM));
}

void SSL_free(void *ssl)
{
	void (*next)(void *) = otr_next(OTR_SSL_FREE, FROM);

	otr_tls_end(ssl);
	if (next)
		next(ssl);
}

int SSL_write_early_data(void *ssl, const void *buf, size_t n, size_t *done)
{
	io_ex_fn next = otr_next(OTR_SSL_EARLY, FROM);

	if (!next)
		return missing() + 1;
	otr_tls_no_inject(ssl);
	return next(ssl, (void *)buf, n, done);
}

/* A call of SSL_sendfile(). */
struct file_call {
	struct otr_tls_call call;
	int fd, flags;
	off_t at;
};

static ssize_t make_sendfile(const struct otr_tls_call *c, void *buf, size_t n)
{
	const struct file_call *file = (const void *)c;

	(void)buf;
	return ((sendfile_fn)c->next)((void *)c->session, file->fd, file->at, n, file->flags);
}

ssize_t SSL_sendfile(void *ssl, int fd, off_t at, size_t n, int flags)
{
	void *next = otr_next(OTR_SSL_SENDFILE, FROM);
	struct file_call file = {{ssl, next, make_sendfile, 0, NULL}, fd, flags, at};

	if (!next)
		return missing();
	return otr_tls_write_file(&file.call, n);
}

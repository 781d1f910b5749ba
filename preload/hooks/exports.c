/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exports.c - wrappers of the functions of libc that move bytes. bulk.c, net.c, wait.c, exec.c and
 * pthread.c have the other wrappers of libc. exports.map lists all symbols that the library
 * exports.
 */

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "preload/base/real.h"
#include "preload/base/shim.h"
#include "preload/hooks/net.h"
#include "preload/trace/enter.h"
#include "preload/trace/io.h"

static ssize_t as_write(const struct otr_out *o)
{
	return otr_real.write(o->fd, o->buf, o->len);
}

static ssize_t as_writev(const struct otr_out *o)
{
	return otr_real.writev(o->fd, o->iov, o->n);
}

static ssize_t as_send(const struct otr_out *o)
{
	return otr_real.send(o->fd, o->buf, o->len, o->flags);
}

static ssize_t as_sendto(const struct otr_out *o)
{
	return otr_real.sendto(o->fd, o->buf, o->len, o->flags, o->msg->msg_name,
			       o->msg->msg_namelen);
}

static ssize_t as_sendmsg(const struct otr_out *o)
{
	return otr_real.sendmsg(o->fd, o->msg, o->flags);
}

ssize_t write(int fd, const void *buf, size_t len)
{
	const struct iovec one = {(void *)buf, len};

	return otr_out(&(struct otr_out){
		.fd = fd, .iov = &one, .n = 1, .buf = buf, .len = len, .call = as_write});
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return otr_out(&(struct otr_out){.fd = fd, .iov = iov, .n = n, .call = as_writev});
}

ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	const struct iovec one = {(void *)buf, len};

	return otr_out(&(struct otr_out){.fd = fd,
					 .flags = flags,
					 .is_message = 1,
					 .iov = &one,
					 .n = 1,
					 .buf = buf,
					 .len = len,
					 .call = as_send});
}

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
	       socklen_t to_len)
{
	const struct msghdr msg = {.msg_name = (void *)to, .msg_namelen = to_len};
	const struct iovec one = {(void *)buf, len};

	return otr_out(&(struct otr_out){.fd = fd,
					 .flags = flags,
					 .is_message = 1,
					 .msg = &msg,
					 .iov = &one,
					 .n = 1,
					 .buf = buf,
					 .len = len,
					 .call = as_sendto});
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return otr_out(&(struct otr_out){.fd = fd,
					 .flags = flags,
					 .is_message = 1,
					 .is_sendmsg = 1,
					 .msg = msg,
					 .call = as_sendmsg});
}

static void after_receive(int fd, const struct iovec *iov, int n, int flags, ssize_t ret)
{
	otr_in(&(struct otr_in){.fd = fd, .flags = flags, .iov = iov, .n = n}, ret);
}

ssize_t read(int fd, void *buf, size_t len)
{
	const struct iovec one = {buf, len};
	ssize_t ret;

	otr_ensure_offered(fd);
	ret = otr_real.read(fd, buf, len);
	after_receive(fd, &one, 1, 0, ret);
	return ret;
}

ssize_t readv(int fd, const struct iovec *iov, int n)
{
	ssize_t ret;

	otr_ensure_offered(fd);
	ret = otr_real.readv(fd, iov, n);
	after_receive(fd, iov, n, 0, ret);
	return ret;
}

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	const struct iovec one = {buf, len};
	ssize_t ret;

	otr_ensure_offered(fd);
	ret = otr_real.recv(fd, buf, len, flags);
	after_receive(fd, &one, 1, flags, ret);
	return ret;
}

ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
		 socklen_t *from_len)
{
	const struct iovec one = {buf, len};
	ssize_t ret;

	otr_ensure_offered(fd);
	ret = otr_real.recvfrom(fd, buf, len, flags, from, from_len);
	after_receive(fd, &one, 1, flags, ret);
	return ret;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t ret;

	otr_ensure_offered(fd);
	ret = otr_real.recvmsg(fd, msg, flags);
	if (ret >= 0)
		otr_fds_received(msg); /* the kernel has written it, so it is readable */
	if (ret >= 0)
		after_receive(fd, msg->msg_iov, (int)msg->msg_iovlen, flags, ret);
	else
		after_receive(fd, NULL, 0, flags, ret);
	return ret;
}

/* Programs that are built with _FORTIFY_SOURCE call these, which compare `len` with `room`. */
ssize_t __read_chk(int fd, void *buf, size_t len, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags, struct sockaddr *from,
		       socklen_t *from_len);

static void check(size_t len, size_t room)
{
	if (len > room)
		otr_real.__chk_fail(); /* ends the program, as libc does */
}

ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
	check(len, room);
	return read(fd, buf, len);
}

ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
	check(len, room);
	return recv(fd, buf, len, flags);
}

ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags, struct sockaddr *from,
		       socklen_t *from_len)
{
	check(len, room);
	return recvfrom(fd, buf, len, flags, from, from_len);
}

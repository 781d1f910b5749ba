/* SPDX-License-Identifier: Apache-2.0 */
/* proof.c - what has to be true before a header is put into the bytes of a process; see proof.h. */

#include "preload/trace/proof.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "preload/base/shim.h"
#include "preload/base/sys.h"
#include "preload/parse/inject.h"
#include "preload/trace/user_copy.h"

/* The part of struct tcp_info up to the last counter that is read (Linux 4.19). */
#define INFO_BYTES (offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(uint64_t))

/* Reads a field of 8 bytes. */
static uint64_t counter(const char *info, size_t at)
{
	uint64_t n;

	memcpy(&n, info + at, sizeof(n));
	return n;
}

/* Reads a field of 4 bytes. */
static uint32_t word(const char *info, size_t at)
{
	uint32_t n;

	memcpy(&n, info + at, sizeof(n));
	return n;
}

/*
 * How many bytes does the kernel take at once? If no byte waits in the kernel to be sent or to be
 * acknowledged, the send buffer is empty. Then tcp_sendmsg() takes one segment without a check of
 * the buffer, and a second one if the first leaves room in the smallest buffer (SOCK_MIN_SNDBUF,
 * 4,608 bytes including the bookkeeping of the kernel).
 */
#define SEGMENT_SMALL 2900 /* the largest of which two segments fit */

static size_t room_of(const char *info)
{
	size_t mss = word(info, offsetof(struct tcp_info, tcpi_snd_mss));

	if (word(info, offsetof(struct tcp_info, tcpi_unacked)) ||
	    word(info, offsetof(struct tcp_info, tcpi_notsent_bytes)))
		return 0;
	return mss > SEGMENT_SMALL ? mss : 2 * mss;
}

/* Not inlined: only this function needs the room on the stack. */
__attribute__((noinline)) int otr_is_proved(int fd, const struct otr_fd *f,
					    const struct otr_fd *upper, size_t *room)
{
	char info[INFO_BYTES] __attribute__((aligned(8)));
	socklen_t len = sizeof(info);
	int others = (int16_t)(f->senders - otr_get(&f->senders_gone));
	uint64_t sent;

	if (f->family == AF_UNIX || others > (upper == f))
		return 0;
	if (otr_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) || len < sizeof(info))
		return 0;
	sent = counter(info, offsetof(struct tcp_info, tcpi_bytes_sent)) -
	       counter(info, offsetof(struct tcp_info, tcpi_bytes_retrans)) +
	       word(info, offsetof(struct tcp_info, tcpi_notsent_bytes));
	if (sent != f->dirs[OTR_DIR_OUT].total)
		return 0;
	*room = room_of(info);
	return sent || !counter(info, offsetof(struct tcp_info, tcpi_bytes_received));
}

/* 169.254.0.0/16, RFC 3927 */
static int is_link_local_v4(const uint8_t ip[4])
{
	return ip[0] == 169 && ip[1] == 254;
}

/* fe80::/10, RFC 4291 */
static int is_link_local_v6(const uint8_t ip[16])
{
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

/* Is this a link-local address, or one at which a cloud serves metadata of the machine? Such a
 * server sends no spans, and some refuse requests with headers that they do not know. */
static int is_metadata_v4(const uint8_t ip[4])
{
	static const uint8_t alibaba[4] = {100, 100, 100, 200}, azure[4] = {168, 63, 129, 16};

	return is_link_local_v4(ip) || !memcmp(ip, alibaba, 4) || !memcmp(ip, azure, 4);
}

static int is_metadata_v6(const uint8_t ip[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t aws[16] = {0xfd, 0,	0x0e,
					0xc2, [14] = 2, [15] = 0x54}; /* fd00:ec2::254 */

	if (!memcmp(ip, mapped, sizeof(mapped)))
		return is_metadata_v4(ip + sizeof(mapped));
	return is_link_local_v6(ip) || !memcmp(ip, aws, sizeof(aws));
}

#define FNV_PRIME 0x100000001b3ull

/* A hash of an address, which is not 0. */
static uint32_t hash(const uint8_t *ip, size_t len)
{
	uint64_t key = 0;

	for (size_t i = 0; i < len; i++)
		key = (key ^ ip[i]) * FNV_PRIME;
	return otr_ring_hash(key) | 1;
}

void otr_peer_connected(struct otr_fd *f, const struct sockaddr *to, socklen_t len)
{
	union {
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} at;

	f->connected_by = otr_shim.pid;
	f->is_denied = 0;
	f->host_hash = 0;
	if (len > sizeof(at))
		len = sizeof(at);
	if (f->family == AF_UNIX || !otr_user_copy(&at, to, len))
		return;
	if (at.four.sin_family == AF_INET && len >= sizeof(at.four)) {
		f->is_denied = (uint8_t)is_metadata_v4((const uint8_t *)&at.four.sin_addr);
		f->host_hash = hash((const uint8_t *)&at.four.sin_addr, 4);
	} else if (at.six.sin6_family == AF_INET6 && len >= sizeof(at.six)) {
		f->is_denied = (uint8_t)is_metadata_v6(at.six.sin6_addr.s6_addr);
		f->host_hash = hash(at.six.sin6_addr.s6_addr, 16);
	}
}

/* Hashes of hosts that may run an FTP server; in a full table the oldest one is replaced. */
#define FTP_HOSTS 16
static uint32_t ftp_hosts[FTP_HOSTS], n_ftp_hosts;

int otr_host_may_be_ftp(const struct otr_fd *f)
{
	for (uint32_t i = 0; f->host_hash && otr_get(&n_ftp_hosts) && i < FTP_HOSTS; i++)
		if (otr_get(&ftp_hosts[i]) == f->host_hash)
			return 1;
	return 0;
}

static int begins(const struct iovec *iov, int n, const char *text, size_t len)
{
	return n && iov->iov_base && iov->iov_len >= len && !memcmp(iov->iov_base, text, len);
}

void otr_peer_spoke_first(struct otr_fd *f, const struct iovec *iov, int n)
{
	f->greeting = begins(iov, n, "220", 3) ? OTR_GREETING_220 : OTR_GREETING_OTHER;
}

/* SMTP servers greet with 220, too. Their clients answer EHLO, HELO or LHLO, and use no data
 * connections. */
void otr_greeting_answered(struct otr_fd *f, const struct iovec *iov, int n)
{
	int is_smtp =
		begins(iov, n, "EHLO", 4) || begins(iov, n, "HELO", 4) || begins(iov, n, "LHLO", 4);

	f->greeting = OTR_GREETING_OTHER;
	if (!f->host_hash || is_smtp || otr_host_may_be_ftp(f))
		return;
	otr_put(&ftp_hosts[__atomic_fetch_add(&n_ftp_hosts, 1, __ATOMIC_RELAXED) % FTP_HOSTS],
		f->host_hash);
}

int otr_target_is_denied(const struct iovec *iov, int n)
{
	static const char *const denied[] = {
		"http://169.254.",	  "http://[fe80:",	  "http://[fd00:ec2::254]",
		"http://100.100.100.200", "http://168.63.129.16", "http://metadata.google.internal",
	};
	char target[32];
	size_t len = otr_head_target(iov, n, target, sizeof(target));

	if (!len || target[0] == '/')
		return 0; /* nearly every request: the origin-form, which names no host */
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		if (len >= strlen(denied[i]) && !memcmp(target, denied[i], strlen(denied[i])))
			return 1;
	return 0;
}

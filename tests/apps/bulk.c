/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk.c - bulk PORT: asks an HTTP server by sendmmsg and recvmmsg, then by splice from a pipe,
 * then over a descriptor that dup2 made and syscall(SYS_close) closed, waiting by pselect and
 * epoll_pwait2; prints the last bytes of each answer.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int dial(const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(port)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		exit(2);
	return fd;
}

/* Prints an answer, whose head and body may arrive separately. */
static void show(const char *how, int fd, char *buf, ssize_t n)
{
	size_t len = n > 0 ? (size_t)n : 0;
	const char *body;

	while (n > 0 && !strstr(buf, "hello") && len < 4095) {
		n = read(fd, buf + len, 4095 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	body = strstr(buf, "hello");

	printf("%s %s\n", how, body ? body : "nothing");
}

static void messages(int fd)
{
	char head[] = "GET /many HTTP/1.1\r\nHost: a\r\n", end[] = "\r\n", buf[4096] = "";
	struct iovec out[2] = {{head, strlen(head)}, {end, 2}}, in = {buf, sizeof(buf) - 1};
	struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = &out[0], .msg_iovlen = 1}},
				 {.msg_hdr = {.msg_iov = &out[1], .msg_iovlen = 1}}};
	struct mmsghdr one = {.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1}};
	int n = sendmmsg(fd, two, 2, 0);

	printf("%d %u %u\n", n, two[0].msg_len, two[1].msg_len);
	n = recvmmsg(fd, &one, 1, 0, NULL);
	show("messages", fd, buf, n > 0 ? one.msg_len : 0);
	close(fd);
}

static void spliced(int fd)
{
	const char *text = "GET /spliced HTTP/1.1\r\nHost: a\r\n\r\n";
	char buf[4096] = "";
	fd_set set;
	int p[2];

	if (pipe(p) || write(p[1], text, strlen(text)) < 0)
		exit(2);
	printf("%zd\n", splice(p[0], NULL, fd, NULL, strlen(text), 0));
	FD_ZERO(&set);
	FD_SET(fd, &set);
	pselect(fd + 1, &set, NULL, NULL, NULL, NULL);
	show("spliced", fd, buf, read(fd, buf, sizeof(buf) - 1));
	close(fd);
}

static void doubled(const char *port)
{
	const char *text = "GET /doubled HTTP/1.1\r\nHost: a\r\n\r\n";
	int fd = dial(port), ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN}, got[4];
	char buf[4096] = "";

	if (dup2(fd, 50) != 50 || syscall(SYS_close, fd) || epoll_ctl(ep, EPOLL_CTL_ADD, 50, &ev))
		exit(2);
	if (write(50, text, strlen(text)) < 0)
		exit(2);
	epoll_pwait2(ep, got, 4, NULL, NULL);
	show("doubled", 50, buf, read(50, buf, sizeof(buf) - 1));
	printf("%ld\n", syscall(SYS_close, 50));
	printf("%ld\n", syscall(SYS_close, 50));
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	messages(dial(argv[1]));
	spliced(dial(argv[1]));
	doubled(argv[1]);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring.c - uring PORT GO: makes an io_uring, waits for the file GO, then asks 127.0.0.1:PORT with
 * it and prints the answer. It uses system calls without a library: a ring of two entries, one at a
 * time.
 */
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct io_uring_params p;
static char *sq, *cq;
static struct io_uring_sqe *sqes;
static int ring;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *map(size_t size, off_t what)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

static void set_up(void)
{
	ring = (int)syscall(SYS_io_uring_setup, 2, &p);
	if (ring < 0)
		die("io_uring_setup");
	sq = map(p.sq_off.array + p.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	cq = map(p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	sqes = map(p.sq_entries * sizeof(*sqes), IORING_OFF_SQES);
}

static int one(int op, int fd, void *at, unsigned len)
{
	unsigned *tail = (unsigned *)(sq + p.sq_off.tail), *head = (unsigned *)(cq + p.cq_off.head);
	unsigned i = *tail & *(unsigned *)(sq + p.sq_off.ring_mask);
	unsigned mask = *(unsigned *)(cq + p.cq_off.ring_mask);
	struct io_uring_cqe *done = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	int res;

	sqes[i] = (struct io_uring_sqe){
		.opcode = (unsigned char)op, .fd = fd, .addr = (unsigned long)at, .len = len};
	((unsigned *)(sq + p.sq_off.array))[i] = i;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		die("io_uring_enter");
	res = done[*head & mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

int main(int argc, char **argv)
{
	char ask[] = "GET /ring HTTP/1.0\r\n\r\n", text[1024];
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM, 0), n;

	if (argc != 3)
		return 2;
	set_up();
	puts("ready");
	fflush(stdout);
	while (access(argv[2], F_OK))
		usleep(10000);
	sin.sin_port = htons((unsigned short)atoi(argv[1]));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("connect");
	if (one(IORING_OP_SEND, fd, ask, sizeof(ask) - 1) != (int)sizeof(ask) - 1)
		die("send");
	while ((n = one(IORING_OP_RECV, fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stdout);
	return n != 0;
}

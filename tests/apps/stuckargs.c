// SPDX-License-Identifier: Apache-2.0
/*
 * stuckargs.c - a process whose arguments and environment let their reader wait for ever, as root.
 *
 * A child serves a file system (fuse(4)) with one file, whose reads it never answers. A thread
 * reads a page of it that is mapped through /proc/self/mem, which holds the lock of the memory map
 * meanwhile; the first thread wants to map something, and waits; any process that then reads
 * (cmdline, environ, maps) waits behind it. It says "ready" before, and runs until it is killed.
 *
 *	stuckargs DIRECTORY
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILE_INO 2

static int fuse;

static void answer(const struct fuse_in_header *in, int error, const void *body, size_t size)
{
	struct fuse_out_header out = {sizeof(out) + (error ? 0 : size), error, in->unique};
	struct iovec parts[] = {{&out, sizeof(out)}, {(void *)body, error ? 0 : size}};

	if (writev(fuse, parts, 2) < 0)
		_exit(1);
}

static struct fuse_attr attr_of(uint64_t ino)
{
	return (struct fuse_attr){.ino = ino,
				  .nlink = 1,
				  .size = ino == FILE_INO ? 65536 : 0,
				  .mode = ino == FILE_INO ? S_IFREG | 0444 : S_IFDIR | 0555};
}

static void serve_one(const struct fuse_in_header *in)
{
	struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096};
	struct fuse_attr_out attr = {.attr_valid = 100, .attr = attr_of(in->nodeid)};
	struct fuse_entry_out entry = {.nodeid = FILE_INO,
				       .entry_valid = 100,
				       .attr_valid = 100,
				       .attr = attr_of(FILE_INO)};
	struct fuse_open_out open = {.fh = 1};

	if (in->opcode == FUSE_INIT)
		answer(in, 0, &init, sizeof(init));
	else if (in->opcode == FUSE_GETATTR)
		answer(in, 0, &attr, sizeof(attr));
	else if (in->opcode == FUSE_LOOKUP)
		answer(in, 0, &entry, sizeof(entry));
	else if (in->opcode == FUSE_OPEN)
		answer(in, 0, &open, sizeof(open));
	else if (in->opcode != FUSE_READ && in->opcode != FUSE_FORGET)
		answer(in, -38, NULL, 0); /* ENOSYS */
}

static void serve(void)
{
	static char bytes[65536] __attribute__((aligned(8)));

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(fuse, bytes, sizeof(bytes)) > 0)
		serve_one((void *)bytes);
	_exit(0);
}

static char *mapped;

static void *read_page(void *arg)
{
	int fd = open("/proc/self/mem", O_RDONLY);
	char c;

	if (pread(fd, &c, 1, (off_t)(uintptr_t)mapped) < 0)
		perror("mem");
	return arg;
}

int main(int argc, char **argv)
{
	char options[80], path[256];
	pthread_t thread;
	int file;

	fuse = open("/dev/fuse", O_RDWR);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (argc != 2 || fuse < 0 || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("stuck", argv[1], "fuse", 0, options))
		goto failed;
	if (!fork())
		serve();
	close(fuse); /* the connection ends with its server, and with it each read that waits */
	snprintf(path, sizeof(path), "%s/file", argv[1]);
	file = open(path, O_RDONLY);
	mapped = file < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
	if (mapped == MAP_FAILED)
		goto failed;
	puts("ready");
	fflush(stdout);
	pthread_create(&thread, NULL, read_page, NULL);
	for (;;) {
		usleep(20000);
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	}
failed:
	perror("stuckargs");
	return 77;
}

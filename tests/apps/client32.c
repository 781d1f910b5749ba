/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client32.c - a 32-bit program: asks 127.0.0.1:$PORT for /from32, prints the answer, then
 * executes its arguments, if it has any.
 *
 * It needs no header and no crt1.o of a 32-bit libc, so neither gcc-multilib:
 *	gcc -m32 -nostartfiles -nodefaultlibs -fno-pic -no-pie client32.c /lib32/libc.so.6 \
 *		-Wl,-dynamic-linker,/lib/ld-linux.so.2
 */

struct address {
	unsigned short family, port;
	unsigned int ip;
	char rest[8];
};

extern char **environ;
int socket(int family, int type, int protocol);
int connect(int fd, const void *to, unsigned int len);
int send(int fd, const void *buf, unsigned int len, int flags);
int recv(int fd, void *buf, unsigned int len, int flags);
int write(int fd, const void *buf, unsigned int len);
int execve(const char *path, char **argv, char **env);
int atoi(const char *text);
char *getenv(const char *name);
void exit(int status);

static const char request[] = "GET /from32 HTTP/1.0\r\nHost: x\r\n\r\n";

static int ask(int port)
{
	struct address to = {2, (unsigned short)(port >> 8 | port << 8), 0x0100007f, {0}};
	char text[4096];
	int n, fd = socket(2, 1, 0);

	if (connect(fd, &to, sizeof(to)) || send(fd, request, sizeof(request) - 1, 0) < 0)
		return 3;
	while ((n = recv(fd, text, sizeof(text), 0)) > 0)
		write(1, text, (unsigned int)n);
	return 0;
}

__attribute__((used)) static void begin(int *stack)
{
	char **argv = (char **)(stack + 1);
	int status = ask(atoi(getenv("PORT")));

	if (stack[0] > 1 && !status)
		execve(argv[1], argv + 1, environ);
	exit(status);
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tand $-16, %esp\n\tsub $12, %esp\n"
	"\tpush %eax\n\tcall begin\n\thlt\n");

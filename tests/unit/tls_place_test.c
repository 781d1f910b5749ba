/* SPDX-License-Identifier: Apache-2.0 */
/* tls_place_test.c - where functions of TLS libraries are probed, in files that are what they should
 * be and in files that are not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/own.h"
#include "agent/source/elf_functions.h"
#include "agent/source/tls_attach.h"
#include "agent/source/tls_place.h"
#include "agent/source/x86_insn.h"

#define ARGS (1u << OTR_X86_RDI | 1u << OTR_X86_RSI | 1u << OTR_X86_RDX)

static int place(const char *code, size_t n)
{
	return otr_tls_place((const uint8_t *)code, n, ARGS);
}

#define PLACE(code) place(code, sizeof(code) - 1)

/* The first instruction that the kernel emulates, as objdump shows the beginnings of functions. */
static void test_place(void **state)
{
	(void)state;
	assert_int_equal(PLACE("\x41\x55\x41\x54\x55"), 0);		/* push %r13 */
	assert_int_equal(PLACE("\xf3\x0f\x1e\xfa\x55"), 4);		/* endbr64; push %rbp */
	assert_int_equal(PLACE("\x48\x85\xff\x0f\x84\x97\3\0\0"), 3);	/* test %rdi,%rdi; je */
	assert_int_equal(PLACE("\x31\xc9\xe9\x69\1\0\0"), 2);		/* xor %ecx,%ecx; jmp */
	assert_int_equal(PLACE("\x49\x89\xf8\x90"), 3);			/* mov %rdi,%r8; nop */
	assert_int_equal(PLACE("\x48\x83\x3d\1\2\3\4\5\x55"), 8);	/* cmpq $5,x(%rip); push */
	assert_int_equal(PLACE("\x64\x48\x8b\4\x25\x28\0\0\0\x53"), 9); /* mov %fs:40,%rax; push */
}

/* There is none where the stack pointer or an argument changes first. */
static void test_no_place(void **state)
{
	(void)state;
	assert_int_equal(PLACE("\x48\x83\xec\x18\x55"), -1); /* sub $0x18,%rsp */
	assert_int_equal(PLACE("\x48\x89\xf7\x55"), -1);     /* mov %rsi,%rdi */
	assert_int_equal(PLACE("\x48\x63\xd2\x55"), -1);     /* movslq %edx,%rdx */
	assert_int_equal(PLACE("\xbe\1\0\0\0\x55"), -1);     /* mov $1,%esi */
	assert_int_equal(PLACE("\x48\x8d\x75\4\x55"), -1);   /* lea 4(%rbp),%rsi */
	assert_int_equal(PLACE("\x0f\x05\x55"), -1);	     /* syscall: not known */
	assert_int_equal(PLACE("\x5f\x55"), -1);	     /* pop %rdi: not known */
	assert_int_equal(PLACE("\x66\x55"), -1);	     /* push %bp: not emulated */
	assert_int_equal(PLACE("\x48\x85\xff"), -1);	     /* the code ends */
	assert_int_equal(PLACE(""), -1);
}

/* SSL_read and SSL_read_ex of OpenSSL 3.0 call the same function. */
static void test_callee(void **state)
{
	static const uint8_t read[] =
		"\x48\x83\xec\x18\x64\x48\x8b\4\x25\x28\0\0\0\x48\x89\x44\x24\x08\x31\xc0\x85"
		"\xd2\x78\x2f\x48\x89\xe1\x48\x63\xd2\xe8\x3d\xfe\xff\xff";
	static const uint8_t read_ex[] = "\x48\x83\xec\x08\xe8\xc7\xfd\xff\xff";
	static const uint8_t changes[] = "\x48\x89\xf7\xe8\xc7\xfd\xff\xff"; /* mov %rsi,%rdi */

	(void)state;
	assert_int_equal(0x35430 + otr_tls_callee(read, sizeof(read) - 1), 0x35290);
	assert_int_equal(0x354c0 + otr_tls_callee(read_ex, sizeof(read_ex) - 1), 0x35290);
	assert_int_equal(otr_tls_callee(changes, sizeof(changes) - 1), 0);
	assert_int_equal(otr_tls_callee(read, 20), 0);
}

/* Of any bytes, no more than there are is read, and a place is one of them. */
static void test_any_code(void **state)
{
	uint8_t *code = malloc(64);

	(void)state;
	assert_non_null(code);
	for (int i = 0; i < 100000; i++) {
		size_t n = (size_t)(rand() % 64);
		uint8_t *end = code + 64 - n; /* what follows is not ours */
		int is;

		for (size_t k = 0; k < n; k++)
			end[k] = (uint8_t)rand();
		is = otr_tls_place(end, n, ARGS);
		assert_true(is == -1 || (size_t)is < n);
		otr_tls_callee(end, n);
	}
	free(code);
}

/* A function of libc: what is in the file there is what is in memory. */
static void test_functions(void **state)
{
	const char *const names[] = {"snprintf", "otr_no_such_function", "qsort"};
	uint64_t at[OTR_ARRAY_SIZE(names)];
	uint8_t code[OTR_ELF_CODE];
	Dl_info libc;
	void *here;
	int fd;

	(void)state;
	here = dlsym(RTLD_DEFAULT, "qsort");
	assert_non_null(here);
	assert_true(dladdr(here, &libc));
	fd = open(libc.dli_fname, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(otr_elf_functions(fd, names, OTR_ARRAY_SIZE(names), at), 2);
	assert_int_equal(at[1], 0);
	assert_int_equal(otr_elf_code(fd, at[2], code), sizeof(code));
	assert_memory_equal(code, here, sizeof(code));
	close(fd);
}

#define HEAD 65536

/* A copy of a library whose bytes are changed at random: it is read to an end. */
static void test_hostile_files(void **state)
{
	const char *const names[] = {"qsort", "snprintf"};
	struct otr_tls_site sites[OTR_TLS_SITES];
	uint64_t at[OTR_ARRAY_SIZE(names)];
	uint8_t *bytes = malloc(HEAD);
	int from, fd;
	Dl_info libc;

	(void)state;
	assert_true(dladdr(dlsym(RTLD_DEFAULT, "qsort"), &libc));
	from = open(libc.dli_fname, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(from, bytes, HEAD, 0), HEAD);
	close(from);
	for (int i = 0; i < 300; i++) {
		fd = memfd_create("elf", MFD_CLOEXEC);
		assert_int_equal(pwrite(fd, bytes, HEAD, 0), HEAD);
		for (int k = rand() % 8; k >= 0; k--) {
			uint8_t byte = (uint8_t)rand();

			assert_int_equal(pwrite(fd, &byte, 1, rand() % (k & 1 ? 512 : HEAD)), 1);
		}
		otr_elf_functions(fd, names, OTR_ARRAY_SIZE(names), at);
		otr_tls_sites(fd, sites);
		close(fd);
	}
	free(bytes);
}

static void test_no_elf(void **state)
{
	const char *const names[] = {"SSL_read"};
	struct otr_tls_site sites[OTR_TLS_SITES];
	uint64_t at;
	int fd = memfd_create("no", MFD_CLOEXEC);

	(void)state;
	assert_true(otr_elf_functions(fd, names, 1, &at) < 0);
	assert_int_equal(otr_tls_sites(fd, sites), 0);
	close(fd);
}

static void test_maps(void **state)
{
	const char *path = NULL;
	char range[40];

	(void)state;
	assert_true(otr_tls_maps_line("7fdfc53a7000-7fdfc5404000 r-xp 0001f000 fe:00 123 "
				      "           /usr/lib/libssl.so.3",
				      NULL, range, &path));
	assert_string_equal(range, "7fdfc53a7000-7fdfc5404000");
	assert_string_equal(path, "/usr/lib/libssl.so.3");
	assert_true(otr_tls_maps_line("1000-2000 r-xp 0 fe:00 1 /x/libssl-1a.so.1.1 (deleted)",
				      NULL, range, &path));
	assert_true(otr_tls_maps_line("1000-2000 r-xp 0 fe:00 1 /x/libgnutls.so.30", NULL, range,
				      &path));
	assert_false(
		otr_tls_maps_line("1000-2000 r--p 0 fe:00 1 /x/libssl.so.3", NULL, range, &path));
	assert_false(
		otr_tls_maps_line("1000-2000 r-xp 0 fe:00 1 /libssl.so/x", NULL, range, &path));
	assert_false(otr_tls_maps_line("1000-2000 r-xp 0 00:00 0 [vdso]", NULL, range, &path));
	assert_false(otr_tls_maps_line("1000-2000 r-xp 0 00:00 0", NULL, range, &path));
	assert_false(otr_tls_maps_line("", NULL, range, &path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place),	  cmocka_unit_test(test_no_place),
		cmocka_unit_test(test_callee),	  cmocka_unit_test(test_any_code),
		cmocka_unit_test(test_functions), cmocka_unit_test(test_hostile_files),
		cmocka_unit_test(test_no_elf),	  cmocka_unit_test(test_maps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* tls_place.c - see tls_place.h. */

#include "agent/source/tls_place.h"

#include "agent/base/own.h"
#include "agent/source/elf_functions.h"
#include "agent/source/x86_insn.h"

#define BIT(reg) (1u << (reg))
#define ARGS_3	 (BIT(OTR_X86_RDI) | BIT(OTR_X86_RSI) | BIT(OTR_X86_RDX))
#define ARGS_4	 (ARGS_3 | BIT(OTR_X86_RCX))
#define ARGS_5	 (ARGS_4 | BIT(OTR_X86_R8))

static bool is_changed(const struct otr_x86_insn *in, uint32_t regs)
{
	return in->changes < 32 && BIT(in->changes) & regs;
}

int otr_tls_place(const uint8_t *code, size_t n, uint32_t needed)
{
	struct otr_x86_insn in;

	for (size_t at = 0; at < n; at += in.len) {
		in = otr_x86_read(code + at, n - at);
		if (in.kind == OTR_X86_UNKNOWN)
			return -1;
		if (in.kind != OTR_X86_PLAIN)
			return (int)at;
		if (is_changed(&in, needed | BIT(OTR_X86_RSP)))
			return -1;
	}
	return -1;
}

int64_t otr_tls_callee(const uint8_t *code, size_t n)
{
	struct otr_x86_insn in;

	for (size_t at = 0; at < n; at += in.len) {
		in = otr_x86_read(code + at, n - at);
		if (in.kind == OTR_X86_CALL)
			return (int64_t)(at + in.len) + in.rel;
		if (in.kind == OTR_X86_UNKNOWN || in.kind == OTR_X86_JMP ||
		    is_changed(&in, BIT(OTR_X86_RDI) | BIT(OTR_X86_RSI)))
			return 0;
	}
	return 0;
}

#if defined(__x86_64__)
static int place_of(const uint8_t *code, size_t n, uint32_t needed)
{
	return otr_tls_place(code, n, needed);
}

static int64_t callee_of(const uint8_t *code, size_t n)
{
	return otr_tls_callee(code, n);
}
#else /* arm64: no instruction that a function begins with is emulated */
static int place_of(const uint8_t *code, size_t n, uint32_t needed)
{
	(void)code;
	(void)n;
	(void)needed;
	return -1;
}

static int64_t callee_of(const uint8_t *code, size_t n)
{
	(void)code;
	(void)n;
	return 0;
}
#endif

static uint32_t needed_by(uint8_t what, uint8_t cookie)
{
	if (what == OTR_TLS_HANDSHAKE || what == OTR_TLS_FREE)
		return BIT(OTR_X86_RDI);
	return cookie == OTR_TLS_COUNT_5 ? ARGS_5 : cookie == OTR_TLS_COUNT_4 ? ARGS_4 : ARGS_3;
}

/* Adds the function at `offset`: at the place that the kernel emulates, else at its beginning. */
static void add(int fd, uint64_t offset, uint8_t what, uint8_t cookie, struct otr_tls_site *sites,
		size_t *n)
{
	uint8_t code[OTR_ELF_CODE];
	int place;

	if (!offset || *n == OTR_TLS_SITES)
		return;
	place = place_of(code, otr_elf_code(fd, offset, code), needed_by(what, cookie));
	sites[(*n)++] = (struct otr_tls_site){
		.offset = offset + (place > 0 ? (uint64_t)place : 0),
		.what = what,
		.cookie = cookie,
		.is_emulated = place >= 0,
	};
}

/* The function that both `a` and `b` call first, if the kernel emulates a place in it; else 0. Two
 * callers show that it is the one that does their work. */
static uint64_t common(int fd, uint64_t a, uint64_t b, uint32_t needed)
{
	uint8_t code[OTR_ELF_CODE];
	int64_t from_a, from_b;
	uint64_t is;

	from_a = a ? callee_of(code, otr_elf_code(fd, a, code)) : 0;
	from_b = b ? callee_of(code, otr_elf_code(fd, b, code)) : 0;
	is = a + (uint64_t)from_a;
	if (!from_a || !from_b || is != b + (uint64_t)from_b)
		return 0;
	return place_of(code, otr_elf_code(fd, is, code), needed) >= 0 ? is : 0;
}

/* A pair of functions: `plain` returns how many bytes it moved, `ex` writes the number to where its
 * fourth argument points. Both pass their arguments to one that writes it where `cookie` says. */
static void add_pair(int fd, uint64_t plain, uint64_t ex, uint64_t other, uint8_t what,
		     uint8_t cookie, struct otr_tls_site *sites, size_t *n)
{
	uint64_t is = common(fd, plain, other, needed_by(what, cookie));

	if (is) {
		add(fd, is, what, cookie, sites, n);
		return;
	}
	add(fd, plain, what, OTR_TLS_RETURNED, sites, n);
	add(fd, ex, what, OTR_TLS_COUNT_4, sites, n);
}

enum {
	READ,
	READ_EX,
	WRITE,
	WRITE_EX,
	WRITE_EX2, /* OpenSSL 3.3: one argument more, before the last */
	HANDSHAKE,
	FREE,
};

static size_t of_openssl(int fd, struct otr_tls_site *sites)
{
	static const char *const names[] = {
		[READ] = "SSL_read",	       [READ_EX] = "SSL_read_ex",
		[WRITE] = "SSL_write",	       [WRITE_EX] = "SSL_write_ex",
		[WRITE_EX2] = "SSL_write_ex2", [HANDSHAKE] = "SSL_do_handshake",
		[FREE] = "SSL_free",
	};
	uint64_t at[OTR_ARRAY_SIZE(names)];
	size_t n = 0;

	if (otr_elf_functions(fd, names, OTR_ARRAY_SIZE(names), at) < 3 || !at[READ] || !at[WRITE])
		return 0;
	add_pair(fd, at[READ], at[READ_EX], at[READ_EX], OTR_TLS_READ, OTR_TLS_COUNT_4, sites, &n);
	if (at[WRITE_EX2])
		add_pair(fd, at[WRITE], at[WRITE_EX], at[WRITE_EX2], OTR_TLS_WRITE, OTR_TLS_COUNT_5,
			 sites, &n);
	else
		add_pair(fd, at[WRITE], at[WRITE_EX], at[WRITE_EX], OTR_TLS_WRITE, OTR_TLS_COUNT_4,
			 sites, &n);
	add(fd, at[HANDSHAKE], OTR_TLS_HANDSHAKE, 0, sites, &n);
	add(fd, at[FREE], OTR_TLS_FREE, 0, sites, &n);
	return n;
}

static size_t of_gnutls(int fd, struct otr_tls_site *sites)
{
	static const char *const names[] = {
		"gnutls_record_recv",
		"gnutls_record_send",
		"gnutls_handshake",
		"gnutls_deinit",
	};
	uint64_t at[OTR_ARRAY_SIZE(names)];
	size_t n = 0;

	if (otr_elf_functions(fd, names, OTR_ARRAY_SIZE(names), at) < (int)OTR_ARRAY_SIZE(names))
		return 0;
	add(fd, at[0], OTR_TLS_READ, OTR_TLS_RETURNED, sites, &n);
	add(fd, at[1], OTR_TLS_WRITE, OTR_TLS_RETURNED, sites, &n);
	add(fd, at[2], OTR_TLS_HANDSHAKE, 0, sites, &n);
	add(fd, at[3], OTR_TLS_FREE, 0, sites, &n);
	return n;
}

size_t otr_tls_sites(int fd, struct otr_tls_site sites[OTR_TLS_SITES])
{
	size_t n = of_openssl(fd, sites);

	return n ? n : of_gnutls(fd, sites);
}

size_t otr_tls_bio_sites(int fd, struct otr_tls_site sites[OTR_TLS_SITES])
{
	static const char *const names[] = {"BIO_read", "BIO_read_ex"};
	uint64_t at[OTR_ARRAY_SIZE(names)];
	size_t n = 0;

	if (otr_elf_functions(fd, names, OTR_ARRAY_SIZE(names), at) == 2)
		add_pair(fd, at[0], at[1], at[1], OTR_TLS_BIO, OTR_TLS_COUNT_4, sites, &n);
	return n;
}

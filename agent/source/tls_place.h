/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_PLACE_H
#define OTR_TLS_PLACE_H

/*
 * tls_place.h - where in a file the functions of a TLS library are probed.
 *
 * A probe costs a trap. If the kernel can emulate the instruction there, that is all; if not, it
 * costs a second trap, to step over the instruction. So a probe goes to the first instruction that
 * is emulated, as long as the arguments are still in their registers and the stack pointer has not
 * moved, as a return probe needs that. Where a function has no such place (SSL_read of OpenSSL),
 * the function that it passes its arguments to may have one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/tls_cookie.h"

enum otr_tls_what {
	OTR_TLS_READ,
	OTR_TLS_WRITE,
	OTR_TLS_HANDSHAKE,
	OTR_TLS_FREE,
	OTR_TLS_BIO, /* OpenSSL reads ciphertext, from a socket or from memory */
};

struct otr_tls_site {
	uint64_t offset;  /* in the file */
	uint8_t what;	  /* enum otr_tls_what */
	uint8_t cookie;	  /* enum otr_tls_cookie */
	bool is_emulated; /* the kernel emulates the instruction there */
};

#define OTR_TLS_SITES 8

/* Finds what is to be probed in an ELF file: nothing where it has no function of a TLS library.
 * Returns how many sites. */
size_t otr_tls_sites(int fd, struct otr_tls_site sites[OTR_TLS_SITES]);

/* The same for the function by which OpenSSL reads ciphertext, which is in libcrypto. */
size_t otr_tls_bio_sites(int fd, struct otr_tls_site sites[OTR_TLS_SITES]);

/* The offset in `code`, the first `n` bytes of a function, of the first instruction that the kernel
 * emulates, where none of the registers in the set `needed` (bit N: register N) nor the stack
 * pointer has changed; -1: there is none. */
int otr_tls_place(const uint8_t *code, size_t n, uint32_t needed);

/* The function that `code` calls first, without a change of the first two arguments: its offset
 * from `code`; 0: none is known. */
int64_t otr_tls_callee(const uint8_t *code, size_t n);

#endif /* OTR_TLS_PLACE_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_X86_INSN_H
#define OTR_X86_INSN_H

/*
 * x86_insn.h - the instructions at the beginning of a function, as far as a place for a probe has
 * to be known: their length, and which register they change. Only common instructions are known;
 * at any other the reader stops.
 */

#include <stddef.h>
#include <stdint.h>

enum otr_x86_kind {
	OTR_X86_UNKNOWN, /* the walk ends here */
	OTR_X86_PLAIN,	 /* it changes at most one register */
	OTR_X86_PUSH,
	OTR_X86_NOP,  /* one byte; longer ones are PLAIN */
	OTR_X86_JCC,  /* a conditional jump */
	OTR_X86_JMP,  /* to a fixed place */
	OTR_X86_CALL, /* of a fixed place */
};

/* Numbers of registers, as in the encoding. */
enum {
	OTR_X86_RCX = 1,
	OTR_X86_RDX = 2,
	OTR_X86_RSP = 4,
	OTR_X86_RSI = 6,
	OTR_X86_RDI = 7,
	OTR_X86_R8 = 8,
	OTR_X86_NO_REG = 255,
};

struct otr_x86_insn {
	enum otr_x86_kind kind;
	uint8_t len;
	uint8_t changes; /* the register that it changes, or OTR_X86_NO_REG */
	int32_t rel;	 /* JMP, CALL, JCC: the target, from the next instruction */
};

/* Reads the instruction at `code`, of which `n` bytes are there. */
struct otr_x86_insn otr_x86_read(const uint8_t *code, size_t n);

#endif /* OTR_X86_INSN_H */

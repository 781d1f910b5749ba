/* SPDX-License-Identifier: Apache-2.0 */
/* x86_insn.c - see x86_insn.h, and Intel's manual, volume 2, appendix A. */

#include "agent/source/x86_insn.h"

#include <stdbool.h>
#include <string.h>

#define REX_W 8
#define REX_R 4
#define REX_B 1

/* How an opcode is followed. */
enum shape {
	NONE,
	TO_RM,	   /* ModRM; changes the operand of r/m */
	TO_REG,	   /* ModRM; changes the operand of reg */
	READS,	   /* ModRM; changes no register that matters: comparisons, vector registers */
	RM_IMM8,   /* ModRM and a constant; changes r/m */
	RM_IMM32,  /* likewise */
	CMP_IMM8,  /* ModRM and a constant; reads r/m */
	CMP_IMM32, /* likewise */
	REG_IMM,   /* the register is in the opcode: B8 .. BF */
	PUSHES,
	NOPS,
	JCC8,
	JCC32,
	JMP8,
	JMP32,
	CALL32,
};

struct state {
	const uint8_t *at, *end;
	uint8_t rex;
	bool is_short; /* prefix 66: constants have 16 bits */
	bool has_rep;  /* prefix F2 or F3 */
};

static enum shape shape_of(uint8_t op)
{
	if (op < 0x40 && (op & 7) < 4) /* ADD OR ADC SBB AND SUB XOR CMP */
		return op >= 0x38 ? READS : op & 2 ? TO_REG : TO_RM;
	if (op >= 0x50 && op <= 0x57)
		return PUSHES;
	if (op >= 0x70 && op <= 0x7f)
		return JCC8;
	if (op >= 0xb8 && op <= 0xbf)
		return REG_IMM;
	switch (op) {
	case 0x63:
	case 0x8a:
	case 0x8b:
	case 0x8d:
		return TO_REG;
	case 0x80:
	case 0x83:
	case 0xc6:
		return RM_IMM8;
	case 0x81:
	case 0xc7:
		return RM_IMM32;
	case 0x84:
	case 0x85:
		return READS;
	case 0x88:
	case 0x89:
		return TO_RM;
	case 0x90:
		return NOPS;
	case 0xeb:
		return JMP8;
	case 0xe9:
		return JMP32;
	case 0xe8:
		return CALL32;
	case 0xf6:
		return CMP_IMM8;
	case 0xf7:
		return CMP_IMM32;
	}
	return NONE;
}

/* Opcodes behind 0F. */
static enum shape shape_of_0f(uint8_t op)
{
	if (op >= 0x80 && op <= 0x8f)
		return JCC32;
	if (op >= 0x40 && op <= 0x4f)
		return TO_REG; /* CMOVcc */
	switch (op) {
	case 0xaf:
	case 0xb6:
	case 0xb7:
	case 0xbe:
	case 0xbf:
		return TO_REG;
	case 0x10:
	case 0x11:
	case 0x28:
	case 0x29:
	case 0x57:
	case 0x6f:
	case 0x7f:
	case 0xef:
	case 0x1e: /* ENDBR64 and other hints */
	case 0x1f: /* NOP of several bytes */
		return READS;
	}
	return NONE;
}

static bool take(struct state *s, size_t n, void *out)
{
	if ((size_t)(s->end - s->at) < n)
		return false;
	if (out)
		memcpy(out, s->at, n);
	s->at += n;
	return true;
}

static bool prefixes(struct state *s)
{
	for (; s->at < s->end; s->at++) {
		if (*s->at == 0x66)
			s->is_short = true;
		else if (*s->at == 0xf2 || *s->at == 0xf3)
			s->has_rep = true;
		else if (*s->at != 0x64)
			break;
	}
	if (s->at < s->end && (*s->at & 0xf0) == 0x40)
		s->rex = *s->at++;
	return s->at < s->end;
}

struct modrm {
	uint8_t mod, reg, rm, digit; /* digit: reg without the bit of the prefix */
};

/* Takes ModRM, SIB and the displacement. */
static bool take_modrm(struct state *s, struct modrm *m)
{
	uint8_t byte, sib = 0;
	size_t skip = 0;

	if (!take(s, 1, &byte))
		return false;
	m->mod = byte >> 6;
	m->digit = byte >> 3 & 7;
	m->reg = (uint8_t)(m->digit | (s->rex & REX_R ? 8 : 0));
	m->rm = (uint8_t)((byte & 7) | (s->rex & REX_B ? 8 : 0));
	if (m->mod == 3)
		return true;
	if ((byte & 7) == 4 && !take(s, 1, &sib))
		return false;
	if (m->mod == 1)
		skip = 1;
	else if (m->mod == 2 || (byte & 7) == 5 || ((byte & 7) == 4 && (sib & 7) == 5))
		skip = 4;
	return take(s, skip, NULL);
}

static bool with_modrm(struct state *s, enum shape is, struct otr_x86_insn *out)
{
	size_t imm32 = s->is_short ? 2 : 4;
	struct modrm m;

	if (!take_modrm(s, &m))
		return false;
	out->kind = OTR_X86_PLAIN;
	switch (is) {
	case TO_REG:
		out->changes = m.reg;
		return true;
	case TO_RM:
		if (m.mod == 3)
			out->changes = m.rm;
		return true;
	case RM_IMM8:
	case RM_IMM32:
		if (m.mod == 3 && m.digit != 7) /* 7: CMP */
			out->changes = m.rm;
		return take(s, is == RM_IMM8 ? 1 : imm32, NULL);
	case CMP_IMM8:
	case CMP_IMM32:
		return !m.digit && take(s, is == CMP_IMM8 ? 1 : imm32, NULL); /* 0: TEST */
	default:
		return true;
	}
}

static bool with_rel(struct state *s, size_t n, enum otr_x86_kind kind, struct otr_x86_insn *out)
{
	int8_t rel8;

	out->kind = kind;
	if (n == 4)
		return !s->is_short && take(s, 4, &out->rel);
	if (!take(s, 1, &rel8))
		return false;
	out->rel = rel8;
	return true;
}

static bool read_rest(struct state *s, enum shape is, uint8_t op, struct otr_x86_insn *out)
{
	switch (is) {
	case NONE:
		return false;
	case PUSHES:
		out->kind = OTR_X86_PUSH;
		return !s->is_short;
	case NOPS:
		out->kind = s->rex || s->has_rep || s->is_short ? OTR_X86_PLAIN : OTR_X86_NOP;
		return !(s->rex & REX_B); /* else XCHG */
	case REG_IMM:
		out->kind = OTR_X86_PLAIN;
		out->changes = (uint8_t)((op & 7) | (s->rex & REX_B ? 8 : 0));
		return take(s, s->rex & REX_W ? 8 : s->is_short ? 2 : 4, NULL);
	case JCC8:
		return with_rel(s, 1, OTR_X86_JCC, out);
	case JCC32:
		return with_rel(s, 4, OTR_X86_JCC, out);
	case JMP8:
		return with_rel(s, 1, OTR_X86_JMP, out);
	case JMP32:
		return with_rel(s, 4, OTR_X86_JMP, out);
	case CALL32:
		return with_rel(s, 4, OTR_X86_CALL, out);
	default:
		return with_modrm(s, is, out);
	}
}

struct otr_x86_insn otr_x86_read(const uint8_t *code, size_t n)
{
	struct otr_x86_insn out = {.changes = OTR_X86_NO_REG};
	struct state s = {.at = code, .end = code + (n < 15 ? n : 15)};
	enum shape is;
	uint8_t op;

	if (!prefixes(&s) || !take(&s, 1, &op))
		return out;
	is = shape_of(op);
	if (op == 0x0f)
		is = take(&s, 1, &op) ? shape_of_0f(op) : NONE;
	if (!read_rest(&s, is, op, &out))
		return (struct otr_x86_insn){.changes = OTR_X86_NO_REG};
	out.len = (uint8_t)(s.at - code);
	return out;
}

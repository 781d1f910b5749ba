/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hpack_huffman.c - the Huffman code of HPACK (RFC 7541, appendix B).
 *
 * The code is canonical. Codes of up to 8 bits, of all characters that are usual, are found by one
 * look-up; longer ones by their length. tests/unit/hpack_test.c compares both with libnghttp2.
 */

#include "agent/proto/hpack.h"

#include "agent/base/own.h"

#define FAST 8 /* bits of a look-up */
#define EOS  256

/* By the next 8 bits: the character and the bits of its code; 0 bits: its code is longer. */
/* clang-format off */
static const struct { uint8_t byte, bits; } fast[1 << FAST] = {
	{48, 5}, {48, 5}, {48, 5}, {48, 5}, {48, 5}, {48, 5}, {48, 5}, {48, 5}, {49, 5},
	{49, 5}, {49, 5}, {49, 5}, {49, 5}, {49, 5}, {49, 5}, {49, 5}, {50, 5}, {50, 5},
	{50, 5}, {50, 5}, {50, 5}, {50, 5}, {50, 5}, {50, 5}, {97, 5}, {97, 5}, {97, 5},
	{97, 5}, {97, 5}, {97, 5}, {97, 5}, {97, 5}, {99, 5}, {99, 5}, {99, 5}, {99, 5},
	{99, 5}, {99, 5}, {99, 5}, {99, 5}, {101, 5}, {101, 5}, {101, 5}, {101, 5}, {101, 5},
	{101, 5}, {101, 5}, {101, 5}, {105, 5}, {105, 5}, {105, 5}, {105, 5}, {105, 5},
	{105, 5}, {105, 5}, {105, 5}, {111, 5}, {111, 5}, {111, 5}, {111, 5}, {111, 5},
	{111, 5}, {111, 5}, {111, 5}, {115, 5}, {115, 5}, {115, 5}, {115, 5}, {115, 5},
	{115, 5}, {115, 5}, {115, 5}, {116, 5}, {116, 5}, {116, 5}, {116, 5}, {116, 5},
	{116, 5}, {116, 5}, {116, 5}, {32, 6}, {32, 6}, {32, 6}, {32, 6}, {37, 6}, {37, 6},
	{37, 6}, {37, 6}, {45, 6}, {45, 6}, {45, 6}, {45, 6}, {46, 6}, {46, 6}, {46, 6},
	{46, 6}, {47, 6}, {47, 6}, {47, 6}, {47, 6}, {51, 6}, {51, 6}, {51, 6}, {51, 6},
	{52, 6}, {52, 6}, {52, 6}, {52, 6}, {53, 6}, {53, 6}, {53, 6}, {53, 6}, {54, 6},
	{54, 6}, {54, 6}, {54, 6}, {55, 6}, {55, 6}, {55, 6}, {55, 6}, {56, 6}, {56, 6},
	{56, 6}, {56, 6}, {57, 6}, {57, 6}, {57, 6}, {57, 6}, {61, 6}, {61, 6}, {61, 6},
	{61, 6}, {65, 6}, {65, 6}, {65, 6}, {65, 6}, {95, 6}, {95, 6}, {95, 6}, {95, 6},
	{98, 6}, {98, 6}, {98, 6}, {98, 6}, {100, 6}, {100, 6}, {100, 6}, {100, 6}, {102, 6},
	{102, 6}, {102, 6}, {102, 6}, {103, 6}, {103, 6}, {103, 6}, {103, 6}, {104, 6},
	{104, 6}, {104, 6}, {104, 6}, {108, 6}, {108, 6}, {108, 6}, {108, 6}, {109, 6},
	{109, 6}, {109, 6}, {109, 6}, {110, 6}, {110, 6}, {110, 6}, {110, 6}, {112, 6},
	{112, 6}, {112, 6}, {112, 6}, {114, 6}, {114, 6}, {114, 6}, {114, 6}, {117, 6},
	{117, 6}, {117, 6}, {117, 6}, {58, 7}, {58, 7}, {66, 7}, {66, 7}, {67, 7}, {67, 7},
	{68, 7}, {68, 7}, {69, 7}, {69, 7}, {70, 7}, {70, 7}, {71, 7}, {71, 7}, {72, 7},
	{72, 7}, {73, 7}, {73, 7}, {74, 7}, {74, 7}, {75, 7}, {75, 7}, {76, 7}, {76, 7},
	{77, 7}, {77, 7}, {78, 7}, {78, 7}, {79, 7}, {79, 7}, {80, 7}, {80, 7}, {81, 7},
	{81, 7}, {82, 7}, {82, 7}, {83, 7}, {83, 7}, {84, 7}, {84, 7}, {85, 7}, {85, 7},
	{86, 7}, {86, 7}, {87, 7}, {87, 7}, {89, 7}, {89, 7}, {106, 7}, {106, 7}, {107, 7},
	{107, 7}, {113, 7}, {113, 7}, {118, 7}, {118, 7}, {119, 7}, {119, 7}, {120, 7},
	{120, 7}, {121, 7}, {121, 7}, {122, 7}, {122, 7}, {38, 8}, {42, 8}, {44, 8}, {59, 8},
	{88, 8}, {90, 8}, {0, 0}, {0, 0},
};

/* The characters with longer codes, in the order of their codes. */
static const uint16_t longer[] = {
	33, 34, 40, 41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91, 93, 126, 94, 125, 60, 96, 123,
	92, 195, 208, 128, 130, 131, 162, 184, 194, 224, 226, 153, 161, 167, 172, 176, 177,
	179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156, 160, 163,
	164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1, 135,
	137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168,
	174, 175, 180, 182, 183, 188, 191, 197, 231, 239, 9, 142, 144, 145, 148, 159, 171, 206,
	215, 225, 236, 237, 199, 207, 234, 235, 192, 193, 200, 201, 202, 205, 210, 213, 218,
	219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245,
	246, 247, 248, 250, 251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17,
	18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249, 10, 13, 22, 256,
};
/* clang-format on */

/* Codes of one length: the first one, how many, and where their characters are in `longer`. */
static const struct row {
	uint32_t first;
	uint8_t bits, n, at;
} rows[] = {
	{0x3f8, 10, 5, 0},	  {0x7fa, 11, 3, 5},	    {0xffa, 12, 2, 8},
	{0x1ff8, 13, 6, 10},	  {0x3ffc, 14, 2, 16},	    {0x7ffc, 15, 3, 18},
	{0x7fff0, 19, 3, 21},	  {0xfffe6, 20, 8, 24},	    {0x1fffdc, 21, 13, 32},
	{0x3fffd2, 22, 26, 45},	  {0x7fffd8, 23, 29, 71},   {0xffffea, 24, 12, 100},
	{0x1ffffec, 25, 4, 112},  {0x3ffffe0, 26, 15, 116}, {0x7ffffde, 27, 19, 131},
	{0xfffffe2, 28, 29, 150}, {0x3ffffffc, 30, 4, 179},
};

/* What is left to decode: the last `n` bits of `bits`, then `in`. */
struct reader {
	struct otr_slice in;
	uint64_t bits;
	unsigned int n;
};

static void fill(struct reader *r)
{
	while (r->n <= 56 && r->in.len) {
		r->bits = r->bits << 8 | (uint8_t)r->in.data[0];
		r->n += 8;
		r->in.data++;
		r->in.len--;
	}
}

/* The next `n` bits; behind the end there are ones, as in the padding. */
static uint32_t peek(const struct reader *r, unsigned int n)
{
	uint32_t mask = n < 32 ? (1u << n) - 1 : UINT32_MAX;

	if (n <= r->n)
		return (uint32_t)(r->bits >> (r->n - n)) & mask;
	return (uint32_t)((r->bits << (n - r->n)) | ((1u << (n - r->n)) - 1)) & mask;
}

/* Reads a code of more than 8 bits. Returns EOS also where none is whole. */
static uint16_t take_longer(struct reader *r)
{
	uint32_t code;

	for (const struct row *row = rows; row < rows + OTR_ARRAY_SIZE(rows); row++) {
		code = peek(r, row->bits) - row->first;
		if (row->bits > r->n || code >= row->n)
			continue;
		r->n -= row->bits;
		return longer[row->at + code];
	}
	return EOS;
}

/* Is what is left the padding: less than a byte, all ones? */
static bool is_padding(const struct reader *r)
{
	return !r->in.len && r->n < 8 && peek(r, 8) == 0xff;
}

size_t otr_hpack_huffman(struct otr_slice in, char *out, size_t room)
{
	struct reader r = {.in = in};
	size_t len = 0;
	uint16_t c;

	for (;;) {
		fill(&r);
		c = (uint16_t)peek(&r, FAST);
		if (fast[c].bits && fast[c].bits <= r.n) {
			r.n -= fast[c].bits;
			c = fast[c].byte;
		} else if (fast[c].bits || (c = take_longer(&r)) == EOS) {
			return is_padding(&r) ? len : OTR_HPACK_BAD;
		}
		if (len == room)
			return OTR_HPACK_BAD;
		out[len++] = (char)c;
	}
}

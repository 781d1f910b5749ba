/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pgsql.c - conversations of pgsql through the laws of a parser. */

#include "agent/proto/pgsql.h"
#include "tests/fuzz/fuzz_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return otr_fuzz_proto(&otr_pgsql, data, size);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http1.c - conversations of http1 through the laws of a parser. */

#include "agent/proto/http1.h"
#include "tests/fuzz/fuzz_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return otr_fuzz_proto(&otr_http1, data, size);
}

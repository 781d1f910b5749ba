/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FUZZ_PROTO_H
#define OTR_FUZZ_PROTO_H

/* fuzz_proto.h - one protocol through the laws. */

#include "tests/fuzz/laws.h"

static inline int otr_fuzz_proto(const struct otr_proto_ops *proto, const uint8_t *data,
				 size_t size)
{
	struct otr_conv cv = {0};

	if (size <= 65536 && !otr_conv_fuzz(&cv, data, size) && cv.n)
		otr_laws_check(proto, &cv);
	otr_conv_fini(&cv);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* OTR_FUZZ_PROTO_H */

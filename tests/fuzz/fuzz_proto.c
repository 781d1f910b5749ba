/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_proto.c - conversations of one protocol, OTR_FUZZ_PROTO, through the laws of a parser. Built
 * once for each row of otr_protos[]. */

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/laws.h"

static const struct otr_proto_ops *find(const char *name)
{
	for (size_t i = 0; otr_protos[i]; i++)
		if (!strcmp(otr_protos[i]->name, name))
			return otr_protos[i];
	abort(); /* the name of the ops in table.c is not the protocol's */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otr_conv cv = {0};

	if (size <= 65536 && !otr_conv_fuzz(&cv, data, size) && cv.n)
		otr_laws_check(find(OTR_FUZZ_PROTO), &cv);
	otr_conv_fini(&cv);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_secret.c - texts, targets and command lines of any bytes are read within their
 * bounds. */

#include <stdlib.h>

#include "agent/base/buf.h"
#include "agent/base/secret.h"
#include "agent/proto/url.h"
#include "tests/fuzz/exactly.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct otr_slice text = exactly(data, size);
	struct otr_buf out = {0};
	struct otr_url url;

	otr_secret_hide(&out, text);
	otr_buf_reset(&out);
	otr_secret_hide_args(&out, text);
	otr_buf_reset(&out);
	otr_secret_within(text);
	otr_secret_key(text);
	otr_secret_shape(text);
	otr_url_split(&url, text, false);
	otr_url_path(&out, url.path);
	otr_url_query(&out, url.query, NULL);
	otr_url_authority(&out, url.authority);
	if (out.rc)
		abort();
	otr_buf_fini(&out);
	free((char *)text.data);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_OTLP_ENCODE_H
#define OTR_OTLP_ENCODE_H

/* otlp_encode.h - spans as the protobuf bytes of one ExportTraceServiceRequest. */

#include <stddef.h>

#include "agent/base/pbuf.h"
#include "exporters/otlp_group.h"

struct otr_slice;
struct otr_span;

/* Memory that is reused. The bytes depend on the spans and on nothing else. */
struct otr_otlp_encoder { /* begins zeroed */
	struct otr_pbuf wire;
	struct otr_otlp_groups groups;
	uint32_t *order; /* of one group, or of the groups of one resource */
	size_t n_order;
};

void otr_otlp_encoder_fini(struct otr_otlp_encoder *enc);

/* Encodes one request with `n` spans, which it borrows. `out` is valid until the next call. Returns
 * 0 or -ENOMEM; then `out` is untouched. */
int otr_otlp_encode(struct otr_otlp_encoder *enc, const struct otr_span *const *spans, size_t n,
		    struct otr_slice *out);

#endif /* OTR_OTLP_ENCODE_H */

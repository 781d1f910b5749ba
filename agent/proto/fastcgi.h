/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FASTCGI_H
#define OTR_FASTCGI_H

/* fastcgi.h - the row of FastCGI. */

#include "agent/proto/proto.h"

extern const struct otr_proto_ops otr_fastcgi;

#endif /* OTR_FASTCGI_H */

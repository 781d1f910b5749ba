/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FASTCGI_H
#define OTR_FASTCGI_H

/* fastcgi.h - the row of FastCGI, and what its files share. */

#include "agent/proto/http.h"
#include "agent/proto/proto.h"

extern const struct otr_proto_ops otr_fastcgi;

static inline unsigned int otr_fastcgi_u16(const char *at)
{
	return (unsigned int)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

/* What is read of the parameters of a request; begins zeroed. Slices alias the records. */
struct otr_fastcgi_params {
	struct otr_http_request req;
	struct otr_slice script, path_info, remote;
};

/* Reads the parameters of one record. One that goes on in the next record is not read. */
void otr_fastcgi_take(struct otr_fastcgi_params *pa, struct otr_slice in);

/* The request, once all its parameters were read: they come in no certain order, so what stands for
 * what is missing is set here. */
struct otr_http_request *otr_fastcgi_request(struct otr_fastcgi_params *pa);

#endif /* OTR_FASTCGI_H */

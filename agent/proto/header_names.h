/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_HEADER_NAMES_H
#define OTR_HEADER_NAMES_H

/*
 * header_names.h - names of request headers that the user wants as attributes (--header): of HTTP
 * http.request.header.NAME, of gRPC rpc.request.metadata.NAME. They are opt-in, as the semantic
 * conventions have it. header_attrs.h reads and sets them.
 */

#include <stddef.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_err;

#define OTR_HEADER_NAMES    8  /* at most */
#define OTR_HEADER_NAME_MAX 63 /* bytes of one name */

#define OTR_HEADER_HTTP "http.request.header."
#define OTR_HEADER_RPC	"rpc.request.metadata."

struct otr_header_name {
	uint8_t len;		/* of the name alone */
	char http[96], rpc[96]; /* the attributes; each ends with the name, in small letters */
};

struct otr_header_names {
	size_t n;
	struct otr_header_name rows[OTR_HEADER_NAMES];
};

/* Fills `out` from a list that NULL ends; NULL: empty. Returns 0, or -EINVAL and `err`: a name is no
 * token (RFC 9110, 5.6.2), too long, one too many, or that of a credential. */
int otr_header_names_set(struct otr_header_names *out, char *const *list, struct otr_err *err);

/* Checks one name, as otr_header_names_set() does; `from`: "--header". Returns 0 or -EINVAL. */
int otr_header_name_check(const char *name, const char *from, struct otr_err *err);

/* Returns the number of the row that has this name, in any case; -1: none has. */
int otr_header_names_find(const struct otr_header_names *names, struct otr_slice name);

#endif /* OTR_HEADER_NAMES_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_URL_H
#define OTR_URL_H

/*
 * url.h - parts of request targets (RFC 3986), and which of them may be shown.
 *
 * No secret leaves the host. Userinfo becomes REDACTED:REDACTED. REDACTED replaces the value of a
 * query key that names a secret (the key stays), a value that holds one (a URL with a token, a
 * JWT), and a segment of a path that is one. What a secret is: agent/base/secret.h. --redact adds
 * keys, compared without regard to case.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/slice.h"

struct otr_buf;

#define OTR_URL_KEYS	32
#define OTR_URL_KEY_MAX 64

/* Parts of a target; they alias it, and each may be absent. */
struct otr_url {
	struct otr_slice scheme;    /* of an absolute-form only */
	struct otr_slice authority; /* likewise, or all of an authority-form */
	struct otr_slice path;
	struct otr_slice query; /* without '?'; a fragment is dropped */
};

/* Splits a request target, RFC 9112 section 3.2. `connect`: `target` is an authority. */
void otr_url_split(struct otr_url *out, struct otr_slice target, bool connect);

/* Splits "user:pw@host:port", brackets of an IPv6 address dropped. `*port` is 0 if there is
 * none, or it is no number. Returns the host. */
struct otr_slice otr_url_host(struct otr_slice authority, uint16_t *port);

/* Appends `query` without the values that must not be shown. `redact`: query keys that the user
 * added, ended by NULL; or NULL. */
void otr_url_query(struct otr_buf *out, struct otr_slice query, char *const *redact);

/* Appends a path without the segments and parameters that must not be shown. */
void otr_url_path(struct otr_buf *out, struct otr_slice path);

/* Appends a path whose segments are hidden unless they are words (/otlp/v1/traces). In a URL that
 * the user configured, any other segment may be a token, whatever its shape. */
void otr_url_path_words(struct otr_buf *out, struct otr_slice path);

/* Appends an authority without its userinfo. */
void otr_url_authority(struct otr_buf *out, struct otr_slice authority);

/* Returns the first of the user's query keys that otr_url_query() cannot compare: an empty one,
 * one of OTR_URL_KEY_MAX bytes or more, or the one after OTR_URL_KEYS others. NULL: all are
 * right. */
const char *otr_url_redact_wrong(char *const *keys);

#endif /* OTR_URL_H */

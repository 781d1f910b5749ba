/* SPDX-License-Identifier: Apache-2.0 */
/* header_names.c - names of request headers that the user wants as attributes. */

#include "agent/proto/header_names.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"

/* Names whose values are credentials, but whose words do not say so. */
static const char *const credentials[] = {
	"authorization", "cookie", "proxy-authorization", "set-cookie", "x-amz-security-token",
};

static bool is_token(const char *name)
{
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("!#$%&'*+-.^_`|~", *name))
			return false;
	return true;
}

static bool is_credential(struct otr_slice name)
{
	for (size_t i = 0; i < OTR_ARRAY_SIZE(credentials); i++)
		if (otr_slice_eq_nocase(name, otr_slice_str(credentials[i])))
			return true;
	return otr_secret_key(name);
}

int otr_header_name_check(const char *name, const char *from, struct otr_err *err)
{
	size_t len = strlen(name);

	if (!len || len > OTR_HEADER_NAME_MAX || !is_token(name)) {
		otr_err_set(err, "%s %s: no name of a header", from, name);
		otr_err_hint(err,
			     "right: letters, digits and signs like - and _, up to %d: x-user-id",
			     OTR_HEADER_NAME_MAX);
		return -EINVAL;
	}
	if (is_credential((struct otr_slice){name, len})) {
		otr_err_set(err, "%s %s: its value is a secret, which otrace does not send", from,
			    name);
		otr_err_hint(err, "right: a header that names a user, a request, a tenant");
		return -EINVAL;
	}
	return 0;
}

static void fill(struct otr_header_name *row, const char *name)
{
	char small[OTR_HEADER_NAME_MAX + 1];
	size_t n = 0;

	for (; name[n] && n < OTR_HEADER_NAME_MAX; n++)
		small[n] = (char)tolower((unsigned char)name[n]);
	small[n] = 0;
	row->len = (uint8_t)n;
	snprintf(row->http, sizeof(row->http), OTR_HEADER_HTTP "%s", small);
	snprintf(row->rpc, sizeof(row->rpc), OTR_HEADER_RPC "%s", small);
}

int otr_header_names_set(struct otr_header_names *out, char *const *list, struct otr_err *err)
{
	int rc;

	out->n = 0;
	for (; list && *list; list++) {
		rc = otr_header_name_check(*list, "--header", err);
		if (rc)
			return rc;
		if (otr_header_names_find(out, otr_slice_str(*list)) >= 0)
			continue;
		if (out->n == OTR_HEADER_NAMES) {
			otr_err_set(err, "--header %s: one too many", *list);
			otr_err_hint(err, "right: %d headers at most", OTR_HEADER_NAMES);
			return -EINVAL;
		}
		fill(&out->rows[out->n++], *list);
	}
	return 0;
}

static struct otr_slice own_name(const struct otr_header_name *row)
{
	return (struct otr_slice){row->http + sizeof(OTR_HEADER_HTTP) - 1, row->len};
}

int otr_header_names_find(const struct otr_header_names *names, struct otr_slice name)
{
	for (size_t i = 0; i < names->n; i++)
		if (name.len == names->rows[i].len &&
		    otr_slice_eq_nocase(name, own_name(&names->rows[i])))
			return (int)i;
	return -1;
}

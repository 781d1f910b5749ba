/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPEC_H
#define OTR_SPEC_H

/*
 * spec.h - one --export as a person wrote it, read:
 *
 *	http://HOST:4318,compression=none,timeout=5s,header=K:V
 *	`-- URL ---------'`-- options of the exporter ---------'
 *
 * The scheme of the URL names the exporter: a row of otr_exporters[] lists its schemes. A scheme
 * NAME+http is passed to the exporter as http. A comma begins an option; within the URL or a value
 * a comma is written %2C. A URL of an OTEL_* variable has no options, so its commas are its own.
 */

#include "exporters/exporter.h"

struct otr_export_spec {
	struct otr_destination dest; /* borrows from the fields below, and the origin */
	const struct otr_exporter_ops *ops;
	char *text;	/* of dest.url */
	void *settings; /* of dest.settings */
};

/* Reads `text`, which came from `origin` (borrowed for the life of `spec`). Where the origin is
 * OTEL_EXPORTER_OTLP_ENDPOINT, the variable for traces alone takes its place if it is set.
 * Returns 0, or -EINVAL or -ENOMEM with the reason in `err`; `spec` then holds nothing. No message
 * quotes what may be a secret. */
int otr_export_spec_read(struct otr_export_spec *spec, const char *text, const char *origin,
			 struct otr_err *err);
void otr_export_spec_fini(struct otr_export_spec *spec);

/* The row of otr_exporters[] for the scheme of `url`, or NULL. */
const struct otr_exporter_ops *otr_exporter_of(const char *url);

/* Writes a comma for each %2C of `text`, in place. */
void otr_export_decode_commas(char *text);

/* For --help and otrace(1): gives each exporter and each of its options as one line of text,
 * borrowed for the call. */
void otr_exporters_describe(void (*line)(void *arg, const char *text), void *arg);

#endif /* OTR_SPEC_H */

/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - every exporter built in, one row each. */

#include "exporters/exporter.h"

extern const struct otr_exporter_ops otr_exporter_otlp, otr_exporter_zipkin,
	otr_exporter_prometheus, otr_exporter_file;

const struct otr_exporter_ops *const otr_exporters[] = {
	&otr_exporter_otlp,
	&otr_exporter_zipkin,
	&otr_exporter_prometheus,
	&otr_exporter_file,
	NULL,
};

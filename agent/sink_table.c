/* SPDX-License-Identifier: Apache-2.0 */
/* sink_table.c - every sink built in. */

#include "agent/sink.h"

#include <stddef.h>

extern const struct otr_sink_ops otr_sink_console, otr_sink_export;

const struct otr_sink_ops *const otr_sink_table[] = {
	&otr_sink_console,
	&otr_sink_export,
	NULL,
};

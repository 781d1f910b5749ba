/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_SPOOLED_H
#define OTR_SPOOLED_H

/* spooled.h - an exporter behind a spool on disk: the options of any row that has encode() and send(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/own.h"
#include "agent/config/config.h"
#include "exporters/exporter.h"

struct otr_spool_settings {
	char *dir;
	int64_t max_mib;
};

#define OTR_SPOOL_MIB 256 /* the limit of a spool, unless spool-max is given */

#define OTR_SPOOL_OPTIONS(settings, field)                                                        \
	{                                                                                         \
		.name = "spool",                                                                  \
		.type = OTR_OPTION_STRING,                                                        \
		.offset = offsetof(settings, field.dir),                                          \
		.value = "DIR",                                                                   \
		.help = "Keep batches on disk in DIR until they are delivered. Outages and ends " \
			"of otrace lose none. One export a folder.",                              \
	},                                                                                        \
	{                                                                                         \
		.name = "spool-max", .type = OTR_OPTION_INT, .min = 1, .max = 1 << 20,            \
		.offset = offsetof(settings, field.max_mib), .value = "MIB",                      \
		.help = "Limit of the spool; beyond it the oldest batches are dropped. "          \
			"Default: " OTR_TEXT(OTR_SPOOL_MIB) ".",                                  \
	}

/* Fills in the fields for the spool of `dest`. True if the user asks for one. */
bool otr_spool_wanted(struct otr_destination *dest);

/* Opens dest->spooled behind the spool. */
extern const struct otr_exporter_ops otr_exporter_spooled;

#endif /* OTR_SPOOLED_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VIEW_UNITS_H
#define OTR_VIEW_UNITS_H

/* units.h - numbers with units, for people. */

#include <stdint.h>

/* Bytes for any of the texts below, with the final NUL. */
#define OTR_UNITS 32

/* Three digits and a unit: "412 us", "96.0 ms", "1.82 s", "16.7 m". Returns
 * `out`. */
const char *otr_units_duration(uint64_t ns, char out[OTR_UNITS]);

/* "1,208". */
const char *otr_units_count(uint64_t n, char out[OTR_UNITS]);

/* "14 MiB". */
const char *otr_units_bytes(uint64_t bytes, char out[OTR_UNITS]);

#endif /* OTR_VIEW_UNITS_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROTOCOL_NAME_H
#define OTR_PROTOCOL_NAME_H

/* protocol_name.h - protocols that otrace knows by their first bytes and does not read. */

#include <stddef.h>
#include <stdint.h>

/* "FastCGI is not parsed yet", a constant, or NULL. `head`: the first bytes of either side. */
const char *otr_protocol_by_head(const uint8_t *head, size_t len);

#endif /* OTR_PROTOCOL_NAME_H */

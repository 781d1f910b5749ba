/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PCAP_H
#define OTR_PCAP_H

/* pcap.h - tells captures from other files. */

#include <stdbool.h>

/* Is `path` a regular file that begins as one of pcap or pcapng does? */
bool otr_pcap_is_capture(const char *path);

#endif /* OTR_PCAP_H */

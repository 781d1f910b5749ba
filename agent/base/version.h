/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_VERSION_H
#define OTR_VERSION_H

/* version.h - the version of otrace, as `otrace --version` prints it and exporters send it. */

#define OTR_VERSION "0.1.0"

#endif /* OTR_VERSION_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FACTS_H
#define OTR_FACTS_H

/* facts.h - what is known of a process when its name and attributes are made. */

#include "agent/base/slice.h"
#include "agent/resource/resource.h"

/* An unknown fact is a none slice. */
struct otr_facts {
	struct otr_slice text[OTR_META_MAX]; /* by enum otr_meta */
	struct otr_slice comm;		     /* name of the first thread, at most 15 characters */
};

#endif /* OTR_FACTS_H */

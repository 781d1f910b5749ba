/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NAME_GUESS_H
#define OTR_NAME_GUESS_H

/* name_guess.h - the name of a service whose user gave it none. */

#include "agent/resource/facts.h"

/* The best guess from program and arguments; it may be empty. Aliases `facts`. */
struct otr_slice otr_name_guess(const struct otr_facts *facts);

#endif /* OTR_NAME_GUESS_H */

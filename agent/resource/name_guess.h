/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NAME_GUESS_H
#define OTR_NAME_GUESS_H

/* name_guess.h - the name of a service that no user has named. */

#include "agent/resource/facts.h"

/* Returns the best guess from program and arguments; it may be empty. It aliases `facts`. */
struct otr_slice otr_name_guess(const struct otr_facts *facts);

#endif /* OTR_NAME_GUESS_H */

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NAME_ARGS_H
#define OTR_NAME_ARGS_H

/* name_args.h - finds the program that an interpreter runs. */

#include <stdbool.h>

#include "agent/base/slice.h"

struct otr_facts;

struct otr_program {
	struct otr_slice name; /* "orders" of orders.py; empty: the arguments do not show it */
	struct otr_slice path; /* of the script or archive, as it was given; may be empty */
};

/* Reads the arguments of the interpreter `family` ("python"). False: it is no interpreter, so
 * the executable names the program. All slices alias `facts`. */
bool otr_program_of(struct otr_program *pg, struct otr_slice family, const struct otr_facts *facts);

#endif /* OTR_NAME_ARGS_H */

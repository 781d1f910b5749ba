/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NAME_H
#define OTR_NAME_H

/*
 * name.h - what a process is called, from what is known of it.
 *
 * Pure functions: facts in, a name out. The first that holds is service.name:
 *
 *   1. the name the user gave (--service)
 *   2. OTEL_SERVICE_NAME of the process
 *   3. service.name in its OTEL_RESOURCE_ATTRIBUTES
 *   4. a guess: name_guess.c
 */

#include "agent/base/slice.h"
#include "agent/resource/facts.h"

#define OTR_SERVICE_MAX 128 /* bytes of a service name */

/* Writes the service's name, valid UTF-8, no control characters, cut at a character,
 * NUL-terminated; never empty. Returns its length. */
size_t otr_name_service(const struct otr_facts *facts, char out[OTR_SERVICE_MAX + 1]);

/* The variable `name` among NAME=VALUE, NUL between; a none slice if it is absent. */
struct otr_slice otr_name_env(struct otr_slice env, const char *name);

/* telemetry.sdk.language for what runs `exe`, a path: "python", else "cpp". */
const char *otr_name_language(struct otr_slice exe);

/* The id of the container a cgroup belongs to: 64 hex digits in its path. */
struct otr_slice otr_name_container(struct otr_slice cgroup);

/* Visits the pairs of OTEL_RESOURCE_ATTRIBUTES that can be decoded. Returns false where one
 * cannot, and the first of these, as it was written, in `bad` (or NULL). */
typedef void (*otr_name_pair_fn)(void *arg, struct otr_slice key, struct otr_slice value);
bool otr_name_pairs(struct otr_slice text, otr_name_pair_fn fn, void *arg, struct otr_slice *bad);

#endif /* OTR_NAME_H */

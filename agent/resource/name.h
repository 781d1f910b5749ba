/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_NAME_H
#define OTR_NAME_H

/*
 * name.h - names a process from its facts.
 *
 * The functions are pure. service.name is the first of these that is known:
 *
 * 1. the name that the user gave (--service)
 * 2. OTEL_SERVICE_NAME of the process
 * 3. service.name in its OTEL_RESOURCE_ATTRIBUTES
 * 4. a guess: name_guess.c
 */

#include "agent/base/slice.h"
#include "agent/resource/facts.h"

#define OTR_SERVICE_MAX 128 /* bytes of a service name */

/* Writes the name of the service: valid UTF-8 without control characters, cut at a character,
 * NUL-terminated, never empty. Returns its length. */
size_t otr_name_service(const struct otr_facts *facts, char out[OTR_SERVICE_MAX + 1]);

/* Returns the value of the variable `name` in `env`, a list of NAME=VALUE with NUL between; a
 * none slice if it is absent. */
struct otr_slice otr_name_env(struct otr_slice env, const char *name);

/* Returns telemetry.sdk.language for the executable `exe`, a path: "python" ..; "cpp" if it is
 * no known runtime. */
const char *otr_name_language(struct otr_slice exe);

/* Returns the id of the container that a cgroup belongs to: 64 hex digits in its path; or a none
 * slice. */
struct otr_slice otr_name_container(struct otr_slice cgroup);

/* Calls `fn` for each pair of OTEL_RESOURCE_ATTRIBUTES that can be decoded. Returns false if a
 * pair cannot be, and the first of these, as it was written, in `bad` (or NULL). */
typedef void (*otr_name_pair_fn)(void *arg, struct otr_slice key, struct otr_slice value);
bool otr_name_pairs(struct otr_slice text, otr_name_pair_fn fn, void *arg, struct otr_slice *bad);

#endif /* OTR_NAME_H */

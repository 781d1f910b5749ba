/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ENV_LISTS_H
#define OTR_ENV_LISTS_H

/*
 * env_lists.h - lists in the environment: hosts that get no header, programs that are not traced.
 * `otrace run` has checked both lists; an entry that is still wrong is skipped.
 *
 * Pure: no system call, no allocation, no state; tests/unit/env_lists_test.c.
 */

#include <stddef.h>
#include <stdint.h>

#include "bpf/ring.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Adds the hosts of OTRACE_NO_INJECT_TO, "host;host:port;*.suffix"; `list` may be NULL. */
void otr_hosts_read(struct otr_ring_hosts *hosts, const char *list);

/* Is `host`, the value of a Host header, on the list? `port`: the default if `host` has none. */
int otr_hosts_have(const struct otr_ring_hosts *hosts, const char *host, size_t len,
		   unsigned int port);

/* Does the last rule of OTRACE_RULE that matches this program have mode=off? Rules with a port or a
 * cgroup are left to the agent. `cmd`: the arguments, with blanks between. `rules` may be NULL.
 * Sets *threshold (bpf/sample.h) by the last matching rule with sample=SHARE, if there is one. */
int otr_rules_refuse(const char *rules, const char *exe, const char *cmd, uint64_t *threshold);

#pragma GCC visibility pop

#endif /* OTR_ENV_LISTS_H */

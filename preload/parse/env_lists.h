/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_ENV_LISTS_H
#define OTR_ENV_LISTS_H

/*
 * env_lists.h - what the environment switches: hosts that get no header, programs that are left
 * alone. `otrace run` has checked both lists; what is wrong in them all the same is skipped.
 *
 * Pure: no system call, no allocation, no state; tests/unit/env_lists_test.c.
 */

#include <stddef.h>
#include <stdint.h>

#include "bpf/ring.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Reads OTRACE_NO_INJECT_TO, "host;host:port;*.suffix"; NULL is fine. */
void otr_hosts_read(struct otr_ring_hosts *hosts, const char *list);

/* Is `host`, the value of a Host header, one of them? `port`: where it names none. */
int otr_hosts_have(const struct otr_ring_hosts *hosts, const char *host, size_t len,
		   unsigned int port);

/* Does the last rule of OTRACE_RULE that fits say off? Rules with a port or a cgroup are the
 * agent's to judge. `cmd`: its arguments, blanks between. NULL is fine. */
int otr_rules_refuse(const char *rules, const char *exe, const char *cmd);

#pragma GCC visibility pop

#endif /* OTR_ENV_LISTS_H */

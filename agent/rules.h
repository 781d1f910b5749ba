/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_RULES_H
#define OTR_RULES_H

/*
 * rules.h - the rules that say which processes of a host are traced.
 *
 *	--rule exe=/usr/bin/node,cmd=*gunicorn*,port=3000,cgroup=/system.slice/x,mode=off
 *	--rule container=4f5a*,user=www-data,language=python,env=TIER=front*,service=shop
 *
 * All terms of a rule have to hold; * and ? are wildcards; a comma within a value is written %2C. The last rule that fits decides.
 * Without a rule of another mode than `off`, every process that listens on a port is traced,
 * except a list of the host's own services. A rule with `sample` or `service` and without
 * `mode` selects nothing: it only says how many of the traces that begin in a process are kept,
 * and what name it has.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/candidate.h"

struct otr_err;

#define OTR_RULES_MAX 64
#define OTR_RULE_ENVS 4

enum otr_mode {
	OTR_MODE_TRACE,
	OTR_MODE_OFF,
	OTR_MODE_UNCHANGED, /* what other rules say */
};

struct otr_rule {
	char text[512];			/* as typed, cut at its terms */
	const char *exe, *cmd, *cgroup; /* patterns, or NULL */
	const char *container;		/* a pattern of an id; "": in no container; or NULL */
	const char *env[OTR_RULE_ENVS]; /* patterns of NAME=VALUE, all of them fit */
	size_t n_env;
	const char *language; /* telemetry.sdk.language, or NULL */
	const char *service;  /* name of the service, or NULL */
	const char *sample;   /* a rate (agent/sample/sampler.h), or NULL */
	uint32_t uid;	      /* effective, if `has_uid` */
	bool has_uid;
	uint16_t port; /* 0: any */
	enum otr_mode mode;
};

struct otr_rules {
	struct otr_rule rules[OTR_RULES_MAX];
	size_t n;
	bool names_wanted; /* a rule has the mode `trace`: only such processes are traced */
};

/* As `check` of struct otr_option: is it a rule? */
int otr_rule_check(const char *text, const char *from, struct otr_err *err);

/* Parses every --rule. Returns 0, or -EINVAL with the reason in `err`. */
int otr_rules_parse(struct otr_rules *rules, char **texts, struct otr_err *err);

/* May a process be traced before it listens anywhere? */
bool otr_rules_at_exec(const struct otr_rules *rules);

/* Are there rules, and does none of them select a process, not even to leave it out? Then every
 * process that listens is traced, which whoever wrote them may not mean. */
bool otr_rules_select_none(const struct otr_rules *rules);

/* Judges one process: verdict, rate and service name are each those of the last rule that fits and
 * has one; the texts are borrowed from `rules`. Reads its user, environment and language once, and
 * only if a rule that fits otherwise asks for them. */
struct otr_ruling otr_rules_judge(const struct otr_rules *rules, const struct otr_candidate *who);

/* The same as `judge` of struct otr_session_config; `rules` is a struct otr_rules. */
struct otr_ruling otr_rules_ruling(void *rules, const struct otr_candidate *who);

#endif /* OTR_RULES_H */

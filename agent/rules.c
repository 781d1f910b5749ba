/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - which processes of a host are traced; see rules.h. */

#include "agent/rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/text.h"
#include "agent/sample/sampler.h"

/* Programs of the host itself, which are not traced unless a rule names them. */
static const char *const denied[] = {
	"sshd",	   "systemd*", "kubelet", "containerd*", "dockerd", "docker-*", "dbus-*",
	"chronyd", "ntpd",     "rpcbind", "avahi-*",	 "cupsd",   "otrace",
};

static const char *const keys[] = {"exe", "cmd", "port", "cgroup", "mode", "sample"};

static int bad_key(const char *text, const char *key, struct otr_err *err)
{
	const char *meant = NULL;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(keys); i++)
		if (otr_text_distance(key, keys[i]) <= 2)
			meant = keys[i];
	otr_err_set(err, "--rule %s: %s is no key%s%s%s", text, key, meant ? "; did you mean " : "",
		    meant ? meant : "", meant ? "?" : "");
	otr_err_hint(err, "right: exe=, cmd=, port=, cgroup=, sample=, mode=trace or mode=off, "
			  "commas between");
	return -EINVAL;
}

static int set_port(struct otr_rule *rule, const char *text, const char *value, struct otr_err *err)
{
	char *end;
	unsigned long port = strtoul(value, &end, 10);

	if (*end || !*value || !port || port > 65535) {
		otr_err_set(err, "--rule %s: port=%s: not a port; right: 1 to 65535", text, value);
		return -EINVAL;
	}
	rule->port = (uint16_t)port;
	return 0;
}

static int set_mode(struct otr_rule *rule, const char *text, const char *value, struct otr_err *err)
{
	if (!strcmp(value, "off"))
		rule->mode = OTR_MODE_OFF;
	else if (!strcmp(value, "trace"))
		rule->mode = OTR_MODE_TRACE;
	else {
		otr_err_set(err, "--rule %s: mode=%s: right: trace or off", text, value);
		return -EINVAL;
	}
	return 0;
}

static int set_sample(struct otr_rule *rule, const char *text, const char *value,
		      struct otr_err *err)
{
	struct otr_sampler sampler;

	if (!otr_sampler_read(&sampler, otr_slice_str(value))) {
		otr_err_set(err, "--rule %s: sample=%s: not a rate", text, value);
		otr_err_hint(err, OTR_SAMPLER_RIGHT);
		return -EINVAL;
	}
	rule->sample = value;
	return 0;
}

static int set_term(struct otr_rule *rule, const char *text, char *term, struct otr_err *err)
{
	char *value = strchr(term, '=');

	if (!value)
		return bad_key(text, term, err);
	*value++ = 0;
	if (!strcmp(term, "exe"))
		rule->exe = value;
	else if (!strcmp(term, "cmd"))
		rule->cmd = value;
	else if (!strcmp(term, "cgroup"))
		rule->cgroup = value;
	else if (!strcmp(term, "port"))
		return set_port(rule, text, value, err);
	else if (!strcmp(term, "mode"))
		return set_mode(rule, text, value, err);
	else if (!strcmp(term, "sample"))
		return set_sample(rule, text, value, err);
	else
		return bad_key(text, term, err);
	return 0;
}

static int parse_one(struct otr_rule *rule, const char *text, struct otr_err *err)
{
	char *save = NULL;
	int rc = 0;

	if (strlen(text) >= sizeof(rule->text)) {
		otr_err_set(err, "--rule %.60s..: longer than %zu bytes", text,
			    sizeof(rule->text) - 1);
		return -EINVAL;
	}
	*rule = (struct otr_rule){.mode = OTR_MODE_UNCHANGED};
	memcpy(rule->text, text, strlen(text));
	for (char *term = strtok_r(rule->text, ",", &save); term && !rc;
	     term = strtok_r(NULL, ",", &save))
		rc = set_term(rule, text, term, err);
	if (rule->mode == OTR_MODE_UNCHANGED && !rule->sample)
		rule->mode = OTR_MODE_TRACE; /* who names a program wants its traces */
	return rc;
}

int otr_rules_parse(struct otr_rules *rules, char **texts, struct otr_err *err)
{
	int rc;

	memset(rules, 0, sizeof(*rules));
	for (; texts && *texts; texts++) {
		if (rules->n == OTR_RULES_MAX) {
			otr_err_set(err, "more than %d --rule", OTR_RULES_MAX);
			return -EINVAL;
		}
		rc = parse_one(&rules->rules[rules->n], *texts, err);
		if (rc)
			return rc;
		rules->names_wanted |= rules->rules[rules->n].mode == OTR_MODE_TRACE;
		rules->n++;
	}
	return 0;
}

static bool fits(const char *pattern, const char *text)
{
	return !pattern || !fnmatch(pattern, text, 0);
}

static bool rule_fits(const struct otr_rule *rule, const struct otr_candidate *who)
{
	return fits(rule->exe, who->exe) && fits(rule->cmd, who->cmd) &&
	       fits(rule->cgroup, who->cgroup) && (!rule->port || rule->port == who->port);
}

static bool is_denied(const char *exe)
{
	const char *base = strrchr(exe, '/');

	base = base ? base + 1 : exe;
	for (size_t i = 0; i < OTR_ARRAY_SIZE(denied); i++)
		if (!fnmatch(denied[i], base, 0))
			return true;
	return false;
}

bool otr_rules_at_exec(const struct otr_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->rules[i].mode == OTR_MODE_TRACE && !rules->rules[i].port)
			return true;
	return false;
}

enum otr_verdict otr_rules_judge(const struct otr_rules *rules, const struct otr_candidate *who)
{
	enum otr_verdict is = OTR_VERDICT_NONE;

	if (!rules->names_wanted && who->port && !is_denied(who->exe))
		is = OTR_VERDICT_TRACE;
	for (size_t i = 0; i < rules->n; i++)
		if (rules->rules[i].mode != OTR_MODE_UNCHANGED && rule_fits(&rules->rules[i], who))
			is = rules->rules[i].mode == OTR_MODE_OFF ? OTR_VERDICT_OFF
								  : OTR_VERDICT_TRACE;
	return is;
}

const char *otr_rules_sample(const struct otr_rules *rules, const struct otr_candidate *who)
{
	const char *rate = NULL;

	for (size_t i = 0; i < rules->n; i++)
		if (rules->rules[i].sample && rule_fits(&rules->rules[i], who))
			rate = rules->rules[i].sample;
	return rate;
}

enum otr_verdict otr_rules_wanted(void *rules, const struct otr_candidate *who)
{
	return otr_rules_judge(rules, who);
}

const char *otr_rules_rate(void *rules, const struct otr_candidate *who)
{
	return otr_rules_sample(rules, who);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - which processes of a host are traced; see rules.h. */

#include "agent/rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* A rule that is being read. */
struct reading {
	struct otr_rule *rule;
	const char *text, *from; /* as typed; "--rule" */
	struct otr_err *err;
};

static int bad_key(const struct reading *rd, const char *key)
{
	const char *meant = NULL;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(keys); i++)
		if (otr_text_distance(key, keys[i]) <= 2)
			meant = keys[i];
	otr_err_set(rd->err, "%s %s: %s is no key%s%s%s", rd->from, rd->text, key,
		    meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
	otr_err_hint(rd->err, "right: exe=, cmd=, port=, cgroup=, sample=, mode=trace or mode=off, "
			      "commas between");
	return -EINVAL;
}

static int set_port(const struct reading *rd, const char *value)
{
	char *end;
	unsigned long port = strtoul(value, &end, 10);

	if (*end || !*value || !port || port > 65535) {
		otr_err_set(rd->err, "%s %s: port=%s: not a port; right: 1 to 65535", rd->from,
			    rd->text, value);
		return -EINVAL;
	}
	rd->rule->port = (uint16_t)port;
	return 0;
}

static int set_mode(const struct reading *rd, const char *value)
{
	if (!strcmp(value, "off"))
		rd->rule->mode = OTR_MODE_OFF;
	else if (!strcmp(value, "trace"))
		rd->rule->mode = OTR_MODE_TRACE;
	else {
		otr_err_set(rd->err, "%s %s: mode=%s: right: trace or off", rd->from, rd->text,
			    value);
		return -EINVAL;
	}
	return 0;
}

static int set_sample(const struct reading *rd, const char *value)
{
	struct otr_sampler sampler;

	if (!otr_sampler_read(&sampler, otr_slice_str(value))) {
		otr_err_set(rd->err, "%s %s: sample=%s: not a rate", rd->from, rd->text, value);
		otr_err_hint(rd->err, OTR_SAMPLER_RIGHT);
		return -EINVAL;
	}
	rd->rule->sample = value;
	return 0;
}

/* Writes a comma for each %2C, in place. */
static void decode_commas(char *text)
{
	char *out = text;

	while (*text) {
		bool comma = !strncasecmp(text, "%2C", 3);

		*out++ = *text;
		if (comma)
			out[-1] = ',';
		text += comma ? 3 : 1;
	}
	*out = 0;
}

static int set_term(const struct reading *rd, char *term)
{
	char *value = strchr(term, '=');

	if (!value)
		return bad_key(rd, term);
	*value++ = 0;
	decode_commas(value);
	if (!strcmp(term, "exe"))
		rd->rule->exe = value;
	else if (!strcmp(term, "cmd"))
		rd->rule->cmd = value;
	else if (!strcmp(term, "cgroup"))
		rd->rule->cgroup = value;
	else if (!strcmp(term, "port"))
		return set_port(rd, value);
	else if (!strcmp(term, "mode"))
		return set_mode(rd, value);
	else if (!strcmp(term, "sample"))
		return set_sample(rd, value);
	else
		return bad_key(rd, term);
	return 0;
}

static int parse_one(const struct reading *rd)
{
	struct otr_rule *rule = rd->rule;
	char *save = NULL;
	int rc = 0;

	if (strlen(rd->text) >= sizeof(rule->text)) {
		otr_err_set(rd->err, "%s %.60s..: longer than %zu bytes", rd->from, rd->text,
			    sizeof(rule->text) - 1);
		return -EINVAL;
	}
	*rule = (struct otr_rule){.mode = OTR_MODE_UNCHANGED};
	memcpy(rule->text, rd->text, strlen(rd->text));
	for (char *term = strtok_r(rule->text, ",", &save); term && !rc;
	     term = strtok_r(NULL, ",", &save))
		rc = set_term(rd, term);
	if (rule->mode == OTR_MODE_UNCHANGED && !rule->sample)
		rule->mode = OTR_MODE_TRACE; /* who names a program wants its traces */
	return rc;
}

int otr_rule_check(const char *text, const char *from, struct otr_err *err)
{
	struct otr_rule rule;
	const struct reading rd = {&rule, text, from, err};

	return parse_one(&rd);
}

int otr_rules_parse(struct otr_rules *rules, char **texts, struct otr_err *err)
{
	int rc;

	memset(rules, 0, sizeof(*rules));
	for (; texts && *texts; texts++) {
		const struct reading rd = {&rules->rules[rules->n], *texts, "--rule", err};

		if (rules->n == OTR_RULES_MAX) {
			otr_err_set(err, "more than %d rules", OTR_RULES_MAX);
			return -EINVAL;
		}
		rc = parse_one(&rd);
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

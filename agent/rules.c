/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - which processes of a host are traced; see rules.h. */

#include "agent/rules.h"

#include <errno.h>
#include <fnmatch.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/config/config_value.h"
#include "agent/resource/name.h"
#include "agent/resource/procfs.h"
#include "agent/sample/sampler.h"
#include "agent/source/bpf.h"

/* Programs of the host itself, which are not traced unless a rule names them. */
static const char *const denied[] = {
	"sshd",	   "systemd*", "kubelet", "containerd*", "dockerd", "docker-*", "dbus-*",
	"chronyd", "ntpd",     "rpcbind", "avahi-*",	 "cupsd",   "otrace",
};

static const char *const keys[] = {"exe",      "cmd", "port", "cgroup",	 "container", "user",
				   "language", "env", "mode", "service", "sample",    NULL};

/* As telemetry.sdk.language has them; see otr_name_language(). */
static const char *const languages[] = {"python", "nodejs", "java",   "go",  "ruby",
					"php",	  "dotnet", "erlang", "cpp", NULL};

/* A rule that is being read. */
struct reading {
	struct otr_rule *rule;
	const char *text, *from; /* as typed; "--rule" */
	struct otr_err *err;
};

static int bad_key(const struct reading *rd, const char *key)
{
	const char *meant = otr_value_meant(keys, key);

	otr_err_set(rd->err, "%s %s: %s is no key%s%s%s", rd->from, rd->text, key,
		    meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
	otr_err_hint(rd->err, "right: exe=, cmd=, port=, cgroup=, container=, user=, language=, "
			      "env=NAME=VALUE, sample=, service=, mode=trace or mode=off, "
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

/* A name is looked up now: in a container, the users of the host have none. */
static int set_user(const struct reading *rd, const char *value)
{
	unsigned long uid;
	struct passwd *pw;
	char *end;

	errno = 0;
	uid = strtoul(value, &end, 10);
	if (value[0] >= '0' && value[0] <= '9' && !*end && !errno && uid < UINT32_MAX) {
		rd->rule->uid = (uint32_t)uid;
	} else {
		pw = *value ? getpwnam(value) : NULL;
		if (!pw) {
			otr_err_set(rd->err, "%s %s: user=%s: no such user", rd->from, rd->text,
				    value);
			otr_err_hint(rd->err, "right: a name that is known here, or a number");
			return -EINVAL;
		}
		rd->rule->uid = pw->pw_uid;
	}
	rd->rule->has_uid = true;
	return 0;
}

static int set_language(const struct reading *rd, const char *value)
{
	char all[160];

	for (const char *const *l = languages; *l; l++) {
		if (strcmp(*l, value))
			continue;
		rd->rule->language = *l;
		return 0;
	}
	otr_value_words(languages, all, sizeof(all));
	otr_err_set(rd->err, "%s %s: language=%s: not a language", rd->from, rd->text, value);
	otr_err_hint(rd->err, "right: %s (cpp: any other)", all);
	return -EINVAL;
}

static int set_env(const struct reading *rd, const char *value)
{
	if (!strchr(value, '=') || *value == '=') {
		otr_err_set(rd->err, "%s %s: env=%s: no NAME=VALUE", rd->from, rd->text, value);
		otr_err_hint(rd->err, "right: env=DEPLOY=blue, or env=DEPLOY=* for any value");
		return -EINVAL;
	}
	if (rd->rule->n_env == OTR_RULE_ENVS) {
		otr_err_set(rd->err, "%s %s: more than %d env= in one rule", rd->from, rd->text,
			    OTR_RULE_ENVS);
		otr_err_hint(rd->err, "right: %d at most, all of which fit", OTR_RULE_ENVS);
		return -EINVAL;
	}
	rd->rule->env[rd->rule->n_env++] = value;
	return 0;
}

static int set_service(const struct reading *rd, const char *value)
{
	if (!*value) {
		otr_err_set(rd->err, "%s %s: service=: there is no name; right: service=cart",
			    rd->from, rd->text);
		return -EINVAL;
	}
	rd->rule->service = value;
	return 0;
}

static const struct {
	const char *key;
	size_t pattern; /* the offset of a pattern, or 0 */
	int (*set)(const struct reading *rd, const char *value);
} terms[] = {
	{"exe", offsetof(struct otr_rule, exe), NULL},
	{"cmd", offsetof(struct otr_rule, cmd), NULL},
	{"cgroup", offsetof(struct otr_rule, cgroup), NULL},
	{"container", offsetof(struct otr_rule, container), NULL},
	{"port", 0, set_port},
	{"user", 0, set_user},
	{"language", 0, set_language},
	{"env", 0, set_env},
	{"mode", 0, set_mode},
	{"service", 0, set_service},
	{"sample", 0, set_sample},
};

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
	for (size_t i = 0; i < OTR_ARRAY_SIZE(terms); i++) {
		if (strcmp(terms[i].key, term))
			continue;
		if (terms[i].set)
			return terms[i].set(rd, value);
		memcpy((char *)rd->rule + terms[i].pattern, &value, sizeof(value));
		return 0;
	}
	return bad_key(rd, term);
}

static int parse_one(const struct reading *rd)
{
	struct otr_rule *rule = rd->rule;
	char *save = NULL;
	int rc = 0;

	if (strlen(rd->text) >= sizeof(rule->text)) {
		otr_err_set(rd->err, "%s %.60s..: longer than %zu bytes", rd->from, rd->text,
			    sizeof(rule->text) - 1);
		otr_err_hint(rd->err, "right: fewer or shorter terms; * stands for any text");
		return -EINVAL;
	}
	*rule = (struct otr_rule){.mode = OTR_MODE_UNCHANGED};
	memcpy(rule->text, rd->text, strlen(rd->text));
	for (char *term = strtok_r(rule->text, ",", &save); term && !rc;
	     term = strtok_r(NULL, ",", &save))
		rc = set_term(rd, term);
	if (rule->mode == OTR_MODE_UNCHANGED && !rule->sample && !rule->service)
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
			otr_err_set(err, "--rule: more than %d rules", OTR_RULES_MAX);
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

/* A process that is being judged, and what was read of it for a rule. */
struct judging {
	const struct otr_candidate *who;
	bool uid_read, has_uid;
	uint32_t uid;
	bool environ_read;
	char *environ; /* entries, each ended by a NUL; NULL: none */
	size_t environ_len;
	const char *language; /* NULL: not read yet */
};

static void judging_fini(struct judging *j)
{
	free(j->environ);
}

static bool fits(const char *pattern, const char *text)
{
	return !pattern || !fnmatch(pattern, text, 0);
}

/* An id that is written with its first 12 digits, as docker and crictl print it, is meant whole. */
static bool fits_container(const char *pattern, const struct otr_candidate *who)
{
	struct otr_slice id = otr_name_container(otr_slice_str(who->cgroup));
	char text[80];

	if (!pattern || !id.len)
		return !pattern || !*pattern;
	snprintf(text, sizeof(text), "%.*s", OTR_SLICE_ARG(id));
	return !fnmatch(pattern, text, 0) ||
	       (strlen(pattern) >= 12 && otr_slice_starts(id, otr_slice_str(pattern)));
}

static bool fits_user(const struct otr_rule *rule, struct judging *j)
{
	if (!rule->has_uid)
		return true;
	if (!j->uid_read)
		j->has_uid = otr_procfs_uid(j->who->tgid, &j->uid);
	j->uid_read = true;
	return j->has_uid && j->uid == rule->uid;
}

static const char *read_language(const struct otr_candidate *who)
{
	const char *is = otr_name_language(otr_slice_str(who->exe));
	char version[OTR_GO_VERSION];

	return !strcmp(is, "cpp") && otr_go_version(who->tgid, version) ? "go" : is;
}

static bool fits_language(const char *language, struct judging *j)
{
	if (!language)
		return true;
	if (!j->language)
		j->language = read_language(j->who);
	return !strcmp(j->language, language);
}

static bool environ_has(const struct judging *j, const char *pattern)
{
	for (size_t at = 0; at < j->environ_len; at += strlen(j->environ + at) + 1)
		if (!fnmatch(pattern, j->environ + at, 0))
			return true;
	return false;
}

static bool fits_env(const struct otr_rule *rule, struct judging *j)
{
	if (rule->n_env && !j->environ_read) {
		j->environ_len = otr_procfs_environ(j->who->tgid, &j->environ);
		j->environ_read = true;
	}
	for (size_t i = 0; i < rule->n_env; i++)
		if (!environ_has(j, rule->env[i]))
			return false;
	return true;
}

/* What has to be read first is judged last. */
static bool rule_fits(const struct otr_rule *rule, struct judging *j)
{
	const struct otr_candidate *who = j->who;

	return fits(rule->exe, who->exe) && fits(rule->cmd, who->cmd) &&
	       fits(rule->cgroup, who->cgroup) && (!rule->port || rule->port == who->port) &&
	       fits_container(rule->container, who) && fits_user(rule, j) &&
	       fits_language(rule->language, j) && fits_env(rule, j);
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

bool otr_rules_select_none(const struct otr_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->rules[i].mode != OTR_MODE_UNCHANGED)
			return false;
	return rules->n;
}

/* What the rule says of processes that it fits. */
static void apply(const struct otr_rule *rule, struct otr_ruling *out)
{
	if (rule->mode != OTR_MODE_UNCHANGED)
		out->is = rule->mode == OTR_MODE_OFF ? OTR_VERDICT_OFF : OTR_VERDICT_TRACE;
	if (rule->sample)
		out->sample = rule->sample;
	if (rule->service)
		out->service = rule->service;
}

struct otr_ruling otr_rules_judge(const struct otr_rules *rules, const struct otr_candidate *who)
{
	OTR_AUTO(judging_fini) struct judging j = {.who = who};
	struct otr_ruling is = {.is = OTR_VERDICT_NONE};

	if (!rules->names_wanted && who->port && !is_denied(who->exe))
		is.is = OTR_VERDICT_TRACE;
	for (size_t i = 0; i < rules->n; i++)
		if (rule_fits(&rules->rules[i], &j))
			apply(&rules->rules[i], &is);
	return is;
}

struct otr_ruling otr_rules_ruling(void *rules, const struct otr_candidate *who)
{
	return otr_rules_judge(rules, who);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_doctor.c - `otrace doctor`: reports what can be traced on this machine, and how to get
 * more. */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/confine.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/privilege.h"
#include "agent/base/text.h"
#include "agent/base/version.h"
#include "agent/cmd.h"
#include "agent/config/settings.h"
#include "agent/doctor.h"
#include "agent/resource/procfs.h"

#define CHECKS_MAX 24

struct doctor {
	const struct otr_settings *cfg;
	struct otr_check checks[CHECKS_MAX];
	size_t n;
	struct otr_selftest test;
	bool tested;
	bool shim; /* `run` works by the library */
};

static struct otr_check *add_check(struct doctor *dr, const char *id)
{
	struct otr_check *ck = &dr->checks[dr->n++];

	memset(ck, 0, sizeof(*ck));
	ck->id = id;
	return ck;
}

static void read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");

	out[0] = 0;
	if (!f)
		return;
	if (!fgets(out, (int)size, f))
		out[0] = 0;
	out[strcspn(out, "\n")] = 0;
	fclose(f);
}

/* Writes the word in brackets of "none [integrity] confidentiality". */
static void read_lockdown(char *out, size_t size)
{
	char line[128], *from;

	read_line("/sys/kernel/security/lockdown", line, sizeof(line));
	from = strchr(line, '[');
	if (!from) {
		snprintf(out, size, "lockdown unknown");
		return;
	}
	from[strcspn(from, "]")] = 0;
	snprintf(out, size, "lockdown %s", from + 1);
}

static void check_kernel(struct doctor *dr)
{
	struct otr_check *ck = add_check(dr, "kernel");
	const char *btf = dr->cfg->btf ? dr->cfg->btf : "/sys/kernel/btf/vmlinux";
	bool has = !access(btf, R_OK);
	struct utsname host;
	char locked[64];

	uname(&host);
	read_lockdown(locked, sizeof(locked));
	snprintf(ck->found, sizeof(ck->found), "%.60s, %s, %s", host.release,
		 has ? "BTF" : "no BTF", locked);
	if (has)
		return;
	ck->state = OTR_HEALTH_MISSING;
	snprintf(ck->consequence, sizeof(ck->consequence), "kernel probes cannot be loaded");
	snprintf(ck->fix, sizeof(ck->fix), "a kernel with CONFIG_DEBUG_INFO_BTF=y, or --btf FILE");
}

static void check_privilege(struct doctor *dr)
{
	static const struct {
		int bit;
		const char *name;
	} wanted[] = {{OTR_CAP_BPF, "BPF"},
		      {OTR_CAP_PERFMON, "PERFMON"},
		      {OTR_CAP_SYS_PTRACE, "SYS_PTRACE"},
		      {OTR_CAP_DAC_READ_SEARCH, "DAC_READ_SEARCH"}};
	struct otr_check *ck = add_check(dr, "privilege");
	uint64_t caps = otr_capabilities();
	char has[80] = "", lacks[80] = "";

	for (size_t i = 0; i < OTR_ARRAY_SIZE(wanted); i++) {
		char *to = otr_capable(caps, wanted[i].bit) ? has : lacks;
		size_t len = strlen(to);

		snprintf(to + len, sizeof(has) - len, " %s", wanted[i].name);
	}
	snprintf(ck->found, sizeof(ck->found), "uid %u:%s", getuid(),
		 has[0] ? has : " no capability");
	if (!lacks[0])
		return;
	ck->state = strstr(lacks, "BPF") || strstr(lacks, "PERFMON") ? OTR_HEALTH_MISSING
								     : OTR_HEALTH_LIMITED;
	snprintf(ck->consequence, sizeof(ck->consequence), "lacks%s: %s", lacks,
		 ck->state == OTR_HEALTH_MISSING
			 ? "no attach, no static programs (Go), no host view"
			 : "processes of others are not named");
	snprintf(ck->fix, sizeof(ck->fix), "sudo otrace ..");
}

/* Reports what a session gives up once it has begun, and which capabilities remain. */
static void check_confined(struct doctor *dr)
{
	struct otr_check *ck = add_check(dr, "confined"), *keeps = add_check(dr, "keeps");
	struct otr_confined is = {.keeps = ""};

	otr_confine_try(OTR_CONFINE_PROBES | OTR_CONFINE_ADOPT, &is);
	snprintf(keeps->found, sizeof(keeps->found), "%s",
		 is.keeps[0] ? is.keeps : "no capability");
	snprintf(ck->found, sizeof(ck->found), "%s, %s; exporters: no capability",
		 is.no_new_privs ? "no_new_privs" : "new privileges",
		 is.seccomp ? "seccomp" : "no seccomp");
	if (is.no_new_privs && is.seccomp)
		return;
	ck->state = OTR_HEALTH_LIMITED;
	snprintf(ck->consequence, sizeof(ck->consequence),
		 "a fault in otrace could use more rights than otrace needs");
	snprintf(ck->fix, sizeof(ck->fix), "a kernel with CONFIG_SECCOMP_FILTER=y");
}

/* In a pid namespace of its own, otrace can name only the processes of that namespace. */
static void check_container(struct doctor *dr)
{
	struct otr_check *ck;
	char one[64] = "", ns[64] = "";

	/* The first pid namespace has a fixed number (include/linux/proc_ns.h,
	 * PROC_PID_INIT_INO). */
	if (readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) < 0 ||
	    !strcmp(ns, "pid:[4026531836]"))
		return;
	read_line("/proc/1/comm", one, sizeof(one));
	ck = add_check(dr, "container");
	ck->state = OTR_HEALTH_LIMITED;
	snprintf(ck->found, sizeof(ck->found), "own pid namespace, pid 1 is %s", one);
	snprintf(ck->consequence, sizeof(ck->consequence), "this container alone is traced");
	snprintf(ck->fix, sizeof(ck->fix), "--pid=host (hostPID: true)");
}

static void check_shim(struct doctor *dr)
{
	struct otr_check *ck = add_check(dr, "shim");

	otr_doctor_shim(ck);
	dr->shim = ck->state == OTR_HEALTH_OK;
}

static void check_self(struct doctor *dr)
{
	struct otr_check *ck;

	if (dr->cfg->quick || dr->n + 8 > CHECKS_MAX)
		return;
	dr->tested = true;
	dr->n += otr_selftest_run(dr->cfg, &dr->test, &dr->checks[dr->n], CHECKS_MAX - dr->n - 1);
	ck = add_check(dr, "self-test");
	if (dr->test.ok) {
		snprintf(ck->found, sizeof(ck->found),
			 "1 request, both ends, parent proved, %llu ms; probe "
			 "%.2f us a call",
			 (unsigned long long)(dr->test.ns / 1000000),
			 (double)dr->test.price_ns / 1000);
		return;
	}
	ck->state = OTR_HEALTH_MISSING;
	snprintf(ck->found, sizeof(ck->found), "%.190s", dr->test.why);
	snprintf(ck->consequence, sizeof(ck->consequence),
		 dr->shim ? "no attach, no agent: run works by the library"
			  : "nothing can be traced here");
}

static bool is_pid(const char *word)
{
	return *word && strlen(word) < 10 && !word[strspn(word, "0123456789")];
}

static bool check_pid(struct doctor *dr, const char *word)
{
	size_t n = otr_doctor_pid((uint32_t)strtoul(word, NULL, 10), &dr->checks[dr->n],
				  CHECKS_MAX - dr->n);

	dr->n += n;
	return n;
}

enum verdict {
	FULL,
	LIMITED,
	SHIM_ALONE,
	NOTHING
};

static const char *const verdicts[] = {"FULL", "LIMITED", "SHIM ALONE", "NOTHING"};

static enum verdict find_verdict(const struct doctor *dr)
{
	static const enum verdict by_state[] = {FULL, LIMITED, NOTHING};
	enum otr_health state = OTR_HEALTH_OK;

	for (size_t i = 0; i < dr->n; i++)
		if (dr->checks[i].state > state)
			state = dr->checks[i].state;
	if (state == OTR_HEALTH_MISSING && dr->shim)
		return SHIM_ALONE;
	return by_state[state];
}

static void print_next(const struct doctor *dr)
{
	static const char *const next[] = {
		[FULL] = "sudo otrace attach :PORT      otrace run -- CMD",
		[LIMITED] = "sudo otrace attach :PORT      otrace run -- CMD",
		[SHIM_ALONE] = "otrace run -- CMD",
	};

	if (!dr->cfg->quiet && find_verdict(dr) != NOTHING)
		printf("next        %s\n", next[find_verdict(dr)]);
}

static void print_text(const struct doctor *dr)
{
	static const char *const words[] = {"ok", "limited", "missing"};
	const struct otr_check *ck;

	printf("%-68s %10s\n", "otrace " OTR_VERSION " doctor", verdicts[find_verdict(dr)]);
	for (size_t i = 0; i < dr->n; i++) {
		ck = &dr->checks[i];
		if (dr->cfg->quiet && ck->state == OTR_HEALTH_OK)
			continue;
		printf("%-11s %-59s %7s\n", ck->id, ck->found, words[ck->state]);
		if (ck->consequence[0])
			printf("            -> %s\n", ck->consequence);
		if (ck->fix[0])
			printf("            fix: %s\n", ck->fix);
	}
	print_next(dr);
}

static void json_text(struct otr_buf *out, const char *key, const char *text)
{
	otr_buf_printf(out, "\"%s\":\"", key);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			otr_buf_byte(out, '\\');
		if ((unsigned char)*text < 0x20)
			otr_buf_printf(out, "\\u%04x", (unsigned char)*text);
		else
			otr_buf_byte(out, *text);
	}
	otr_buf_byte(out, '"');
}

static void json_check(struct otr_buf *out, const struct otr_check *ck)
{
	static const char *const words[] = {"ok", "limited", "missing"};

	otr_buf_byte(out, '{');
	json_text(out, "id", ck->id);
	otr_buf_byte(out, ',');
	json_text(out, "state", words[ck->state]);
	otr_buf_byte(out, ',');
	json_text(out, "found", ck->found);
	otr_buf_byte(out, ',');
	json_text(out, "consequence", ck->consequence);
	otr_buf_byte(out, ',');
	json_text(out, "fix", ck->fix);
	otr_buf_byte(out, '}');
}

static void print_json(const struct doctor *dr)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf out = {0};
	const char *word = verdicts[find_verdict(dr)];

	otr_buf_byte(&out, '{');
	json_text(&out, "version", OTR_VERSION);
	otr_buf_str(&out, ",\"verdict\":\"");
	for (; *word; word++)
		otr_buf_byte(&out, (char)tolower((unsigned char)*word));
	otr_buf_str(&out, "\",\"checks\":[");
	for (size_t i = 0; i < dr->n; i++) {
		if (i)
			otr_buf_byte(&out, ',');
		json_check(&out, &dr->checks[i]);
	}
	otr_buf_byte(&out, ']');
	if (dr->tested)
		otr_buf_printf(&out, ",\"self_test\":{\"ok\":%s,\"ms\":%llu}",
			       dr->test.ok ? "true" : "false",
			       (unsigned long long)(dr->test.ns / 1000000));
	otr_buf_str(&out, "}\n");
	fwrite(out.data, 1, out.len, stdout);
}

static int cmd_doctor(const struct otr_settings *cfg, char **args)
{
	static const int status[] = {OTR_EXIT_OK, OTR_EXIT_LIMITED, OTR_EXIT_LIMITED,
				     OTR_EXIT_NO_WAY};
	struct doctor dr = {.cfg = cfg};
	struct otr_err err = {.text = ""};

	if (args[0] && (!is_pid(args[0]) || args[1])) {
		otr_err_set(&err, "%s: not a PID", args[args[1] && is_pid(args[0])]);
		otr_err_hint(&err, "right: otrace doctor, or otrace doctor 1234");
		otr_err_print(&err, "doctor");
		return OTR_EXIT_USAGE;
	}
	check_kernel(&dr);
	check_privilege(&dr);
	check_confined(&dr);
	check_container(&dr);
	check_shim(&dr);
	check_self(&dr);
	if (args[0] && !check_pid(&dr, args[0])) {
		otr_err_set(&err, "no process %s: /proc/%s is not there", args[0], args[0]);
		otr_err_print(&err, "doctor");
		return OTR_EXIT_FAILED;
	}
	if (cfg->json)
		print_json(&dr);
	else
		print_text(&dr);
	return status[find_verdict(&dr)];
}

const struct otr_cmd otr_cmd_doctor = {
	.name = "doctor",
	.bit = OTR_CMD_DOCTOR,
	.synopsis = "[OPTIONS] [PID]",
	.summary = "what this machine allows, and what to do",
	.usual = "quick,quiet,json,btf",
	.examples = {"sudo otrace doctor\twith one real request to itself",
		     "sudo otrace doctor 4242\twhat is seen of one process",
		     "otrace doctor --quick\tno program is loaded",
		     "otrace doctor --json\tfor scripts"},
	.exit_status = "0 full, 3 limited or run alone, 4 nothing can be traced",
	.run = cmd_doctor,
};

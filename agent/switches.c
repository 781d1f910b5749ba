/* SPDX-License-Identifier: Apache-2.0 */
/* switches.c - what a user says to the library; see switches.h. */

#include "agent/switches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"
#include "agent/config/settings.h"

int otr_switches_disabled(bool *disabled, struct otr_err *err)
{
	const char *text = getenv("OTRACE_DISABLED");

	*disabled = text && !strcmp(text, "1");
	if (!text || !*text || *disabled || !strcmp(text, "0"))
		return 0;
	otr_err_set(err, "OTRACE_DISABLED: \"%.60s\" is not 1 or 0", text);
	otr_err_hint(err, "right: 1 (CMD runs untraced), 0 or nothing");
	return -EINVAL;
}

static int bad_host(const char *text, const char *why, struct otr_err *err)
{
	otr_err_set(err, "--no-inject-to: \"%.80s\" %s", text, why);
	otr_err_hint(err, "right: HOST, HOST:PORT, *.SUFFIX or [IPV6]:PORT, as a Host "
			  "header has them");
	return -EINVAL;
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	return text[0] >= '1' && text[0] <= '9' && !*end && port <= 65535;
}

/* HOST, *.SUFFIX or [IPV6], and perhaps a port. */
static int check_host(const char *text, struct otr_err *err)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789.-_";
	const char *at = text;

	if (strlen(text) >= OTR_RING_HOST)
		return bad_host(text, "is longer than 63 bytes", err);
	if (*at == '[') {
		at++;
		at += strspn(at, "0123456789abcdefABCDEF:.");
		if (at == text + 1 || *at++ != ']')
			return bad_host(text, "is no host", err);
	} else {
		at += !strncmp(at, "*.", 2) ? 2 : 0;
		if (!strspn(at, name))
			return bad_host(text, "is no host", err);
		at += strspn(at, name);
	}
	if (*at == ':' && !is_port(at + 1))
		return bad_host(text, "has no port from 1 to 65535 behind its colon", err);
	return *at && *at != ':' ? bad_host(text, "is no host", err) : 0;
}

static int read_hosts(struct otr_ring_hosts *hosts, char **texts, struct otr_err *err)
{
	int rc;

	for (; texts && *texts; texts++) {
		rc = check_host(*texts, err);
		if (rc)
			return rc;
		if (hosts->n == OTR_RING_HOSTS) {
			otr_err_set(err, "more than %d --no-inject-to", OTR_RING_HOSTS);
			otr_err_hint(err, "right: *.SUFFIX for many hosts, or --no-inject");
			return -EINVAL;
		}
		memcpy(hosts->name[hosts->n++], *texts, strlen(*texts) + 1);
	}
	return 0;
}

int otr_switches_read(struct otr_ring_switches *switches, const struct otr_settings *cfg,
		      struct otr_err *err)
{
	memset(switches, 0, sizeof(*switches));
	if (cfg->no_inject && cfg->no_observe) {
		otr_err_set(err, "--no-inject and --no-observe leave nothing to do");
		otr_err_hint(err, "right: one of them, or OTRACE_DISABLED=1");
		return -EINVAL;
	}
	if (cfg->no_inject)
		switches->flags |= OTR_RING_NO_INJECT;
	if (cfg->no_observe)
		switches->flags |= OTR_RING_NO_OBSERVE;
	return read_hosts(&switches->hosts, cfg->no_inject_to, err);
}

static void set_flag(const char *name, bool on)
{
	if (on)
		setenv(name, "1", 1);
	else
		unsetenv(name);
}

static void set_list(const char *name, char **texts)
{
	struct otr_buf all = {0};

	for (; texts && *texts; texts++)
		otr_buf_printf(&all, "%s%s", all.len ? ";" : "", *texts);
	otr_buf_byte(&all, '\0');
	if (!all.rc && all.len > 1)
		setenv(name, all.data, 1);
	else
		unsetenv(name);
	otr_buf_fini(&all);
}

void otr_switches_environment(const struct otr_settings *cfg)
{
	set_flag("OTRACE_NO_INJECT", cfg->no_inject);
	set_flag("OTRACE_NO_OBSERVE", cfg->no_observe);
	set_flag("OTRACE_SQL_COMMENT", cfg->sql_comment);
	set_list("OTRACE_NO_INJECT_TO", cfg->no_inject_to);
	set_list("OTRACE_RULE", cfg->rules);
}

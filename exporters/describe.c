/* SPDX-License-Identifier: Apache-2.0 */
/* describe.c - the table of exporters as text, for --help and otrace(1). */

#include "agent/base/buf.h"
#include "agent/base/own.h"
#include "agent/config.h"
#include "exporters/spec.h"

/* The last of the variables is the most general one: it is the one that is shown. */
static const char *general_variable(const struct otr_option *opt)
{
	const char *blank = opt->env ? strrchr(opt->env, ' ') : NULL;

	return blank ? blank + 1 : opt->env;
}

static void describe_option(const struct otr_option *opt, void (*line)(void *arg, const char *text),
			    void *arg)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};
	const char *env = general_variable(opt);

	otr_buf_printf(&text, ",%s=%s: %s", opt->name, opt->value, opt->help);
	if (env)
		otr_buf_printf(&text, " Variable: %s.", env);
	otr_buf_byte(&text, '\0');
	if (!text.rc)
		line(arg, text.data);
}

/* "http:, https: OTLP over HTTP, .." */
static void describe_exporter(const struct otr_exporter_ops *ops,
			      void (*line)(void *arg, const char *text), void *arg)
{
	OTR_AUTO(otr_buf_fini) struct otr_buf text = {0};

	for (const char *const *s = ops->schemes; *s; s++)
		otr_buf_printf(&text, "%s%s:", text.len ? ", " : "", *s);
	otr_buf_printf(&text, " %s", ops->help);
	otr_buf_byte(&text, '\0');
	if (!text.rc)
		line(arg, text.data);
}

void otr_exporters_describe(void (*line)(void *arg, const char *text), void *arg)
{
	for (const struct otr_exporter_ops *const *ops = otr_exporters; *ops; ops++) {
		describe_exporter(*ops, line, arg);
		for (const struct otr_option *o = (*ops)->options; o && o->name; o++)
			describe_option(o, line, arg);
	}
}

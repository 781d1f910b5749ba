/* SPDX-License-Identifier: Apache-2.0 */
/* bpf_tls.c - when processes get probes in their TLS libraries; see tls_probes.h. */

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/resource/procfs.h"
#include "agent/source/bpf.h"
#include "agent/source/bpf_state.h"
#include "agent/source/tls_probes.h"

#include "agent/source/otrace.skel.h" /* uses types of bpf/shared.h */

#define TLS_HANDSHAKE 22
#define TLS_DATA      23

static const char *why_of(int error)
{
	switch (error) {
	case EMFILE:
	case ENOSPC:
		return "too many processes have such probes already";
	case EACCES:
	case EPERM:
		return "the kernel does not permit it";
	}
	return strerror(error);
}

/* Said once for a process. */
static void refused(void *arg, uint32_t tgid, const char *path, int error)
{
	const struct otr_bpf *b = arg;
	char title[64], text[320];

	if (!b->cfg.notice)
		return;
	otr_procfs_title(tgid, title, sizeof(title));
	snprintf(text, sizeof(text),
		 "%.60s (pid %u): its requests inside TLS are not seen: cannot probe %s: %s\n"
		 "all other traffic is traced",
		 title, tgid, path, why_of(error));
	b->cfg.notice(b->cfg.arg, text);
}

int otr_bpf_tls_open(struct otr_bpf *b)
{
	const int programs[OTR_TLS_PROGRAMS] = {
		[OTR_TLS_ENTER] = bpf_program__fd(b->skel->progs.otr_tls_enter),
		[OTR_TLS_READ_RET] = bpf_program__fd(b->skel->progs.otr_tls_read),
		[OTR_TLS_WRITE_RET] = bpf_program__fd(b->skel->progs.otr_tls_wrote),
		[OTR_TLS_SHOOK_RET] = bpf_program__fd(b->skel->progs.otr_tls_shook),
		[OTR_TLS_FREED] = bpf_program__fd(b->skel->progs.otr_tls_free),
	};

	for (size_t i = 0; i < OTR_TLS_PROGRAMS; i++)
		if (programs[i] < 0)
			return 0; /* this kernel refused them */
	return otr_tls_probes_new(&b->tls, programs, refused, b);
}

void otr_bpf_tls_close(struct otr_bpf *b)
{
	otr_tls_probes_free(&b->tls);
}

void otr_bpf_begun(struct otr_bpf *b, uint32_t tgid, bool forked)
{
	if (!b->tls)
		return;
	if (!forked)
		otr_tls_probes_drop(b->tls, tgid);
	otr_tls_probes_want(b->tls, tgid, forked ? OTR_TLS_FORKED : OTR_TLS_BEGINS, otr_now());
}

static bool is_unread_tls(const struct otr_event *ev)
{
	const struct otr_ev_data *data = (const void *)ev;

	return ev->kind == OTR_EV_DATA && data->layer == OTR_LAYER_SOCKET && data->first &&
	       data->cap >= 3 && (data->data[0] == TLS_HANDSHAKE || data->data[0] == TLS_DATA) &&
	       data->data[1] == 3 && data->data[2] <= 4;
}

void otr_bpf_tls_record(struct otr_bpf *b, const struct otr_event *ev)
{
	if (is_unread_tls(ev))
		otr_tls_probes_want(b->tls, ev->tgid, OTR_TLS_RECORDS, otr_now());
	else if (ev->kind == OTR_EV_PROC_EXIT)
		otr_tls_probes_drop(b->tls, ev->tgid);
}

int otr_bpf_rest_ms(const struct otr_bpf *b, int ms)
{
	return b->tls ? otr_tls_probes_rest_ms(b->tls, ms) : ms;
}

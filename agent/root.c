/* SPDX-License-Identifier: Apache-2.0 */
/* root.c - what `run` knows of the program it starts; see root.h. */

#include "agent/root.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/clock.h"
#include "agent/base/slice.h"
#include "agent/resource/resource.h"
#include "agent/session.h"
#include "bpf/event.h"

#define TRACEPARENT 55 /* bytes of version 00 */

static void emit(struct otr_session *s, uint16_t kind, uint32_t tgid, const char *exe, int status)
{
	size_t len = strnlen(exe, PATH_MAX);
	struct otr_ev_proc *pr = calloc(1, sizeof(*pr) + len);

	if (!pr)
		return;
	pr->hdr = (struct otr_event){.kind = kind,
				     .hook = OTR_HOOK_AGENT,
				     .size = (uint32_t)(sizeof(*pr) + len),
				     .time_ns = otr_now(),
				     .tgid = tgid,
				     .tid = tgid,
				     .strand = tgid};
	pr->exit_code = status;
	pr->exe_len = (uint16_t)len;
	memcpy(pr->text, exe, len);
	otr_session_event(s, &pr->hdr);
	free(pr);
}

void otr_root_began(struct otr_session *s, uint32_t tgid, const char *names, const char *exe,
		    bool alone)
{
	otr_meta_put(tgid, OTR_META_RUN_ROOT, otr_slice_str(names), otr_now(), otr_session_event,
		     s);
	if (*names)
		otr_resource_env_own(tgid, (struct otr_slice){names, strnlen(names, TRACEPARENT)},
				     otr_now(), otr_session_event, s);
	if (alone)
		emit(s, OTR_EV_PROC_EXEC, tgid, exe, 0);
}

void otr_root_ended(struct otr_session *s, uint32_t tgid, int status)
{
	emit(s, OTR_EV_PROC_EXIT, tgid, "", status);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* session_state.c - what session.c and session_procs.c both do to a session's state. */

#include "agent/session_state.h"

#include "agent/base/loss.h"
#include "agent/source/merge.h"

void otr_session_put(void *session, const struct otr_event *ev)
{
	struct otr_session *s = session;

	if (otr_merge_add(s->merge, ev))
		otr_loss_add(OTR_LOSS_EVICT, 1);
}

bool otr_session_traces(const struct otr_session *s, uint32_t tgid)
{
	return otr_traced_set_has(s->traced, tgid);
}

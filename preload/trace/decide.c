/* SPDX-License-Identifier: Apache-2.0 */
/* decide.c - does a header go into the bytes that a call sends, and if not, why? See decide.h. */

#include "preload/trace/decide.h"

#include <stddef.h>
#include <sys/socket.h>

#include "preload/base/header_slot.h"
#include "preload/base/shim.h"
#include "preload/parse/inject.h"
#include "preload/ring/ring.h"
#include "preload/trace/call.h"
#include "preload/trace/header.h"
#include "preload/trace/layer.h"
#include "preload/trace/proof.h"
#include "preload/trace/rules.h"
#include "preload/trace/shed.h"
#include "preload/trace/user_copy.h"

/* Flags of calls into which a header may go: all others ask for special handling of the bytes. */
#define PLAIN_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE)

/* The counter for each result of otr_head_read() with which a request gets no header. WHOLE: the
 * call cannot be changed. */
static const uint8_t count_of[] = {
	[OTR_HEAD_HAS_ONE] = OTR_SHIM_HAD_ONE,
	[OTR_HEAD_SPLIT] = OTR_SHIM_SPLIT,
	[OTR_HEAD_ODD] = OTR_SHIM_ODD,
	[OTR_HEAD_WHOLE] = OTR_SHIM_ODD,
};

/* May the next bytes of `upper`, the state of the messages on a socket, be a request that gets a
 * header? */
static int may_add(const struct otr_fd *upper)
{
	return !otr_switch_is_on(OTR_RING_NO_INJECT) && !otr_get(&otr_shim.has_seccomp) &&
	       upper->role != OTR_ROLE_SERVER && upper->last_dir != OTR_DIR_OUT &&
	       upper->boundary.state == OTR_BOUNDARY_START &&
	       upper->dirs[OTR_DIR_OUT].capture != OTR_CAPTURE_MUTE;
}

/* Can sendmsg() or writev() with more pieces take the place of this call? */
static int can_replace(const struct otr_out *o, const struct otr_out_view *view)
{
	return !(o->flags & ~PLAIN_FLAGS) && view->n_caller_iov <= OTR_PIECES - 2 &&
	       !(o->msg && (o->msg->msg_name || o->msg->msg_controllen));
}

int otr_head_gets_header(enum otr_head head, int can_change)
{
	if (head == OTR_HEAD_NONE || !otr_ring_ready())
		return 0;
	if (head != OTR_HEAD_WHOLE || !can_change)
		otr_count(count_of[head]);
	return head == OTR_HEAD_WHOLE && can_change;
}

#define NO_REASON OTR_SHIM_COUNTS

/* Returns the reason why a request with a complete head gets no header. NO_REASON: it gets one, and
 * the kernel takes up to *room bytes of the call at once. */
static enum otr_shim_count refusal(int fd, const struct otr_fd *f, const struct otr_fd *upper,
				   const struct iovec *iov, int n,
				   const struct otr_head_facts *facts, size_t *room)
{
	if (f->is_denied || (!facts->is_path && otr_target_is_denied(iov, n)) ||
	    otr_header_denied(upper, iov, n))
		return OTR_SHIM_DENIED;
	if (f->connected_by != otr_shim.pid || upper->greeting || otr_host_may_be_ftp(f))
		return OTR_SHIM_UNPROVED;
	return otr_is_proved(fd, f, upper, room) ? NO_REASON : OTR_SHIM_UNPROVED;
}

static size_t make_header(struct otr_self *self, struct otr_fd *f, const struct iovec *iov, int n,
			  uint64_t now, char *out)
{
	size_t len;

	otr_rules_ask(self, f, now);
	len = otr_header_make(f, iov, n, out);
	if (!len)
		otr_count(f->shed_next ? OTR_SHIM_NAMELESS : OTR_SHIM_UNKNOWN);
	return len;
}

/* Returns the length of the header, or 0 if the kernel may take only a part of it. */
static size_t fits_at_once(struct otr_fd *f, size_t at, size_t added, size_t room)
{
	if (!added || at + added <= room)
		return added;
	f->cause.ids = OTR_IDS_NONE;
	otr_count(OTR_SHIM_CUT_SHORT);
	return 0;
}

/* Is the next request shed, with no span above it that a header could name? Then its bytes need not
 * be read. */
static int is_nameless(struct otr_self *self, struct otr_fd *f, uint64_t now)
{
	if (!otr_will_shed(f, OTR_DIR_OUT) || otr_switch_is_on(OTR_RING_NO_OBSERVE))
		return 0;
	otr_rules_ask(self, f, now);
	return !otr_header_has_span(f);
}

size_t otr_decide(struct otr_self *self, const struct otr_out *o, struct otr_fd *f, uint64_t now,
		  struct otr_out_view *view, struct otr_header **header)
{
	enum otr_shim_count reason;
	enum otr_head head;
	size_t added, room = 0;

	f->cause.ids = OTR_IDS_NONE; /* an earlier call may have set them, and have failed */
	otr_rules_recheck(self, f);
	if (!may_add(f) || is_nameless(self, f, now))
		return 0;
	head = otr_user_copy_head(o, view);
	/* The head was read through `o->msg`, so can_replace() can read the rest of that, too. */
	if (!otr_head_gets_header(head, head == OTR_HEAD_WHOLE && can_replace(o, view)))
		return 0;
	reason = refusal(o->fd, f, f, view->iov, view->n, &view->facts, &room);
	*header = reason == NO_REASON ? otr_header_claim(f) : NULL;
	if (!*header) {
		otr_count(reason == NO_REASON ? OTR_SHIM_ODD : reason);
		return 0;
	}
	added = make_header(self, f, view->iov, view->n, now, (*header)->text);
	added = fits_at_once(f, view->facts.line_end, added, room);
	if (added)
		return added;
	otr_header_free(f);
	*header = NULL;
	return 0;
}

size_t otr_header_for(struct otr_self *self, int fd, struct otr_fd *f, const struct iovec *iov,
		      int n, int can_change, uint64_t now, size_t *at, char *out)
{
	struct otr_fd *upper = otr_fd_upper(f);
	enum otr_shim_count reason;
	struct otr_head_facts facts;
	size_t room; /* not used: a TLS library sends each record to its end */

	upper->cause.ids = OTR_IDS_NONE; /* an earlier call may have set them, and have failed */
	if (!may_add(upper) || !otr_head_gets_header(otr_head_read(iov, n, &facts), can_change))
		return 0;
	*at = facts.line_end;
	reason = refusal(fd, f, upper, iov, n, &facts, &room);
	if (reason == NO_REASON)
		return make_header(self, upper, iov, n, now, out);
	otr_count(reason);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BLANK_H
#define OTR_BLANK_H

/*
 * blank.h - blanks the secrets of logins in what is recorded.
 *
 * A recording holds the bytes of connections as they were on the wire. A protocol whose logins are
 * sent in the clear says here which of them are secrets. Lengths and types of messages stay, so that
 * a replay parses the same messages and makes the same spans.
 */

#include <stdbool.h>
#include <stddef.h>

struct otr_event;

/* What a row of otr_protos has for it. `state` is zeroed at first, of one session, and owns nothing. */
struct otr_blank_ops {
	size_t state_size; /* 0: `state` is NULL */

	/* May `ev` hold a part of a login? Few events do. Forgets connections that close. */
	bool (*concerns)(void *state, const struct otr_event *ev);

	/* Blanks in `ev` what belongs to a login. Called only where concerns(). */
	void (*blank)(void *state, struct otr_event *ev);
};

struct otr_blanks; /* the states of all protocols */

/* Returns 0 or -ENOMEM. */
int otr_blanks_new(struct otr_blanks **out);

/* Frees *bp, which may be NULL, and sets it to NULL. */
void otr_blanks_free(struct otr_blanks **bp);

/* Returns `ev` where it holds no secret of any protocol, else a copy without them, valid until the
 * next call. */
const struct otr_event *otr_blanks_apply(struct otr_blanks *blanks, const struct otr_event *ev);

#endif /* OTR_BLANK_H */

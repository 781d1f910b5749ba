/* SPDX-License-Identifier: Apache-2.0 */
/* blank.c - blanks the secrets of logins in what is recorded; see blank.h. */

#include "agent/proto/blank.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/own.h"
#include "agent/proto/proto.h"
#include "bpf/event.h"

#define ROWS 32 /* of otr_protos, at most */

struct otr_blanks {
	size_t n;
	struct {
		const struct otr_blank_ops *ops;
		void *state;
	} rows[ROWS];
	_Alignas(uint64_t) char copy[sizeof(struct otr_ev_data) + OTR_DATA_MAX];
};

static int add(struct otr_blanks *blanks, const struct otr_blank_ops *ops)
{
	void *state = ops->state_size ? calloc(1, ops->state_size) : NULL;

	if ((ops->state_size && !state) || blanks->n == ROWS) {
		free(state);
		return -ENOMEM;
	}
	blanks->rows[blanks->n].ops = ops;
	blanks->rows[blanks->n++].state = state;
	return 0;
}

int otr_blanks_new(struct otr_blanks **out)
{
	OTR_AUTO(otr_blanks_free) struct otr_blanks *blanks = calloc(1, sizeof(*blanks));

	if (!blanks)
		return -ENOMEM;
	for (size_t i = 0; otr_protos[i]; i++)
		if (otr_protos[i]->blank && add(blanks, otr_protos[i]->blank))
			return -ENOMEM;
	*out = OTR_TAKE(blanks);
	return 0;
}

void otr_blanks_free(struct otr_blanks **bp)
{
	struct otr_blanks *blanks = OTR_TAKE(*bp);

	for (size_t i = 0; blanks && i < blanks->n; i++)
		free(blanks->rows[i].state);
	free(blanks);
}

static bool any_concerned(struct otr_blanks *blanks, const struct otr_event *ev)
{
	bool any = false;

	for (size_t i = 0; i < blanks->n; i++) /* each forgets what closes */
		any |= blanks->rows[i].ops->concerns(blanks->rows[i].state, ev);
	return any;
}

const struct otr_event *otr_blanks_apply(struct otr_blanks *blanks, const struct otr_event *ev)
{
	struct otr_event *copy = (void *)blanks->copy;

	if (!any_concerned(blanks, ev) || ev->size > sizeof(blanks->copy))
		return ev;
	memcpy(copy, ev, ev->size);
	for (size_t i = 0; i < blanks->n; i++)
		if (blanks->rows[i].ops->concerns(blanks->rows[i].state, copy))
			blanks->rows[i].ops->blank(blanks->rows[i].state, copy);
	return copy;
}

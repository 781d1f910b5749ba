/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_event.c - a record that otr_event_check() accepts can be read to its end. */

#include <stdlib.h>
#include <string.h>

#include "agent/source/source.h"
#include "bpf/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned int sum;

/* Reads all bytes that the record claims to hold, so that a sanitizer sees a wrong length. */
static void read_bytes(const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += ((const unsigned char *)from)[i];
}

static void read_record(const struct otr_event *ev)
{
	const struct otr_ev_data *data = (const void *)ev;
	const struct otr_ev_proc *proc = (const void *)ev;
	const struct otr_ev_meta *meta = (const void *)ev;

	read_bytes(ev, ev->size);
	if (ev->kind == OTR_EV_DATA)
		read_bytes(data->data, data->cap);
	if (ev->kind == OTR_EV_PROC_EXEC)
		read_bytes(proc->text, (size_t)proc->exe_len + proc->args_len);
	if (ev->kind == OTR_EV_META)
		read_bytes(meta->text, meta->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct otr_event *ev;
	char *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	ev = otr_event_check(copy, size);
	if (ev && ((const char *)ev != copy || ev->size > size || ev->kind >= OTR_EV_MAX))
		abort();
	if (ev)
		read_record(ev);
	free(copy);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pgsql_back.c - messages of a PostgreSQL server. Manual of version 17, sections 55.2,
 * 55.7 and 55.8 (fields of errors).
 *
 * After an error in a batch the server drops the requests up to Sync: the answer in error
 * is emitted at ReadyForQuery, with the number of requests that were dropped. An answer whose
 * request was not seen is not emitted.
 */

#include "agent/base/own.h"
#include "agent/proto/msg.h"
#include "agent/proto/pgsql.h"

/* The bytes belong to the next answer, if a request waits for one. */
enum otr_parse otr_pgsql_back_part(struct otr_pgsql *pg, struct otr_msg *msg)
{
	const struct otr_pgsql_debt *debt = otr_pgsql_debt(pg);

	msg->opens = debt && debt->owed != OTR_PGSQL_OWES_SYNC;
	return OTR_PARSE_SKIP;
}

/* SQLSTATE: class 00 is success, 01 a warning. */
static bool is_error(const char state[5])
{
	return state[0] != '0' || (state[1] != '0' && state[1] != '1');
}

/* Emits the answer to the request of the oldest debt. The SQLSTATE of `msg` points into `pg`,
 * and lives until the next answer. */
static enum otr_parse emit(struct otr_pgsql *pg, struct otr_msg *msg)
{
	struct otr_pgsql_answer *a = &pg->answer;

	msg->kind = OTR_MSG_RESPONSE;
	msg->stream = otr_pgsql_debt(pg)->serial;
	if (a->failed) {
		msg->failed = is_error(a->state);
		otr_msg_add_text(msg, OTR_KEY_DB_RESPONSE_STATUS_CODE,
				 (struct otr_slice){a->state, sizeof(a->state)});
	} else if (a->has_rows) {
		otr_msg_add_int(msg, OTR_KEY_DB_RESPONSE_RETURNED_ROWS, a->rows);
	}
	otr_pgsql_paid(pg);
	a->failed = a->has_rows = false;
	a->rows = 0;
	return OTR_PARSE_MSG;
}

/* Reads the number of rows: "SELECT 5" says that 5 were returned, "INSERT 0 5" returns none. */
static void count_rows(struct otr_pgsql_answer *a, struct otr_slice tag)
{
	static const char *const words[] = {"SELECT ", "FETCH ", "TABLE ", "VALUES "};
	struct otr_slice word;
	int64_t n = 0;

	for (size_t i = 0; i < OTR_ARRAY_SIZE(words); i++) {
		word = otr_slice_str(words[i]);
		if (!otr_slice_starts(tag, word))
			continue;
		for (size_t k = word.len;
		     k < tag.len && k < word.len + 18 && tag.data[k] >= '0' && tag.data[k] <= '9';
		     k++)
			n = n * 10 + (tag.data[k] - '0');
		a->has_rows = true;
		a->rows = a->rows < INT64_MAX - n ? a->rows + n : INT64_MAX;
	}
}

static bool owes_answer(struct otr_pgsql *pg, enum otr_pgsql_owed owed)
{
	const struct otr_pgsql_debt *debt = otr_pgsql_debt(pg);

	return debt && debt->owed == owed;
}

static enum otr_parse on_complete(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
				  struct otr_msg *msg)
{
	struct otr_slice body = fr->body, tag;
	bool whole;

	if (!otr_pgsql_debt(pg))
		return OTR_PARSE_SKIP;
	tag = otr_pgsql_string(&body, &whole);
	if (whole)
		count_rows(&pg->answer, tag);
	if (!owes_answer(pg, OTR_PGSQL_OWES_ROWS))
		return otr_pgsql_back_part(pg, msg);
	msg->partial = !whole;
	return emit(pg, msg);
}

/* EmptyQueryResponse or PortalSuspended ends an answer. */
static enum otr_parse end_answer(struct otr_pgsql *pg, struct otr_msg *msg)
{
	if (owes_answer(pg, OTR_PGSQL_OWES_ROWS))
		return emit(pg, msg);
	return otr_pgsql_back_part(pg, msg);
}

/* Emits the answer to a Prepare that was flushed. */
static enum otr_parse on_prepared(struct otr_pgsql *pg, enum otr_pgsql_owed owed,
				  struct otr_msg *msg)
{
	if (owes_answer(pg, owed))
		return emit(pg, msg);
	return otr_pgsql_back_part(pg, msg);
}

/*
 * Reads | 'S' "ERROR" NUL | 'V' "ERROR" NUL | 'C' "42P01" NUL | .. | NUL |. Only the code is kept,
 * as other fields may hold secrets.
 */
static bool read_error(struct otr_pgsql_answer *a, struct otr_slice in)
{
	struct otr_slice value;
	bool fatal = false, whole = true;
	char field;

	memcpy(a->state, "XX000", sizeof(a->state)); /* for a message without a code */
	a->failed = true;
	while (whole && in.len && in.data[0]) {
		field = in.data[0];
		in = otr_slice_sub(in, 1, in.len);
		value = otr_pgsql_string(&in, &whole);
		if (field == 'C' && value.len == sizeof(a->state))
			memcpy(a->state, value.data, value.len);
		if (field == 'V')
			fatal = otr_slice_eq(value, OTR_SLICE("FATAL")) ||
				otr_slice_eq(value, OTR_SLICE("PANIC"));
	}
	return fatal;
}

static enum otr_parse on_error(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
			       struct otr_msg *msg)
{
	bool fatal = read_error(&pg->answer, fr->body);

	if (!otr_pgsql_debt(pg) || owes_answer(pg, OTR_PGSQL_OWES_SYNC)) {
		pg->answer.failed = !fatal; /* the failed request may not be seen yet */
		return OTR_PARSE_SKIP;
	}
	/* After a fatal error the connection ends; after an error in a flushed batch, the client
	 * sends Sync only when it has read the error. In both cases the answer ends here. */
	if (fatal || owes_answer(pg, OTR_PGSQL_OWES_PARSE) || owes_answer(pg, OTR_PGSQL_OWES_SHAPE))
		return emit(pg, msg);
	return otr_pgsql_back_part(pg, msg);
}

/* Returns the number of requests that a failed batch leaves without an answer, up to its Sync. */
static uint16_t skip_batch(struct otr_pgsql *pg)
{
	uint32_t n = 0;

	while (owes_answer(pg, OTR_PGSQL_OWES_ROWS) || owes_answer(pg, OTR_PGSQL_OWES_PARSE) ||
	       owes_answer(pg, OTR_PGSQL_OWES_SHAPE)) {
		otr_pgsql_paid(pg);
		n++;
	}
	if (owes_answer(pg, OTR_PGSQL_OWES_SYNC))
		otr_pgsql_paid(pg);
	return n < UINT16_MAX ? (uint16_t)n : UINT16_MAX;
}

static enum otr_parse on_ready(struct otr_pgsql *pg, struct otr_msg *msg)
{
	if (owes_answer(pg, OTR_PGSQL_OWES_READY))
		return emit(pg, msg);
	if (owes_answer(pg, OTR_PGSQL_OWES_ROWS) && pg->answer.failed) {
		emit(pg, msg);
		msg->skips = skip_batch(pg);
		return OTR_PARSE_MSG;
	}
	skip_batch(pg); /* the answers to these were not seen */
	memset(&pg->answer, 0, sizeof(pg->answer));
	return OTR_PARSE_SKIP;
}

enum otr_parse otr_pgsql_back(struct otr_pgsql *pg, const struct otr_pgsql_frame *fr,
			      struct otr_msg *msg)
{
	pg->asked = false;
	switch (fr->type) {
	case '1':
		return on_prepared(pg, OTR_PGSQL_OWES_PARSE, msg);
	case 'T':
	case 'n':
		return on_prepared(pg, OTR_PGSQL_OWES_SHAPE, msg);
	case 'C':
		return on_complete(pg, fr, msg);
	case 'I':
	case 's':
		return end_answer(pg, msg);
	case 'E':
		return on_error(pg, fr, msg);
	case 'Z':
		return on_ready(pg, msg);
	default: /* rows and other messages are stepped over */
		return otr_pgsql_back_part(pg, msg);
	}
}

/* The answer was not copied whole. ReadyForQuery is its last message; whether the request failed
 * is not known. */
enum otr_parse otr_pgsql_back_tail(struct otr_pgsql *pg, struct otr_slice in, struct otr_msg *msg)
{
	static const char end[5] = {'Z', 0, 0, 0, 5};
	const struct otr_pgsql_debt *debt = otr_pgsql_debt(pg);
	bool failed = pg->answer.failed;

	if (in.len < 6 || memcmp(in.data + in.len - 6, end, sizeof(end)) || !debt ||
	    debt->owed == OTR_PGSQL_OWES_SYNC)
		return OTR_PARSE_SKIP;
	pg->answer.has_rows = false;
	emit(pg, msg);
	msg->partial = !failed;
	if (debt->owed == OTR_PGSQL_OWES_ROWS)
		skip_batch(pg);
	return OTR_PARSE_MSG;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpq.c - wrappers of the functions of libpq that send statements, and of PQgetResult(). Types
 * are declared only as far as the wrappers need them.
 */

#include <errno.h>
#include <stddef.h>

#include "preload/base/next.h"
#include "preload/trace/pq.h"

#define FROM __builtin_return_address(0)

typedef const unsigned int oids; /* Oid */
typedef const char *const texts;
typedef const int ints;

void *PQexec(void *conn, const char *query);
void *PQexecParams(void *conn, const char *query, int n, oids *types, texts *values, ints *lengths,
		   ints *formats, int format);
void *PQprepare(void *conn, const char *name, const char *query, int n, oids *types);
void *PQexecPrepared(void *conn, const char *name, int n, texts *values, ints *lengths,
		     ints *formats, int format);
void *PQfn(void *conn, int fn, int *out, int *len, int is_int, const void *args, int n);
void *PQgetResult(void *conn);
int PQsendQuery(void *conn, const char *query);
int PQsendQueryParams(void *conn, const char *query, int n, oids *types, texts *values,
		      ints *lengths, ints *formats, int format);
int PQsendPrepare(void *conn, const char *name, const char *query, int n, oids *types);
int PQsendQueryPrepared(void *conn, const char *name, int n, texts *values, ints *lengths,
			ints *formats, int format);
int PQsendFlushRequest(void *conn);
int PQpipelineSync(void *conn);
int PQsendPipelineSync(void *conn);

typedef void *(*get_fn)(void *);
typedef void *(*exec_fn)(void *, const char *);
typedef void *(*params_fn)(void *, const char *, int, oids *, texts *, ints *, ints *, int);
typedef void *(*prepare_fn)(void *, const char *, const char *, int, oids *);
typedef void *(*prepared_fn)(void *, const char *, int, texts *, ints *, ints *, int);
typedef void *(*fn_fn)(void *, int, int *, int *, int, const void *, int);
typedef int (*send_fn)(void *, const char *);
typedef int (*send_params_fn)(void *, const char *, int, oids *, texts *, ints *, ints *, int);
typedef int (*send_prepare_fn)(void *, const char *, const char *, int, oids *);
typedef int (*send_prepared_fn)(void *, const char *, int, texts *, ints *, ints *, int);
typedef int (*plain_fn)(void *);

/* Our wrapper was called, but libpq has no such function. */
static int missing(void)
{
	errno = ENOSYS;
	return 0;
}

static void *missing_result(void)
{
	errno = ENOSYS;
	return NULL;
}

void *PQexec(void *conn, const char *query)
{
	struct otr_pq_call c = {.kind = OTR_PQ_QUERY,
				.fn = otr_next(OTR_PQ_EXEC, FROM),
				.from = FROM,
				.conn = conn,
				.text = query,
				.waits = 1};
	void *res;

	if (!c.fn)
		return missing_result();
	otr_pq_begin(&c);
	res = ((exec_fn)c.fn)(conn, c.text);
	otr_pq_waited(&c, res);
	return res;
}

void *PQexecParams(void *conn, const char *query, int n, oids *types, texts *values, ints *lengths,
		   ints *formats, int format)
{
	struct otr_pq_call c = {.kind = OTR_PQ_PARAMS,
				.fn = otr_next(OTR_PQ_EXEC_PARAMS, FROM),
				.from = FROM,
				.conn = conn,
				.text = query,
				.waits = 1};
	void *res;

	if (!c.fn)
		return missing_result();
	otr_pq_begin(&c);
	res = ((params_fn)c.fn)(conn, c.text, n, types, values, lengths, formats, format);
	otr_pq_waited(&c, res);
	return res;
}

void *PQprepare(void *conn, const char *name, const char *query, int n, oids *types)
{
	struct otr_pq_call c = {.kind = OTR_PQ_PREPARE,
				.fn = otr_next(OTR_PQ_EXEC_PREPARE, FROM),
				.from = FROM,
				.conn = conn,
				.name = name,
				.text = query,
				.waits = 1};
	void *res;

	if (!c.fn)
		return missing_result();
	otr_pq_begin(&c);
	res = ((prepare_fn)c.fn)(conn, name, query, n, types);
	otr_pq_waited(&c, res);
	return res;
}

void *PQexecPrepared(void *conn, const char *name, int n, texts *values, ints *lengths,
		     ints *formats, int format)
{
	struct otr_pq_call c = {.kind = OTR_PQ_PREPARED,
				.fn = otr_next(OTR_PQ_EXEC_PREPARED, FROM),
				.from = FROM,
				.conn = conn,
				.name = name,
				.waits = 1};
	void *res;

	if (!c.fn)
		return missing_result();
	otr_pq_begin(&c);
	res = ((prepared_fn)c.fn)(conn, name, n, values, lengths, formats, format);
	otr_pq_waited(&c, res);
	return res;
}

void *PQfn(void *conn, int fn, int *out, int *len, int is_int, const void *args, int n)
{
	struct otr_pq_call c = {.kind = OTR_PQ_FUNCTION,
				.fn = otr_next(OTR_PQ_FN, FROM),
				.from = FROM,
				.conn = conn,
				.waits = 1};
	void *res;

	if (!c.fn)
		return missing_result();
	otr_pq_begin(&c);
	res = ((fn_fn)c.fn)(conn, fn, out, len, is_int, args, n);
	otr_pq_waited(&c, res);
	return res;
}

void *PQgetResult(void *conn)
{
	void *fn = otr_next(OTR_PQ_GET_RESULT, FROM), *res;

	if (!fn)
		return missing_result();
	res = ((get_fn)fn)(conn);
	otr_pq_got(fn, conn, res);
	return res;
}

int PQsendQuery(void *conn, const char *query)
{
	struct otr_pq_call c = {.kind = OTR_PQ_QUERY,
				.fn = otr_next(OTR_PQ_SEND_QUERY, FROM),
				.from = FROM,
				.conn = conn,
				.text = query};
	int ok;

	if (!c.fn)
		return missing();
	otr_pq_begin(&c);
	ok = ((send_fn)c.fn)(conn, c.text);
	otr_pq_asked(&c, ok);
	return ok;
}

int PQsendQueryParams(void *conn, const char *query, int n, oids *types, texts *values,
		      ints *lengths, ints *formats, int format)
{
	struct otr_pq_call c = {.kind = OTR_PQ_PARAMS,
				.fn = otr_next(OTR_PQ_SEND_PARAMS, FROM),
				.from = FROM,
				.conn = conn,
				.text = query};
	int ok;

	if (!c.fn)
		return missing();
	otr_pq_begin(&c);
	ok = ((send_params_fn)c.fn)(conn, c.text, n, types, values, lengths, formats, format);
	otr_pq_asked(&c, ok);
	return ok;
}

int PQsendPrepare(void *conn, const char *name, const char *query, int n, oids *types)
{
	struct otr_pq_call c = {.kind = OTR_PQ_PREPARE,
				.fn = otr_next(OTR_PQ_SEND_PREPARE, FROM),
				.from = FROM,
				.conn = conn,
				.name = name,
				.text = query};
	int ok;

	if (!c.fn)
		return missing();
	otr_pq_begin(&c);
	ok = ((send_prepare_fn)c.fn)(conn, name, query, n, types);
	otr_pq_asked(&c, ok);
	return ok;
}

int PQsendQueryPrepared(void *conn, const char *name, int n, texts *values, ints *lengths,
			ints *formats, int format)
{
	struct otr_pq_call c = {.kind = OTR_PQ_PREPARED,
				.fn = otr_next(OTR_PQ_SEND_PREPARED, FROM),
				.from = FROM,
				.conn = conn,
				.name = name};
	int ok;

	if (!c.fn)
		return missing();
	otr_pq_begin(&c);
	ok = ((send_prepared_fn)c.fn)(conn, name, n, values, lengths, formats, format);
	otr_pq_asked(&c, ok);
	return ok;
}

static int send_plain(void *fn, enum otr_pq_kind kind, void *conn, const void *from)
{
	struct otr_pq_call c = {.kind = kind, .fn = fn, .from = from, .conn = conn};
	int ok;

	if (!fn)
		return missing();
	otr_pq_begin(&c);
	ok = ((plain_fn)fn)(conn);
	otr_pq_asked(&c, ok);
	return ok;
}

int PQsendFlushRequest(void *conn)
{
	return send_plain(otr_next(OTR_PQ_SEND_FLUSH, FROM), OTR_PQ_FLUSH, conn, FROM);
}

int PQpipelineSync(void *conn)
{
	return send_plain(otr_next(OTR_PQ_PIPELINE_SYNC, FROM), OTR_PQ_SYNC, conn, FROM);
}

/* PostgreSQL 17 */
int PQsendPipelineSync(void *conn)
{
	return send_plain(otr_next(OTR_PQ_SEND_SYNC, FROM), OTR_PQ_SYNC, conn, FROM);
}

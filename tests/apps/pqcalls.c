// SPDX-License-Identifier: Apache-2.0
// pqcalls.c - every call of libpq that asks a server. It says what came back, so that two
// runs of it can be compared. usage: pqcalls DSN [WHAT..]
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static PGconn *db;
static const char *dsn;

static void show(const char *what, PGresult *res)
{
	const char *code = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;

	printf("%s: %s '%s' %d rows %s\n", what, res ? PQresStatus(PQresultStatus(res)) : "-",
	       res ? PQcmdStatus(res) : "", res ? PQntuples(res) : 0, code ? code : "");
	PQclear(res);
}

static void sure(const char *what, int ok)
{
	printf("%s %s\n", what, ok ? "ok" : PQerrorMessage(db));
}

/* Waits for the descriptor, as a program does that has its own loop. */
static void ready(void)
{
	struct pollfd at = {PQsocket(db), POLLIN, 0};

	while (PQflush(db) > 0)
		;
	while (PQisBusy(db)) {
		poll(&at, 1, -1);
		if (!PQconsumeInput(db))
			return;
	}
}

static void drain(const char *what)
{
	PGresult *res;

	while (ready(), (res = PQgetResult(db)))
		show(what, res);
}

static const char *const one[] = {"1"};

static void simple(void)
{
	show("exec", PQexec(db, "SELECT name FROM items WHERE id = 1"));
	show("multi", PQexec(db, "SELECT 1 AS a; SELECT id FROM items ORDER BY id LIMIT 2"));
	show("empty", PQexec(db, ""));
	show("dml", PQexec(db, "CREATE TEMP TABLE mine (n int, t text)"));
	show("dml", PQexec(db, "INSERT INTO mine SELECT g, 'x' FROM generate_series(1, 7) g"));
	show("dml", PQexec(db, "UPDATE mine SET t = 'y' WHERE n < 4"));
}

static void errors(void)
{
	show("error", PQexec(db, "SELECT * FROM nosuch"));
	show("error", PQexec(db, "SELECT 1 AS before; SELECT 1/0 AS bad; SELECT 2 AS after"));
	show("error", PQexecParams(db, "SELECT $1::int / 0", 1, NULL, one, NULL, NULL, 0));
	show("error", PQprepare(db, "wrong", "SELEC 1", 0, NULL));
	show("error", PQexecPrepared(db, "nosuch", 0, NULL, NULL, NULL, 0));
	show("after", PQexec(db, "SELECT 'after errors'"));
}

static void extended(void)
{
	show("params",
	     PQexecParams(db, "SELECT name FROM items WHERE id = $1", 1, NULL, one, NULL, NULL, 0));
	show("prepare", PQprepare(db, "get", "SELECT id, name FROM items WHERE id >= $1", 1, NULL));
	show("describe", PQdescribePrepared(db, "get"));
	for (int i = 0; i < 3; i++)
		show("prepared", PQexecPrepared(db, "get", 1, one, NULL, NULL, 1));
}

static void async(void)
{
	PQsetnonblocking(db, 1);
	sure("send", PQsendQuery(db, "SELECT 1 AS one; SELECT 2 AS two"));
	drain("sent");
	sure("send", PQsendQueryParams(db, "SELECT name FROM orders, items WHERE item = $1", 1,
				       NULL, one, NULL, NULL, 0));
	drain("sent");
	sure("send", PQsendPrepare(db, "later", "SELECT $1::int AS later", 1, NULL));
	drain("sent");
	sure("send", PQsendDescribePrepared(db, "later"));
	drain("sent");
	sure("send", PQsendQueryPrepared(db, "later", 1, one, NULL, NULL, 0));
	drain("sent");
	sure("send", PQsendQuery(db, "SELECT nosuch FROM items"));
	drain("sent");
	/* The result is read by the call that comes next. */
	sure("send", PQsendQuery(db, "SELECT 'left' FROM items"));
	show("exec", PQexec(db, "SELECT 'next'"));
	PQsetnonblocking(db, 0);
}

static void single(void)
{
	PGresult *res;
	int n = 0, rows = 0;

	sure("send", PQsendQuery(db, "SELECT g FROM generate_series(1, 500) g"));
	sure("single", PQsetSingleRowMode(db));
	for (; (res = PQgetResult(db)); PQclear(res), n++)
		rows += PQntuples(res);
	printf("single: %d results, %d rows\n", n, rows);
	sure("send", PQsendQuery(db, "SELECT 10 / (5 - g) FROM generate_series(1, 9) g"));
	sure("single", PQsetSingleRowMode(db));
	drain("single");
}

static void queue(const char *text)
{
	sure("pipe", PQsendQueryParams(db, text, 0, NULL, NULL, NULL, NULL, 0));
}

/* Reads the results of `n` statements, each with the NULL behind it; that of a Sync has none. */
static void results(int n)
{
	PGresult *res;
	int synced = 0;

	for (int i = 0; i < n; i++)
		for (synced = 0; !synced && (res = PQgetResult(db));) {
			synced = PQresultStatus(res) == PGRES_PIPELINE_SYNC;
			show("pipe", res);
		}
}

static void pipeline(void)
{
	sure("pipe", PQenterPipelineMode(db));
	queue("SELECT 1 AS pipe_a");
	queue("SELECT id AS pipe_b FROM items");
	sure("pipe", PQpipelineSync(db));
	queue("SELECT 3 AS pipe_c");
	queue("SELECT 1/0 AS pipe_d");
	queue("SELECT 5 AS pipe_e");
	queue("SELECT 6 AS pipe_f");
	sure("pipe", PQpipelineSync(db));
	sure("pipe", PQsendPrepare(db, "piped", "SELECT $1::int AS pipe_g", 1, NULL));
	sure("pipe", PQsendQueryPrepared(db, "piped", 1, one, NULL, NULL, 0));
	sure("pipe", PQpipelineSync(db));
	results(3);
	results(5);
	results(3);
	queue("SELECT 8 AS pipe_h");
	sure("pipe", PQsendFlushRequest(db));
	results(1);
	queue("SELECT 9 AS pipe_i");
	sure("pipe", PQpipelineSync(db));
	results(2);
	sure("pipe", PQexitPipelineMode(db));
	show("after", PQexec(db, "SELECT 'after a pipeline'"));
}

static void copy(void)
{
	char line[64], *buf;
	int n, lines = 0;

	PQclear(PQexec(db, "CREATE TEMP TABLE bulk (n int, t text)"));
	show("copy in", PQexec(db, "COPY bulk FROM STDIN"));
	for (int i = 0; i < 2000; i++) {
		n = snprintf(line, sizeof(line), "%d\trow %d\n", i, i);
		if (PQputCopyData(db, line, n) != 1)
			sure("put", 0);
	}
	sure("end", PQputCopyEnd(db, NULL));
	drain("copy in");
	show("copy out", PQexec(db, "COPY bulk TO STDOUT"));
	for (; (n = PQgetCopyData(db, &buf, 0)) > 0; PQfreemem(buf))
		lines++;
	printf("copy out: %d lines\n", lines);
	drain("copy out");
	show("copy bad", PQexec(db, "COPY bulk FROM STDIN"));
	sure("put", PQputCopyData(db, "not a number\tx\n", 15));
	sure("end", PQputCopyEnd(db, NULL));
	drain("copy bad");
	show("copy failed", PQexec(db, "COPY bulk FROM STDIN"));
	sure("end", PQputCopyEnd(db, "the program changed its mind"));
	drain("copy failed");
}

static void function(void)
{
	PQArgBlock arg = {.len = 4, .isint = 1, .u.integer = -7};
	int out = 0, len = 0;

	show("fn", PQfn(db, 1397 /* abs(int4) */, &out, &len, 1, &arg, 1));
	printf("fn: %d\n", out);
}

/* A statement that is longer than what the library records of it. */
static void longer(void)
{
	static char text[300000];
	size_t n = (size_t)sprintf(text, "SELECT length('");

	memset(text + n, 'x', 200000);
	strcpy(text + n + 200000, "') AS longer");
	show("long", PQexec(db, text));
	show("long", PQexecParams(db, text, 0, NULL, NULL, NULL, NULL, 0));
	show("after", PQexec(db, "SELECT 'after long ones'"));
}

static void cut(void)
{
	show("cut", PQexec(db, "SELECT 'cut', pg_terminate_backend(pg_backend_pid())"));
	show("no more", PQexec(db, "SELECT 'never asked'"));
	PQreset(db);
	show("reset", PQexec(db, "SELECT 'after a reset'"));
}

/* A request whose answer is never read. */
static void unread(void)
{
	sure("send", PQsendQuery(db, "SELECT 'unread'"));
	ready();
}

static void many(void)
{
	for (int i = 0; i < 50; i++) {
		PGconn *more = PQconnectdb(dsn);

		PQclear(PQexec(more, "SELECT count(*) AS many FROM items"));
		PQfinish(more);
	}
}

/* Prints the CPU that a statement costs this process, the least of five rounds. */
static void cost(void)
{
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		clock_t from = clock();

		for (int k = 0; k < 5000; k++)
			PQclear(PQexec(db, "SELECT 1"));
		from = clock() - from;
		if (from * 1e6 / CLOCKS_PER_SEC / 5000 < best)
			best = from * 1e6 / CLOCKS_PER_SEC / 5000;
	}
	printf("SELECT 1: %.2f us\n", best);
}

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {
	{"simple", simple}, {"errors", errors},	    {"extended", extended}, {"async", async},
	{"single", single}, {"pipeline", pipeline}, {"copy", copy},	    {"function", function},
	{"longer", longer}, {"many", many},	    {"cut", cut},	    {"unread", unread},
	{"cost", cost},
};

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc < 3;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	dsn = argv[1];
	db = PQconnectdb(dsn);
	if (PQstatus(db) != CONNECTION_OK) {
		fputs(PQerrorMessage(db), stderr);
		return 1;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (wanted(parts[i].name, argc, argv))
			parts[i].run();
	PQfinish(db);
	return 0;
}

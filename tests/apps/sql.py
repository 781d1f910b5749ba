# SPDX-License-Identifier: Apache-2.0
"""sql.py DSN WHAT [GO] - traffic with PostgreSQL by psycopg2, and by libpq directly where
psycopg2 has no such call (extended protocol, pipelines). Fails if an answer is wrong."""
import ctypes
import ctypes.util
import hashlib
import io
import os
import sys
import threading
import time

import psycopg2

dsn, what = sys.argv[1], sys.argv[2]


class PQ:
    """The calls of libpq for the extended protocol and pipelines."""

    def __init__(self):
        self.lib = ctypes.CDLL(ctypes.util.find_library("pq"))
        for name in "PQconnectdb", "PQprepare", "PQexecPrepared", "PQexecParams", "PQgetResult":
            getattr(self.lib, name).restype = ctypes.c_void_p
        for name in "PQgetvalue", "PQerrorMessage":
            getattr(self.lib, name).restype = ctypes.c_char_p
        self.conn = ctypes.c_void_p(self.lib.PQconnectdb(dsn.encode()))
        assert self.lib.PQstatus(self.conn) == 0, self.lib.PQerrorMessage(self.conn)

    def args(self, *values):
        return len(values), (ctypes.c_char_p * len(values))(*[str(v).encode() for v in values])

    def check(self, res, want=2):
        res = ctypes.c_void_p(res)
        got = self.lib.PQresultStatus(res)
        assert got == want, (got, self.lib.PQerrorMessage(self.conn))
        return res

    def value(self, res):
        return self.lib.PQgetvalue(res, 0, 0)

    def prepare(self, name, text):
        self.check(self.lib.PQprepare(self.conn, name, text, 0, None), 1)

    def run(self, name, *values):
        n, array = self.args(*values)
        return self.value(self.check(self.lib.PQexecPrepared(self.conn, name, n, array, None, None, 0)))

    def query(self, text, *values):
        n, array = self.args(*values)
        return self.value(self.check(self.lib.PQexecParams(self.conn, text, n, None, array, None, None, 0)))


def connect():
    conn = psycopg2.connect(dsn)
    conn.autocommit = True
    return conn, conn.cursor()


def plain():
    _, cur = connect()
    cur.execute("SELECT name FROM items WHERE id = %s", (2,))
    assert cur.fetchone() == ("paper",)


def error():
    _, cur = connect()
    try:
        cur.execute("SELECT * FROM nosuchtable")
    except psycopg2.Error as err:
        assert err.pgcode == "42P01"
    cur.execute("SELECT name FROM items WHERE id = 0")
    assert cur.fetchone() == ("pen",)


def extended():
    pq = PQ()
    text = b"SELECT name FROM items WHERE id = $1"
    assert pq.query(text, 1) == b"ink"
    pq.prepare(b"get", text)
    assert [pq.run(b"get", i) for i in (0, 1, 2)] == [b"pen", b"ink", b"paper"]
    assert pq.query(text, 2) == b"paper"


def pipeline():
    pq = PQ()
    assert pq.lib.PQenterPipelineMode(pq.conn) == 1
    for text in b"SELECT 1 AS pipe_a", b"SELECT 1/0 AS pipe_b", b"SELECT 3 AS pipe_c":
        assert pq.lib.PQsendQueryParams(pq.conn, text, 0, None, None, None, None, 0) == 1
    assert pq.lib.PQpipelineSync(pq.conn) == 1
    status = []
    while len(status) < 4:
        res = pq.lib.PQgetResult(pq.conn)
        if res:
            status.append(pq.lib.PQresultStatus(ctypes.c_void_p(res)))
    assert status == [2, 7, 11, 10], status  # tuples, error, aborted, sync


def copy():
    _, cur = connect()
    cur.execute("CREATE TEMP TABLE bulk (n int, t text)")
    rows = "".join(f"{i}\t{hashlib.sha256(str(i).encode()).hexdigest()}\n" for i in range(40000))
    cur.copy_expert("COPY bulk FROM STDIN", io.StringIO(rows))
    out = io.StringIO()
    cur.copy_expert("COPY bulk TO STDOUT", out)
    assert out.getvalue() == rows


def cancel():
    conn, cur = connect()
    threading.Timer(0.4, conn.cancel).start()
    try:
        since = time.time()
        cur.execute("SELECT pg_sleep(30)")
        raise SystemExit("not cancelled")
    except psycopg2.Error as err:
        assert err.pgcode == "57014", err.pgcode
        print("took", int((time.time() - since) * 1000))


def large():
    _, cur = connect()
    cur.execute("SELECT repeat('x', 10000000)")
    assert cur.fetchone() == ("x" * 10000000,)
    cur.execute("SELECT length(%s)", ("y" * 3000000,))
    assert cur.fetchone() == (3000000,)


def pooled():
    pq = PQ()
    pq.prepare(b"old", b"SELECT name FROM items WHERE id = $1")
    assert pq.run(b"old", 0) == b"pen"
    print("ready", flush=True)
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.02)
    assert [pq.run(b"old", i) for i in (0, 1, 2)] == [b"pen", b"ink", b"paper"]
    assert pq.query(b"SELECT 5 AS pooled") == b"5"


globals()[what]()
print("ok")

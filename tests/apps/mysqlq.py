#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client of MariaDB by PyMySQL, or by MySQLdb: mysqlq.py PORT [-c] ACTION .."""
import sys
import tempfile
import time

port, words = int(sys.argv[1]), sys.argv[2:]
if words[0] == "-c":  # the C library
    import MySQLdb as driver
    words = words[1:]
    flags = {"local_infile": 1, "client_flag": 1 << 16}  # statements in one text
else:
    import pymysql as driver
    flags = {"local_infile": True, "client_flag": driver.constants.CLIENT.MULTI_STATEMENTS}


def connect(**more):
    return driver.connect(host="127.0.0.1", port=port, user="app", passwd="SECRETpw", db="shop",
                          autocommit=True, **{**flags, **more})


def plain(cur):
    cur.execute("SELECT name FROM items WHERE note = %s AND id > 0", ("it's SECRETVAL",))
    assert cur.fetchall() == ()
    cur.execute("SELECT name, note FROM items ORDER BY id")
    assert cur.fetchall()[0] == ("ink", "a")
    cur.execute("INSERT INTO bulk VALUES (%s, %s)", (7, 'SECRETVAL "quoted" \\'))
    assert cur.rowcount == 1


def errors(cur):
    for sql, code in (("SELECT secret FROM nowhere", 1146), ("SELEC 'SECRETVAL'", 1064),
                      ("INSERT INTO items VALUES (1, 'SECRETVAL', '')", 1062)):
        try:
            cur.execute(sql)
        except driver.Error as e:
            assert e.args[0] == code, e
    cur.execute("SELECT 1")


def multi(cur):
    cur.execute("CALL two()")
    n = 1
    while cur.nextset():
        n += 1
    assert n == 3
    cur.execute("SELECT 1; UPDATE items SET note = 'SECRETVAL' WHERE id = 3; SELECT 2 FROM items")
    while cur.nextset():
        pass


def commands(cur):
    cur.connection.ping()
    cur.connection.select_db("other")
    cur.execute("SELECT DATABASE()")
    assert cur.fetchone() == ("other",)
    cur.execute("USE `shop`")
    cur.execute("SELECT DATABASE()")
    assert cur.fetchone() == ("shop",)


def infile(cur):
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as f:
        f.write("".join(f"{i}\tSECRETVAL {i}\n" for i in range(20000)))
        f.flush()
        cur.execute(f"LOAD DATA LOCAL INFILE '{f.name}' INTO TABLE bulk")
    assert cur.rowcount == 20000
    cur.execute("SELECT COUNT(*) FROM bulk WHERE id > 10000")


def large(cur):
    cur.execute("SELECT seq, REPEAT('SECRETVAL', 20) FROM seq_1_to_20000")
    assert len(cur.fetchall()) == 20000
    cur.execute("SELECT LENGTH(%s) AS n", ("SECRETVAL" * 100000,))
    assert cur.fetchone() == (900000,)


def huge(cur):
    cur.execute("SELECT LENGTH(%s) AS n", ("x" * 17000000,))
    assert cur.fetchone() == (17000000,)
    cur.execute("SELECT REPEAT('SECRETVAL', 2000000) AS big")
    assert len(cur.fetchone()[0]) == 18000000
    cur.execute("SELECT 3 FROM items")


def wait(cur):
    cur.execute("SELECT 'before' FROM items")
    print("ready", flush=True)
    import os
    while not os.path.exists(words[1]):
        time.sleep(0.02)
    for _ in range(3):
        cur.execute("SELECT 'after' FROM items")
        cur.fetchall()
    cur.execute("SELECT secret FROM nowhere")


def compress(cur):
    cur.execute("SELECT 'SECRETVAL' FROM items")


with_cursor = globals()[words[0]]
conn = connect(**({"compress": 1} if words[0] == "compress" else {}))
try:
    with_cursor(conn.cursor())
except driver.Error as e:
    assert words[0] == "wait", e
conn.close()
print("ok")

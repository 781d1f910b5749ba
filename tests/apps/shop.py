# SPDX-License-Identifier: Apache-2.0
# shop.py - a small shop: the Flask service of the demo and of the tests.
#
#   GET /checkout?id=N   asks the price service, reads and writes the database
#   GET /query?id=N      reads the database alone
#   GET /slow?id=N       runs a slow statement
#   GET /fail?id=N       runs a statement that the database refuses, and answers with 500
#
# Each request and statement of this service has the id (statements as the name of a column, since
# values are hidden), so that a test knows which request caused which. There is no tracing code.
import os

import psycopg2
import requests
from flask import Flask, request

app = Flask(__name__)
PRICES = os.environ.get("PRICES", "http://127.0.0.1:18082")
DSN = os.environ.get("DSN", "dbname=postgres")


def connection():
    """Returns the connection of this thread, as from a pool."""
    import threading

    here = threading.current_thread()
    if not hasattr(here, "pg"):
        here.pg = psycopg2.connect(DSN)
        here.pg.autocommit = True
        here.http = requests.Session()
    return here


@app.get("/checkout")
def checkout():
    here, what = connection(), request.args.get("id", "0")
    price = here.http.get(f"{PRICES}/price/{what}?id={what}", timeout=10).text
    cursor = here.pg.cursor()
    cursor.execute(f"SELECT name AS id_{int(what)} FROM items WHERE id = %s",
                   (int(what) % 3,))
    name = cursor.fetchone()
    cursor.execute("INSERT INTO orders (item, tag) VALUES (%s, %s) "
                   f"RETURNING item AS id_{int(what)}",
                   (int(what) % 3, "id=" + what))
    return f"{name} {price}\n"


@app.get("/query")
def query():
    what = int(request.args.get("id", "0"))
    cursor = connection().pg.cursor()
    cursor.execute(f"SELECT name AS id_{what} FROM items WHERE id = %s", (what % 3,))
    return f"{cursor.fetchone()}\n"


@app.get("/slow")
def slow():
    what = request.args.get("id", "0")
    cursor = connection().pg.cursor()
    cursor.execute("SELECT pg_sleep(0.4), %s", ("id=" + what,))
    return "slow\n"


@app.get("/fail")
def fail():
    what = request.args.get("id", "0")
    cursor = connection().pg.cursor()
    try:
        cursor.execute("INSERT INTO orders (item, tag) VALUES (99, %s)",
                       ("id=" + what,))
    except psycopg2.Error as err:
        return f"refused: {err.pgcode}\n", 500
    return "unexpected\n", 500

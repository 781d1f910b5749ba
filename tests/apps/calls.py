# SPDX-License-Identifier: Apache-2.0
# calls.py - a Flask service that asks another one directly and by a thread pool (accuracy tests).
#
#   GET /direct?id=N   the thread of the handler asks
#   GET /pooled?id=N   a thread of a pool asks, the handler waits for it
#
# With OWN=1 a thread asks for /own?id=.. now and then; these requests have no parent.
import http.client
import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from flask import Flask, request

app = Flask(__name__)
BACK = urlsplit(os.environ["PRICES"]).netloc
POOL = ThreadPoolExecutor(int(os.environ.get("POOL", "8")))
HERE = threading.local()


def ask(path):
    if not hasattr(HERE, "conn"):
        HERE.conn = http.client.HTTPConnection(BACK)
    HERE.conn.request("GET", path)
    return HERE.conn.getresponse().read()


@app.get("/direct")
def direct():
    return ask("/price?id=" + request.args["id"])


@app.get("/pooled")
def pooled():
    return POOL.submit(ask, "/price?id=" + request.args["id"]).result()


def own():
    for i in itertools.count(900000000):
        time.sleep(0.01)
        ask(f"/own?id={i}")


if os.environ.get("OWN"):
    threading.Thread(target=own, daemon=True).start()

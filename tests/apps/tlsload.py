#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tlsload.py PORT DIR PATH CLIENTS EACH [KEEP] - CLIENTS threads ask EACH times over HTTPS for
PATH?id=N, with N of each request's own; with KEEP over one connection each. EACH 0: until SIGTERM.
Prints how many requests failed."""
import http.client
import itertools
import re
import signal
import ssl
import sys
import threading

PORT, DIR, PATH = int(sys.argv[1]), sys.argv[2], sys.argv[3]
CLIENTS, EACH, KEEP = int(sys.argv[4]), int(sys.argv[5]), len(sys.argv) > 6
TRUST = ssl.create_default_context(cafile=DIR + "/cert.pem")
ids, failed = itertools.count(1), []
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())


def ask(conn):
    n = next(ids)
    conn.request("GET", f"{PATH}?id={n}")
    answer = conn.getresponse()
    if answer.status != 200 or not re.search(rb"id=%d\s" % n, answer.read()):
        raise ValueError(n)


def client():
    conn = None
    for _ in range(EACH) if EACH else iter(stop.is_set, True):
        try:
            conn = conn or http.client.HTTPSConnection("localhost", PORT, timeout=30, context=TRUST)
            ask(conn)
            if not KEEP:
                conn.close()
                conn = None
        except Exception as err:  # each counts, whatever it is
            failed.append(err)
            conn = None


threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(failed), "failed", failed[:3])

# SPDX-License-Identifier: Apache-2.0
"""load.py PORT PATH CONNECTIONS SECONDS - keep-alive load; prints `good N bad M`.

A request is bad if its answer does not come, is not 200, or lacks a part of its body. SIGTERM ends
the load early."""
import http.client
import signal
import sys
import threading
import time

port, path, n, until = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), time.time() + float(sys.argv[4])
good, bad = [0] * n, [0] * n


def enough(signo, frame):
    global until
    until = 0


def work(i):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    while time.time() < until:
        try:
            conn.request("GET", path)
            answer = conn.getresponse()
            body = answer.read()
            if answer.status == 200 and len(body) == int(answer.headers["content-length"]):
                good[i] += 1
                continue
        except (OSError, http.client.HTTPException) as err:
            print(repr(err), file=sys.stderr)
            conn.close()
        bad[i] += 1


signal.signal(signal.SIGTERM, enough)
threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print("good", sum(good), "bad", sum(bad))

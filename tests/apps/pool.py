# SPDX-License-Identifier: Apache-2.0
"""pool.py PORT N GO - a pool of N keep-alive connections.

Each connection has one request; when the file GO exists, all connections send three more at the
same time. Prints `ready`, then `ok COUNT`."""
import http.client
import os
import sys
import threading
import time

port, n, go = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
pool = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(n)]
good = []


def ask(conn, path):
    conn.request("GET", path)
    answer = conn.getresponse()
    return answer.read() == f"hello {path}\n".encode() and answer.status == 200


def work(conn, i):
    for j in range(3):
        if ask(conn, f"/after/{i * 10 + j}"):
            good.append(1)


for c in pool:
    assert ask(c, "/before")
socks = [c.sock.fileno() for c in pool]
print("ready", flush=True)
while not os.path.exists(go):
    time.sleep(0.02)
threads = [threading.Thread(target=work, args=(c, i)) for i, c in enumerate(pool)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert socks == [c.sock.fileno() for c in pool], "a connection was made anew"
print("ok", len(good), flush=True)

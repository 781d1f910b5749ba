# SPDX-License-Identifier: Apache-2.0
"""midway.py PORT GO - two connections that an agent meets within an exchange.

One stops within the head of its request, the other waits for a slow answer. When the file GO
exists, both go on, and send one more request each."""
import os
import socket
import sys
import time

port, go = int(sys.argv[1]), sys.argv[2]


def answer(sock):
    got = b""
    while b"\r\n\r\nhello" not in got or not got.endswith(b"\n"):
        part = sock.recv(65536)
        assert part, got
        got += part
    return got


one = socket.create_connection(("127.0.0.1", port))
two = socket.create_connection(("127.0.0.1", port))
one.sendall(b"GET /begun HTTP/1.1\r\nHost: x\r\nX-Ha")
two.sendall(b"GET /slow/1500 HTTP/1.1\r\nHost: x\r\n\r\n")
print("ready", flush=True)
while not os.path.exists(go):
    time.sleep(0.02)
one.sendall(b"lf: y\r\n\r\n")
answer(one)
answer(two)
for sock in one, two:
    time.sleep(0.1)
    sock.sendall(b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n")
    answer(sock)
print("ok")

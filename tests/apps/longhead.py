# SPDX-License-Identifier: Apache-2.0
"""longhead.py PORT COOKIE PIECES TRACEPARENT - sends one request whose traceparent
stands behind a cookie of COOKIE bytes, in PIECES writes."""
import socket
import sys
import time

port, cookie, pieces, parent = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
head = (f"GET /long HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: c={'x' * cookie}\r\n"
        f"traceparent: {parent}\r\nConnection: close\r\n\r\n").encode()
with socket.create_connection(("127.0.0.1", port)) as s:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    step = -(-len(head) // pieces)
    for at in range(0, len(head), step):
        s.sendall(head[at:at + step])
        time.sleep(0.02 if pieces > 1 else 0)
    answer = b""
    while more := s.recv(65536):
        answer += more
print(answer.split(b"\r\n")[0].decode())

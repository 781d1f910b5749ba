# SPDX-License-Identifier: Apache-2.0
"""pipeline.py PORT DEPTH PAD - pipelined requests.

Writes DEPTH requests at once, each for another status from 400 on, with a header of PAD bytes;
then reads all answers, and prints their number."""
import socket
import sys

port, depth, pad = (int(a) for a in sys.argv[1:4])
ask = b"GET /status/%d HTTP/1.1\r\nHost: h\r\nX: %s\r\n%s\r\n"
with socket.create_connection(("127.0.0.1", port)) as s:
    s.sendall(b"".join(ask % (400 + i, b"x" * pad, b"Connection: close\r\n" * (i == depth - 1))
                       for i in range(depth)))
    answers = b""
    while more := s.recv(65536):
        answers += more
print(answers.count(b"HTTP/1.1 "))

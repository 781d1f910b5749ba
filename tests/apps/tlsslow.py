#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tlsslow.py PORT CERT N - requests through a small buffer on a non-blocking socket.

Head and body are one write of random size. If TLS cannot write now (SSL_ERROR_WANT_WRITE), the
same write is repeated. Prints the number of right answers, and on stderr how often it waited."""
import random
import select
import socket
import ssl
import sys
import zlib

port, cert, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rand = random.Random(4)


def retry(sock, call, *args):
    global waits
    while True:
        try:
            return call(*args)
        except ssl.SSLWantWriteError:
            waits += 1
            select.select([], [sock], [], 10)
        except ssl.SSLWantReadError:
            select.select([sock], [], [], 10)


waits = right = 0
raw = socket.socket()
raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
raw.connect(("127.0.0.1", port))
raw.setblocking(False)
context = ssl.create_default_context(cafile=cert)
sock = context.wrap_socket(raw, server_hostname="localhost", do_handshake_on_connect=False)
retry(sock, sock.do_handshake)
for i in range(count):
    body = rand.randbytes(rand.randrange(1, 14000))
    left = b"POST /%d HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (i, len(body)) + body
    while left:
        sent = retry(sock, sock.send, left)
        assert 0 < sent <= len(left)
        left = left[sent:]
    answer = b""
    while not answer.endswith(b"\n") or b"hello" not in answer:
        answer += retry(sock, sock.recv, 4096)
    right += answer.endswith(b"hello /%d %d %d\n" % (i, len(body), zlib.crc32(body)))
print(right)
print("waits", waits, file=sys.stderr)

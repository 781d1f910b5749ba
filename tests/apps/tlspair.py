#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tlspair.py PORT DIR - one thread that asks over two HTTPS connections by turns.

First it opens both and waits for a line on its standard input. Then it sends /a0, /b0 in two parts
each, part by part in turn, reads the answer of b first, and so on; last a request in pieces of one
byte. The certificate is DIR/cert.pem."""
import socket
import ssl
import sys

PORT, DIR = int(sys.argv[1]), sys.argv[2]
TRUST = ssl.create_default_context(cafile=DIR + "/cert.pem")


def connect():
    return TRUST.wrap_socket(socket.create_connection(("localhost", PORT)), server_hostname="localhost")


def answer(conn):
    got = b""
    while not got.endswith(b"\n") or got.endswith(b"\r\n") or b"\r\n\r\n" not in got:
        got += conn.recv(7)
    return got.split(b"\r\n\r\n", 1)[1].decode().strip()


a, b = connect(), connect()
print("open", flush=True)
sys.stdin.readline()
for i in range(10):
    heads = [f"GET /{name}{i} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for name in "ab"]
    for part in slice(0, 9), slice(9, None):
        a.sendall(heads[0][part])
        b.sendall(heads[1][part])
    print(answer(b), answer(a))
for byte in b"GET /bytes HTTP/1.1\r\nHost: localhost\r\n\r\n":
    a.sendall(bytes([byte]))
print(answer(a))
a.settimeout(0.05)
try:
    a.recv(1)  # SSL_read fails: nothing comes
except TimeoutError:
    print("nothing")
a.settimeout(None)
a.sendall(b"GET /after HTTP/1.1\r\nHost: localhost\r\n\r\n")
print(answer(a))

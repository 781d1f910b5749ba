#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tlsways.py PORT WAY - like tlsways.c, by Python's ssl."""
import socket
import ssl
import sys

BODY = b"GET /b HTTP/1.1\r\nHost: body\r\n\r\n"
HEAD = b"POST /h HTTP/1.1\r\nHost: head\r\nContent-Length: 31\r\n\r\n"
PORT = int(sys.argv[1])

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def answer(read):
    text = b""
    while not text.endswith(b"ok\n"):
        text += read(1)
    print("answer", len(text))


def memory():
    """Writes records to memory; the program sends them itself, some of them late."""
    plain = socket.create_connection(("127.0.0.1", PORT))
    near, far = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = context.wrap_bio(near, far)

    def pumped(call, *args):
        while True:
            try:
                return call(*args)
            except ssl.SSLWantReadError:
                plain.sendall(far.read())
                near.write(plain.recv(65536))

    pumped(inside.do_handshake)
    for _ in range(3):
        inside.write(HEAD[:23])
        plain.sendall(far.read())
        inside.write(HEAD[23:])
        inside.write(BODY)
        plain.sendall(far.read())
        answer(lambda n: pumped(inside.read, n))
    plain.close()


def unwrapped():
    """Ends TLS; the connection goes on in clear."""
    stream = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT)))
    stream.sendall(HEAD)
    plain = stream.unwrap()
    plain.sendall(BODY)
    plain.close()


def starttls():
    """SMTP: the text of a mail looks like a request."""
    plain = socket.create_connection(("127.0.0.1", PORT))
    read = plain.makefile("rb")
    print(read.readline())
    plain.sendall(b"EHLO me\r\n")
    print(read.readline(), read.readline())
    plain.sendall(b"STARTTLS\r\n")
    print(read.readline())
    stream = context.wrap_socket(plain)
    stream.sendall(BODY)
    answer(stream.recv)
    stream.sendall(BODY)
    answer(stream.recv)
    stream.close()


globals()[sys.argv[2]]()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mgfront.py PORT SERVER_PORT - stands before a server of MongoDB that has neither compression nor
unacknowledged writes, and adds them, as a mongod has them:

- zlib: it is taken where a handshake offers it; a compressed request gets a compressed answer;
- moreToCome of a request: no answer is sent.

A request that holds SLEEP is passed on after 300 ms."""
import socket
import struct
import sys
import threading
import time
import zlib

import bson

MSG, COMPRESSED, REPLY = 2013, 2012, 1
MORE = 2
port, server_port = int(sys.argv[1]), int(sys.argv[2])
numbers = iter(range(1, 1 << 30))


def read_exactly(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(min(size - len(data), 65536))
        if not part:
            raise EOFError
        data += part
    return data


def read_message(sock):  # id, the id that it answers, opcode, body
    size, number, to, code = struct.unpack("<iiii", read_exactly(sock, 16))
    return number, to, code, read_exactly(sock, size - 16)


def send_message(sock, number, to, code, body):
    sock.sendall(struct.pack("<iiii", 16 + len(body), number, to, code) + body)


def flags_of(code, body):
    return struct.unpack_from("<I", body)[0] if code == MSG else 0


def unpacked(code, body):
    if code != COMPRESSED:
        return code, body, False
    code, _, compressor = struct.unpack_from("<iiB", body)
    assert compressor == 2
    return code, zlib.decompress(body[9:]), True


def packed(code, body):
    return COMPRESSED, struct.pack("<iiB", code, len(body), 2) + zlib.compress(body)


def document_at(code):
    return 20 if code == REPLY else 5


class Front:
    def __init__(self, client):
        self.client = client
        self.server = socket.create_connection(("127.0.0.1", server_port))

    def ask(self, code, body):
        send_message(self.server, next(numbers), 0, code, body)
        return read_message(self.server)[2:]

    def answer(self, to, code, body, compress):
        if compress:
            code, body = packed(code, body)
        send_message(self.client, next(numbers), to, code, body)

    def one(self):
        number, _, code, body = read_message(self.client)
        code, body, compressed = unpacked(code, body)
        flags = flags_of(code, body)
        if b"SLEEP" in body:
            time.sleep(0.3)
        if code == MSG:
            body = struct.pack("<I", 0) + body[4:]
        back, answer = self.ask(code, body)
        if flags & MORE:
            return
        at = document_at(back)
        doc = bson.decode(answer[at:])
        if "maxWireVersion" in doc and b"\x02\x30\x00\x05\x00\x00\x00zlib" in body:
            answer = answer[:at] + bson.encode({**doc, "compression": ["zlib"]})
        self.answer(number, back, answer, compressed)

    def all(self):
        try:
            while True:
                self.one()
        except (EOFError, OSError):
            self.client.close()
            self.server.close()


with socket.create_server(("127.0.0.1", port)) as listener:
    while True:
        threading.Thread(target=Front(listener.accept()[0]).all, daemon=True).start()

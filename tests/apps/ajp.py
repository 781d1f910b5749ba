#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ajp.py serve PORT | ask PORT N - CPing and CPong of AJP, a protocol that otrace does not parse."""
import socket
import sys
import threading

PING, PONG = b"\x12\x34\x00\x01\x0a", b"AB\x00\x01\x09"


def answer(conn):
    while conn.recv(len(PING), socket.MSG_WAITALL) == PING:
        conn.sendall(PONG)


def serve(port):
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def ask(port, n):
    with socket.create_connection(("127.0.0.1", port)) as conn:
        for _ in range(n):
            conn.sendall(PING)
            assert conn.recv(len(PONG), socket.MSG_WAITALL) == PONG
    print("ok")


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    ask(int(sys.argv[2]), int(sys.argv[3]))

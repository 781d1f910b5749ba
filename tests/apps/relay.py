#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""relay.py PORT TO FILE - a proxy that keeps the bytes of its clients.

It listens on PORT, passes each connection on to TO, and appends the bytes of the client to FILE
unchanged: connections in the order of their beginning, each followed by an empty line."""
import selectors
import socket
import sys
import threading


def main():
    port, to, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    srv = socket.create_server(("127.0.0.1", port), backlog=256)
    before = None
    while True:
        near, _ = srv.accept()
        before = threading.Thread(target=one, args=(near, to, path, before), daemon=True)
        before.start()


def one(near, to, path, before):
    far = socket.create_connection(("127.0.0.1", to))
    sent = pump(near, far)
    if before:
        before.join()
    with open(path, "ab") as out:
        out.write(sent + b"\n=====\n")


def pump(near, far):
    sel = selectors.DefaultSelector()
    sel.register(near, selectors.EVENT_READ, far)
    sel.register(far, selectors.EVENT_READ, near)
    sent = b""
    while len(sel.get_map()):
        for key, _ in sel.select():
            try:
                data = key.fileobj.recv(65536)
            except ConnectionError:
                data = b""
            if key.fileobj is near:
                sent += data
            if data:
                key.data.sendall(data)
                continue
            sel.unregister(key.fileobj)
            try:
                key.data.shutdown(socket.SHUT_WR)
            except OSError:
                pass
    near.close()
    far.close()
    return sent


main()

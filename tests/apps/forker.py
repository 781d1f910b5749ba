# SPDX-License-Identifier: Apache-2.0
"""forker.py PORT BACK - a server that forks within a request; parent and child ask BACK."""
import http.client
import os
import socket
import sys

port, back = int(sys.argv[1]), int(sys.argv[2])
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", port))
server.listen()


def ask(port, path):
    conn = http.client.HTTPConnection("127.0.0.1", port)
    conn.request("GET", path)
    return conn.getresponse().read()


if not os.fork():
    ask(port, "/entry")
    os._exit(0)
conn, _ = server.accept()
conn.recv(4096)
child = os.fork()
if not child:
    ask(back, "/child")
    os._exit(0)
os.waitpid(child, 0)
ask(back, "/parent")
conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
conn.close()
os.wait()
print("done")

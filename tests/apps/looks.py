# SPDX-License-Identifier: Apache-2.0
"""looks.py PORT BACK_PORT poll|epoll - a server with the threads of some HTTP clients.

Its first thread reads a request, and polls an idle connection to BACK_PORT. A second thread, which
no thread waits for, sends a request over that connection, and answers."""
import http.client
import queue
import select
import socket
import sys
import threading

PORT, BACK = int(sys.argv[1]), int(sys.argv[2])
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
jobs = queue.Queue()
back = http.client.HTTPConnection("127.0.0.1", BACK, timeout=30)


def ask(path):
    back.request("GET", path)
    return back.getresponse().read()


def writer():
    while True:
        path, client = jobs.get()
        ask(path)
        client.sendall(OK)


ask("/first")
threading.Thread(target=writer, daemon=True).start()
watched = select.epoll()
watched.register(back.sock, 0)


def look():
    if sys.argv[3] == "epoll":
        watched.modify(back.sock, select.EPOLLONESHOT)
        return
    idle = select.poll()
    idle.register(back.sock, select.POLLIN)
    assert not idle.poll(0)


door = socket.create_server(("127.0.0.1", PORT))
while True:
    client, _ = door.accept()
    while head := client.recv(65536):
        look()
        jobs.put((head.split()[1].decode(), client))

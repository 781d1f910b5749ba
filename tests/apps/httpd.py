# SPDX-License-Identifier: Apache-2.0
"""httpd.py PORT [HOST] - an HTTP server for the tests.

GET /big/N answers N bytes, /slow/MS answers after MS milliseconds, /status/CODE answers with that
status, /exit ends the process within its answer; any other path is answered `hello PATH`. POST
answers with the length and SHA-256 of the body. With UNIX=path the server listens on that socket."""
import hashlib
import os
import socket
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code, body, head=()):
        self.send_response(code)
        for name, value in head:
            self.send_header(name, value)
        if code >= 200 and code not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and code not in (204, 304):
            self.wfile.write(body)

    def do_GET(self):
        what, _, arg = self.path[1:].partition("/")
        if what == "big":
            return self.answer(200, b"x" * int(arg))
        if what == "status":
            return self.answer(int(arg), b"status\n")
        if what == "slow":
            time.sleep(int(arg) / 1000)
        if what == "chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(int(arg or 5)):
                self.wfile.write(b"5\r\npart%d\r\n" % (i % 10))
                time.sleep(0.01)
            return self.wfile.write(b"0\r\n\r\n")
        if what == "exit":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            os._exit(7)
        self.answer(200, f"hello {self.path}\n".encode("utf-8", "replace"))

    do_HEAD = do_GET

    def chunks(self):
        digest, n = hashlib.sha256(), 0
        while size := int(self.rfile.readline(), 16):
            digest.update(self.rfile.read(size))
            n += size
            self.rfile.readline()
        self.rfile.readline()
        self.answer(200, f"{n} {digest.hexdigest()}\n".encode())

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            return self.chunks()
        left, digest = int(self.headers.get("Content-Length", 0)), hashlib.sha256()
        n = left
        while left:
            part = self.rfile.read(min(left, 65536))
            if not part:
                return
            digest.update(part)
            left -= len(part)
        self.answer(200, f"{n} {digest.hexdigest()}\n".encode())

    do_PUT = do_POST

    def log_message(self, *args):
        pass

    def address_string(self):
        return "client"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass


class Unix(Server):
    address_family = socket.AF_UNIX

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "unix", 0


if __name__ == "__main__":
    host = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    if "UNIX" in os.environ:
        Unix(os.environ["UNIX"], Handler).serve_forever()
    if ":" in host:
        Server.address_family = socket.AF_INET6
    Server((host, int(sys.argv[1])), Handler).serve_forever()

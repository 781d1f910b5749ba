#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""httpsd.py PORT DIR FILE [RCVBUF] - an HTTPS server for the tests.

The certificate is DIR/cert.pem, the key DIR/key.pem. The server appends the head of each request
to FILE unchanged, and answers with the path, and the length and checksum of the body: 200, or 404 to /missing.."""
import http.server
import socket
import ssl
import sys
import zlib

PORT, DIR, FILE = int(sys.argv[1]), sys.argv[2], sys.argv[3]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(FILE, "a", encoding="latin-1") as out:
            out.write(f"{self.requestline}\n{self.headers}")
        text = f"hello {self.path} {len(body)} {zlib.crc32(body)}\n".encode()
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


def narrow(self):
    self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(sys.argv[4]))
    http.server.HTTPServer.server_bind(self)


if len(sys.argv) > 4:
    http.server.ThreadingHTTPServer.server_bind = narrow
server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(DIR + "/cert.pem", DIR + "/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

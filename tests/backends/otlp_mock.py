#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""otlp_mock.py DIR [PLAN..] - an OTLP/HTTP server that answers as PLAN says.

It listens on a free port of 127.0.0.1, which it writes to DIR/port. It writes the body of each
request to DIR/N.body, and a JSON line about it to DIR/requests. PLAN has one word per answer; the
last word is used for all later answers. Without a PLAN each answer is ok.

  ok            200, empty response        retry:S   429 with Retry-After: S
  date:S        503, Retry-After as a date 503 400 500 ..  that status, with a Status
  partial:N     200, N spans rejected      jpartial:N  the same in JSON
  slow:S        200 after S seconds        close     the connection ends, no answer
  huge          200, an endless body
With MOCK_CERT and MOCK_KEY it speaks TLS; with MOCK_CA it demands a client's certificate.
"""
import email.utils
import json
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
PLAN = sys.argv[2:] or ["ok"]
LOCK = threading.Lock()
count = 0


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def partial(n):
    return field(1, varint(1 << 3) + varint(n) + field(2, b"no room for all"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def note(self):
        global count
        body = self.rfile.read(int(self.headers["content-length"]))
        with LOCK:
            n, count = count, count + 1
            with open(f"{DIR}/{n}.body", "wb") as f:
                f.write(body)
            with open(f"{DIR}/requests", "a") as f:
                f.write(json.dumps({
                    "n": n, "time": time.time(), "path": self.path,
                    "peer": self.client_address[1], "bytes": len(body),
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                }) + "\n")
        return PLAN[min(n, len(PLAN) - 1)]

    def answer(self, code, body=b"", ctype="application/x-protobuf", **extra):
        self.send_response(code)
        self.send_header("Content-Type", ctype)
        self.send_header("Content-Length", str(len(body)))
        for k, v in extra.items():
            self.send_header(k.replace("_", "-"), v)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        what, _, arg = self.note().partition(":")
        if what == "ok":
            self.answer(200)
        elif what == "retry":
            self.answer(429, Retry_After=arg)
        elif what == "date":
            self.answer(503, Retry_After=email.utils.formatdate(
                time.time() + float(arg), usegmt=True))
        elif what == "partial":
            self.answer(200, partial(int(arg)))
        elif what == "jpartial":
            self.answer(200, json.dumps({"partialSuccess": {
                "rejectedSpans": arg, "errorMessage": "no room for all"}}).encode(),
                "application/json")
        elif what == "slow":
            time.sleep(float(arg))
            self.answer(200)
        elif what == "close":
            self.close_connection = True
            self.connection.close()
        elif what == "huge":
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Connection", "close")
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536)
        else:
            self.answer(int(what), field(2, b"not today"))

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
if "MOCK_CERT" in os.environ:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.environ["MOCK_CERT"], os.environ["MOCK_KEY"])
    if "MOCK_CA" in os.environ:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(os.environ["MOCK_CA"])
    server.socket = tls.wrap_socket(server.socket, server_side=True,
                                    do_handshake_on_connect=False)
with open(f"{DIR}/port.new", "w") as out:
    out.write(str(server.server_port))
os.rename(f"{DIR}/port.new", f"{DIR}/port")
server.serve_forever()

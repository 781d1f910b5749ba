#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""grpc_mock.py DIR [PLAN..] - a server of OTLP/gRPC that answers as PLAN says, well or badly.

It listens on a free port of 127.0.0.1, which it writes to DIR/port. It writes the message of each
request to DIR/N.body, and a JSON line about it to DIR/requests. PLAN has one word per answer; the last
word is used for all later answers. Without a PLAN each answer is ok. Needs python3-h2.

  ok            status 0, empty message    status:N    status N, "not today"
  retry:N:S     status N, RetryInfo of S seconds       details:N  status N, details that are no message
  partial:N     status 0, N spans rejected slow:S      status 0 after S seconds
  http:N        HTTP status N and no status of gRPC    none       no trailers at all
  odd           status 0 after a prefix that is wrong  packed     status 0 after a compressed message
  long          a length of 4 GiB and endless bytes    early      status 8 before the body is read
  reset         the stream is reset        close       the connection ends, no answer
  drip          the body is taken one byte a second
With MOCK_CERT and MOCK_KEY it speaks TLS; with MOCK_CA it demands a client's certificate.
"""
import base64
import gzip
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.settings

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


def number(no, n):
    return varint(no << 3) + varint(n & (1 << 64) - 1)


def retry_info(status, seconds):
    whole = int(float(seconds))
    nanos = int((float(seconds) - whole) * 1e9)
    info = field(1, number(1, whole) + number(2, nanos))
    any_ = field(1, b"type.googleapis.com/google.rpc.RetryInfo") + field(2, info)
    other = field(1, b"type.googleapis.com/google.rpc.Help") + field(2, b"x")
    return number(1, status) + field(2, b"not today") + field(3, other) + field(3, any_)


def framed(message, flag=0):
    return struct.pack(">BI", flag, len(message)) + message


def note(headers, body, peer):
    """Keeps one request; returns its word of the plan."""
    global count
    with LOCK:
        n, count = count, count + 1
        flag, size = struct.unpack(">BI", body[:5]) if len(body) >= 5 else (0, 0)
        message = body[5:]
        assert len(message) == size, "the prefix of the request is wrong"
        with open(f"{DIR}/{n}.body", "wb") as f:
            f.write(gzip.decompress(message) if flag else message)
        with open(f"{DIR}/requests", "a") as f:
            f.write(json.dumps({"n": n, "time": time.time(), "peer": peer, "bytes": size,
                                "flag": flag, "path": headers.get(":path"),
                                "headers": headers}) + "\n")
    return PLAN[min(n, len(PLAN) - 1)]


class Call:
    """One connection; calls come one after the other."""

    def __init__(self, sock, peer):
        self.sock, self.peer = sock, peer
        self.word = PLAN[min(count, len(PLAN) - 1)]  # of the first call
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.initiate_connection()
        if self.word == "drip":
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1})
        self.flush()
        self.headers, self.body = {}, {}

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def status(self, sid, code, message="", details=None, first=False):
        head = [(":status", "200"), ("content-type", "application/grpc")] if first else []
        head += [("grpc-status", str(code))]
        head += [("grpc-message", message)] if message else []
        head += [("grpc-status-details-bin", details)] if details else []
        self.h2.send_headers(sid, head, end_stream=True)

    def reply(self, sid, data, code=0, **more):
        self.h2.send_headers(sid, [(":status", "200"), ("content-type", "application/grpc")])
        self.h2.send_data(sid, data)
        if code is not None:
            self.status(sid, code, **more)

    def endless(self, sid):
        self.reply(sid, struct.pack(">BI", 0, 0xffffffff), None)
        while True:
            while self.h2.local_flow_control_window(sid) < 16384:
                self.h2.receive_data(self.sock.recv(65536))
            self.h2.send_data(sid, b"x" * 16384)
            self.flush()

    def answer(self, sid, word):
        what, _, arg = word.partition(":")
        if what in ("ok", "slow", "drip"):
            time.sleep(float(arg or 0))
            self.reply(sid, framed(b""))
        elif what == "status":
            self.status(sid, int(arg), "not%20today%1b%0a", first=True)
        elif what == "retry":
            code, seconds = arg.split(":")
            text = base64.b64encode(retry_info(int(code), seconds)).decode().rstrip("=")
            self.status(sid, int(code), "not today", text, first=True)
        elif what == "details":
            self.status(sid, int(arg), "not today", "A" * 8000, first=True)
        elif what == "partial":
            message = field(1, number(1, int(arg)) + field(2, b"no room for all"))
            self.reply(sid, framed(message))
        elif what == "http":
            self.h2.send_headers(sid, [(":status", arg)], end_stream=True)
        elif what == "none":
            self.reply(sid, framed(b""), None)
            self.h2.end_stream(sid)
        elif what == "odd":
            self.reply(sid, b"\x07\xff\xff\xff\xff\x0a\x02\x08\x07")
        elif what == "packed":
            self.reply(sid, framed(gzip.compress(field(1, number(1, 9))), 1))
        elif what == "long":
            self.endless(sid)
        elif what == "reset":
            self.h2.reset_stream(sid)
        else:
            raise ConnectionError  # close

    def event(self, ev):
        if isinstance(ev, h2.events.RequestReceived):
            self.headers[ev.stream_id] = dict(ev.headers)
            self.body[ev.stream_id] = b""
            if self.word == "early":
                note(self.headers[ev.stream_id], b"", self.peer)
                self.status(ev.stream_id, 8, "not today", first=True)
                self.h2.reset_stream(ev.stream_id, 0)
                self.flush()
                while self.sock.recv(65536):
                    pass
                raise ConnectionError
        elif isinstance(ev, h2.events.DataReceived):
            self.body[ev.stream_id] += ev.data
            if self.word == "drip":
                time.sleep(1)
            self.h2.acknowledge_received_data(ev.flow_controlled_length, ev.stream_id)
        elif isinstance(ev, h2.events.StreamEnded) and self.word != "early":
            sid = ev.stream_id
            self.answer(sid, note(self.headers[sid], self.body[sid], self.peer))

    def run(self):
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    break
                for ev in self.h2.receive_data(data):
                    self.event(ev)
                self.flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        self.sock.close()


def serve(sock, peer, tls):
    try:
        if tls:
            sock = tls.wrap_socket(sock, server_side=True)
        Call(sock, peer).run()
    except OSError:
        sock.close()


def tls_context():
    if "MOCK_CERT" not in os.environ:
        return None
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.environ["MOCK_CERT"], os.environ["MOCK_KEY"])
    tls.set_alpn_protocols(["h2"])
    if "MOCK_CA" in os.environ:
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(os.environ["MOCK_CA"])
    return tls


listener = socket.create_server(("127.0.0.1", 0))
context = tls_context()
with open(f"{DIR}/port.new", "w") as out:
    out.write(str(listener.getsockname()[1]))
os.rename(f"{DIR}/port.new", f"{DIR}/port")
while True:
    conn, address = listener.accept()
    threading.Thread(target=serve, args=(conn, address[1], context), daemon=True).start()

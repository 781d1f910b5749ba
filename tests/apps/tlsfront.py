#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tlsfront.py PORT DIR BACK - an HTTPS server with threads that asks a plain HTTP server.

GET /r?id=N asks http://127.0.0.1:BACK/x?id=N and answers with its answer; /s?id=N asks an HTTPS
server there. The certificate is DIR/cert.pem, the key DIR/key.pem."""
import http.client
import http.server
import ssl
import sys

PORT, DIR, BACK = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
TRUST = ssl.create_default_context(cafile=DIR + "/cert.pem")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/s"):
            back = http.client.HTTPSConnection("localhost", BACK, timeout=30, context=TRUST)
        else:
            back = http.client.HTTPConnection("127.0.0.1", BACK, timeout=30)
        back.request("GET", "/x" + self.path[2:])
        text = back.getresponse().read()
        back.close()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


server = Server(("127.0.0.1", PORT), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(DIR + "/cert.pem", DIR + "/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

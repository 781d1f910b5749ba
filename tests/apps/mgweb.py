#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mgweb.py PORT URI - an HTTP server with threads, which keeps a document for each request, in the
collection that the path names, and finds it again."""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pymongo

db = pymongo.MongoClient(sys.argv[2], maxPoolSize=3).web


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        collection = db[self.path[1:]]
        number = collection.insert_one({"text": "secret"}).inserted_id
        assert collection.find_one({"_id": number})["text"] == "secret"
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

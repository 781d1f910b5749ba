#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A gRPC server: grpcd.py PORT [BACK_PORT]. Messages are bytes, so no .proto is needed.

/test.Shop/Buy       answers; "none": NOT_FOUND; "broken": INTERNAL; "raise": an exception
/test.Shop/List      streams three messages, one each 100 ms, then OK; "cut": DATA_LOSS behind them
/test.Shop/Add       takes a stream
/test.Shop/Chat      answers each message of a stream
/test.Shop/Wait      answers after a second
/test.Shop/Ask       asks BACK_PORT /test.Shop/Buy the same
/test.Shop/Ask0 ..   the same of /test.Shop/Buy0 ..
"""
import sys
import time
from concurrent import futures

import grpc

back = None


def buy(request, context):
    if request == b"none":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
    if request == b"broken":
        context.abort(grpc.StatusCode.INTERNAL, "broken")
    if request == b"raise":
        raise RuntimeError("raised")
    return b"bought " + request


def list_all(request, context):
    for i in range(3):
        time.sleep(0.1)
        yield b"thing %d" % i
    if request == b"cut":
        context.abort(grpc.StatusCode.DATA_LOSS, "cut")


def add(requests, context):
    return b"%d" % sum(1 for _ in requests)


def chat(requests, context):
    for request in requests:
        yield b"you said " + request


def wait(request, context):
    time.sleep(1)
    return b"waited"


def asks(name):
    def ask(request, context):
        if request.startswith(b"slow"):
            time.sleep(0.05)
        return back.unary_unary(f"/test.Shop/{name}")(request)
    return ask


unary = grpc.unary_unary_rpc_method_handler
handlers = {
    "Buy": unary(buy),
    "List": grpc.unary_stream_rpc_method_handler(list_all),
    "Add": grpc.stream_unary_rpc_method_handler(add),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Wait": unary(wait),
    "Ask": unary(asks("Buy")),
}
for i in range(20):
    handlers[f"Ask{i}"] = unary(asks(f"Buy{i}"))
    handlers[f"Buy{i}"] = unary(buy)

server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers(
    (grpc.method_handlers_generic_handler("test.Shop", handlers),))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
if len(sys.argv) > 2:
    back = grpc.insecure_channel(f"127.0.0.1:{sys.argv[2]}")
server.start()
server.wait_for_termination()

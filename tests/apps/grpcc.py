#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A gRPC client of grpcd.py: grpcc.py PORT CALL.. prints a line for each call, its method and status.

CALL: METHOD[=MESSAGE], as Buy=ink; "Gone" is a method that the server does not have; "Wait=0.2" has
that deadline; "Cancel" cancels a Wait. "Asks=N" makes N calls at once, of Ask0, Ask1 .., one of two slow.
"""
import sys
import time

import grpc

channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")


def code(call):
    try:
        result = call()
        if hasattr(result, "__iter__") and not isinstance(result, bytes):
            for _ in result:
                pass
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


def cancel():
    future = channel.unary_unary("/test.Shop/Wait").future(b"")
    time.sleep(0.2)
    future.cancel()
    try:
        return future.code().name
    except grpc.FutureCancelledError:
        return "CANCELLED"


def asks(count):
    futures = [channel.unary_unary(f"/test.Shop/Ask{i}").future(b"slow" if i % 2 else b"")
               for i in range(count)]
    return str(sum(f.code() == grpc.StatusCode.OK for f in futures))


def run(name, text):
    path = f"/test.Shop/{name}"
    body = text.encode()
    if name == "List":
        return code(lambda: channel.unary_stream(path)(body))
    if name == "Add":
        return code(lambda: channel.stream_unary(path)(iter([body] * 3)))
    if name == "Chat":
        return code(lambda: channel.stream_stream(path)(iter([body] * 3)))
    if name == "Wait":
        return code(lambda: channel.unary_unary(path)(b"", timeout=float(text or 9)))
    if name == "Cancel":
        return cancel()
    if name == "Asks":
        return asks(int(text))
    return code(lambda: channel.unary_unary(path)(body))


for word in sys.argv[2:]:
    name, _, text = word.partition("=")
    print(name, run(name, text), flush=True)

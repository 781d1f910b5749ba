#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""broker.py nats|mqtt|mqtt5 PORT - asks an HTTP server, which publishes an order with the traceparent
that came with the request; another process subscribes to it. Prints ok."""
import os
import socket
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

kind, port = sys.argv[1], int(sys.argv[2])


class Nats:
    def __init__(self):
        self.s = socket.create_connection(("127.0.0.1", port))
        self.f = self.s.makefile("rb")
        assert self.f.readline().startswith(b"INFO {")
        self.s.sendall(b'CONNECT {"verbose":false,"headers":true}\r\n')
        self.flush()

    def flush(self):
        self.s.sendall(b"PING\r\n")
        assert self.f.readline() == b"PONG\r\n"

    def publish(self, context):
        head = f"NATS/1.0\r\ntraceparent: {context}\r\n\r\n".encode()
        self.s.sendall(b"HPUB order %d %d\r\n%ssecret\r\n" % (len(head), len(head) + 6, head))
        self.flush()

    def subscribe(self):
        self.s.sendall(b"SUB order 1\r\n")
        self.flush()

    def receive(self):
        total = int(self.f.readline().split()[-1])
        return self.f.read(total + 2).endswith(b"secret\r\n")


class Mqtt:
    def __init__(self):
        import paho.mqtt.client as paho
        self.got = threading.Event()
        self.ready = threading.Event()
        self.c = paho.Client(protocol=paho.MQTTv5 if kind == "mqtt5" else paho.MQTTv311)
        self.c.on_message = lambda *_: self.got.set()
        self.c.on_connect = lambda *_: self.ready.set()
        self.c.on_subscribe = lambda *_: self.ready.set()
        self.c.connect("127.0.0.1", port)
        self.c.loop_start()
        assert self.ready.wait(20)

    def publish(self, context):
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties
        props = Properties(PacketTypes.PUBLISH)
        props.UserProperty = ("traceparent", context)
        self.c.publish("order", "secret", qos=1, properties=props).wait_for_publish()

    def subscribe(self):
        self.ready.clear()
        self.c.subscribe("order", 1)
        assert self.ready.wait(20)

    def receive(self):
        ok = self.got.wait(20)
        self.c.disconnect()
        self.c.loop_stop()
        return ok


Broker = Nats if kind == "nats" else Mqtt


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        broker.publish(self.headers["traceparent"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def subscriber(ready):
    broker = Broker()
    broker.subscribe()
    os.write(ready, b"x")
    os._exit(0 if broker.receive() else 1)


read, write = os.pipe()
child = os.fork()
if not child:
    subscriber(write)
assert os.read(read, 1) == b"x"
broker = Broker()
shop = HTTPServer(("127.0.0.1", 0), Shop)
threading.Thread(target=shop.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{shop.server_port}/order"
request = urllib.request.Request(url, headers={"traceparent": sys.argv[3]} if len(sys.argv) > 3 else {})
assert urllib.request.urlopen(request).status == 204
assert os.waitpid(child, 0)[1] == 0
print("ok")

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mqttq.py PORT WHAT [FILE] - a client of MQTT by paho; prints ok. WHAT: v3, v5 (each QoS, a subscriber of
its own), alias, login, bulk, large, open (waits for FILE before it begins), denied."""
import os
import socket
import sys
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

port, what = int(sys.argv[1]), sys.argv[2]
CONTEXT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Client:
    def __init__(self, version=paho.MQTTv311, login=None):
        self.n, self.more, self.ready = 0, threading.Condition(), threading.Event()
        self.c = paho.Client(client_id=f"otrace-{os.getpid()}", protocol=version)
        self.c.max_inflight_messages_set(1000)
        self.c.on_message = self.on_message
        self.c.on_connect = lambda *_: self.ready.set()
        self.c.on_subscribe = lambda *_: self.ready.set()
        if login:
            self.c.username_pw_set("joe", login)
        self.c.connect("127.0.0.1", port)
        self.c.loop_start()
        self.wait()

    def wait(self):
        assert self.ready.wait(30)
        self.ready.clear()

    def on_message(self, *_):
        with self.more:
            self.n += 1
            self.more.notify()

    def subscribe(self, topic, qos):
        self.c.subscribe(topic, qos)
        self.wait()

    def got(self, n):
        with self.more:
            assert self.more.wait_for(lambda: self.n >= n, 30)

    def end(self):
        self.c.disconnect()
        self.c.loop_stop()


def user(*pairs):
    props = Properties(PacketTypes.PUBLISH)
    for name, value in pairs:
        props.UserProperty = (name, value)
    return props


def each_qos(c, props=None):
    c.subscribe("shop/#", 2)
    for qos in 0, 1, 2:
        c.c.publish("shop/order", "secret", qos=qos, properties=props).wait_for_publish()
    c.got(3)
    time.sleep(0.2)  # the acknowledgement of the last one follows its callback


def packet(kind, body):
    assert len(body) < 128
    return bytes([kind, len(body)]) + body


def alias():
    """By hand: paho sends no topic that is empty."""
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(packet(0x10, b"\0\4MQTT\5\2\0\x3c\3\x22\0\5\0\0"))
    assert s.recv(100)[0] == 0x20
    s.sendall(packet(0x82, b"\0\1\0\0\6shop/+\0"))
    assert s.recv(100)[0] == 0x90
    for topic in b"shop/order", b"", b"":
        s.sendall(packet(0x30, bytes([0, len(topic)]) + topic + b"\3\x23\0\3secret"))
    got = b""
    while got.count(b"secret") < 3:
        got += s.recv(1000)
    s.sendall(b"\xe0\0")
    s.close()
    print("ok")


def bulk(c):
    c.subscribe("bulk", 1)
    last = None
    for i in range(1000):
        last = c.c.publish("bulk", "secret", qos=i % 2)
    last.wait_for_publish()
    c.got(1000)
    time.sleep(0.3)


def large(c):
    c.subscribe("large", 1)
    for n in (100000, 10, 300000):
        c.c.publish("large", b"\x30\x0a\x00\x04fake" * (n // 8), qos=1).wait_for_publish()
    c.got(3)
    time.sleep(0.2)


def main():
    if what == "alias":
        return alias()
    v5 = what in ("v5", "denied")
    c = Client(paho.MQTTv5 if v5 else paho.MQTTv311, "secret" if what == "login" else None)
    if what in ("v3", "login"):
        each_qos(c)
    elif what == "v5":
        each_qos(c, user(("key", "secret"), ("traceparent", CONTEXT), ("tracestate", "a=b")))
    elif what == "bulk":
        bulk(c)
    elif what == "large":
        large(c)
    elif what == "denied":
        for topic in "shop/order", "forbidden":
            c.c.publish(topic, "secret", qos=1)
        time.sleep(0.5)
    elif what == "open":
        c.subscribe("before", 1)
        print("ready", flush=True)
        while not os.path.exists(sys.argv[3]):
            time.sleep(0.02)
        c.c.publish("before", "secret", qos=1).wait_for_publish()
        c.got(1)
        c.n = 0
        each_qos(c)
    c.end()
    print("ok")


main()

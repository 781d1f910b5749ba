#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rabbit.py PORT WHAT [ARG..] - a client of RabbitMQ by pika: WHAT is a function below. Prints ok."""
import os
import sys
import time

import pika

port, what = int(sys.argv[1]), sys.argv[2]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def connect():
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))


def channel_of(conn, queue="jobs"):
    ch = conn.channel()
    ch.queue_declare(queue)
    ch.queue_purge(queue)
    return ch


def with_context(**more):
    return pika.BasicProperties(headers={"secret": "secret", "traceparent": TRACEPARENT}, **more)


def simple():
    """Three messages: two that are plain, one with a context; fetched one by one."""
    conn = connect()
    ch = channel_of(conn)
    ch.exchange_declare("shop", "topic")
    ch.queue_bind("jobs", "shop", "order.#")
    ch.basic_publish("", "jobs", b"secret 1")
    ch.basic_publish("shop", "order.new", b"secret 22", pika.BasicProperties(message_id="m2", correlation_id="c2"))
    ch.basic_publish("shop", "order.old", b"", with_context(message_id="m3"))
    for size in (8, 9, 0):
        method, _, body = ch.basic_get("jobs")
        assert len(body) == size
        ch.basic_ack(method.delivery_tag)
    assert ch.basic_get("jobs")[0] is None
    conn.close()


def confirmed():
    """Each publish waits for its confirmation; one reaches no queue, one no exchange."""
    conn = connect()
    ch = channel_of(conn)
    ch.confirm_delivery()
    for i in range(5):
        ch.basic_publish("", "jobs", b"secret")
    try:
        ch.basic_publish("", "nobody", b"secret", mandatory=True)
        raise SystemExit("it was routed")
    except pika.exceptions.UnroutableError:
        pass
    ch.basic_publish("", "jobs", b"secret")
    try:
        ch.basic_publish("no such exchange", "jobs", b"secret")
        raise SystemExit("it was taken")
    except pika.exceptions.ChannelClosedByBroker as err:
        assert err.reply_code == 404
    conn.close()


def consume():
    """A consumer that settles in each way, and one that does not."""
    conn = connect()
    ch = channel_of(conn)
    for i in range(6):
        ch.basic_publish("", "jobs", b"secret", with_context(message_id=f"m{i}"))
    n = 0
    for method, _, _ in ch.consume("jobs", inactivity_timeout=30):
        n += 1
        if n == 1:
            time.sleep(0.05)
            ch.basic_ack(method.delivery_tag)
        elif n == 2:
            ch.basic_nack(method.delivery_tag, requeue=False)
        elif n == 3:
            ch.basic_reject(method.delivery_tag, requeue=False)
        elif n == 6:
            ch.basic_ack(method.delivery_tag, multiple=True)
            break
    ch.cancel()
    ch.basic_publish("", "jobs", b"secret")
    for method, _, _ in ch.consume("jobs", auto_ack=True, inactivity_timeout=30):
        break
    ch.cancel()
    conn.close()


def bulk():
    """500 messages through a queue, with a body of each size; each waits for the one before."""
    conn = connect()
    ch = channel_of(conn)
    ch.confirm_delivery()
    ch.basic_qos(prefetch_count=5)
    for i in range(500):
        ch.basic_publish("", "jobs", b"secret" * (i * 7), with_context(message_id=f"m{i}"))
    n = 0
    for method, props, body in ch.consume("jobs", inactivity_timeout=30):
        assert len(body) == 42 * n and props.message_id == f"m{n}"
        ch.basic_ack(method.delivery_tag)
        n += 1
        if n == 500:
            break
    conn.close()


def large():
    """Bodies of many frames; what is behind them is found."""
    conn = connect()
    ch = channel_of(conn)
    fake = b"\x01\x00\x01\x00\x00\x00\x0d\x00\x3c\x00\x50\x00\x00\x00\x00\x00\x00\x00\x01\x00\xce"
    for size in (10, 131064, 131065, 1000000, 20):
        ch.basic_publish("", "jobs", fake * (size // len(fake)) + b"x" * (size % len(fake)))
    for size in (10, 131064, 131065, 1000000, 20):
        method, _, body = ch.basic_get("jobs")
        assert len(body) == size
        ch.basic_ack(method.delivery_tag)
    conn.close()


def channels():
    """Two channels on one connection, in turns."""
    conn = connect()
    chans = [channel_of(conn, f"q{i}") for i in range(2)]
    for ch in chans:
        ch.confirm_delivery()
    for i in range(10):
        chans[i % 2].basic_publish("", f"q{i % 2}", b"secret", with_context(message_id=f"m{i}"))
    for i in range(10):
        method, props, _ = chans[i % 2].basic_get(f"q{i % 2}", auto_ack=True)
        assert props.message_id == f"m{i}"
    conn.close()


def pooled():
    """Works on a connection that is open before it is traced."""
    conn = connect()
    ch = channel_of(conn)
    ch.basic_publish("", "jobs", b"secret")
    assert ch.basic_get("jobs", auto_ack=True)[0]
    print("ready", flush=True)
    while not os.path.exists(sys.argv[3]):
        conn.sleep(0.02)
    for i in range(20):
        ch.basic_publish("", "jobs", b"secret", with_context(message_id=f"m{i}"))
        assert ch.basic_get("jobs", auto_ack=True)[0]
    conn.close()


def worker():
    """Takes N messages of a queue; prints "ready" when it listens."""
    conn = connect()
    ch = channel_of(conn)
    ch.basic_qos(prefetch_count=1)
    left = [int(sys.argv[3])]

    def on_message(ch, method, _props, _body):
        time.sleep(0.02)
        ch.basic_ack(method.delivery_tag)
        left[0] -= 1
        if not left[0]:
            ch.stop_consuming()

    ch.basic_consume("jobs", on_message)
    print("ready", flush=True)
    ch.start_consuming()
    conn.close()


def web():
    """An HTTP server at port ARG that passes the context of a request on with a message."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    conn = connect()
    ch = conn.channel()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            ch.basic_publish("", "jobs", b"secret", pika.BasicProperties(
                headers={"traceparent": self.headers["traceparent"]}))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args):
            pass

    print("ready", flush=True)
    HTTPServer(("127.0.0.1", int(sys.argv[3])), Handler).serve_forever()


globals()[what]()
print("ok")

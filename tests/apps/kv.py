#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kv.py PORT WHAT [FILE] - traffic with Redis by redis-py. Fails if an answer is not right."""
import os
import sys
import time

import redis

port, what = int(sys.argv[1]), sys.argv[2]


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.02)


def simple(r):
    assert r.set("user:17", "secret-value")
    assert r.get("user:17") == b"secret-value"
    assert r.get("nothing") is None
    assert r.hset("cart:4", mapping={"ink": "secret-3", "pen": "secret-4"}) == 2
    assert r.hgetall("cart:4") == {b"ink": b"secret-3", b"pen": b"secret-4"}
    assert r.rpush("list", *["secret-x"] * 3) == 3
    assert r.lrange("list", 0, -1) == [b"secret-x"] * 3
    try:
        r.lpush("user:17", "secret-y")
        sys.exit("no error")
    except redis.ResponseError:
        pass
    assert r.blpop("empty", timeout=0.05) is None
    assert r.eval("return ARGV[1]", 1, "key:1", "secret-z") == b"secret-z"


def pipelines(r):
    pipe = r.pipeline(transaction=True)
    pipe.set("a", 1).incr("a").get("a")
    assert pipe.execute() == [True, 2, b"2"]
    pipe = r.pipeline(transaction=False)
    for i in range(500):
        pipe.set(f"p:{i}", f"value-{i}").get(f"p:{i}")
    got = pipe.execute()
    assert got[1::2] == [f"value-{i}".encode() for i in range(500)]
    pipe = r.pipeline(transaction=False)  # the third of five fails
    pipe.get("a").get("p:1").lpush("a", 1).get("p:2").get("p:3")
    got = pipe.execute(raise_on_error=False)
    assert got[1] == b"value-1" and got[3:] == [b"value-2", b"value-3"]
    assert isinstance(got[2], redis.ResponseError)


def large(r):
    """Answers that are not copied whole, with small ones behind them on the same connection."""
    r.set("big", b"x" * 300000)
    for _ in range(4):
        r.rpush("long", *range(2000))
        time.sleep(0.05)
    assert len(r.get("big")) == 300000
    assert r.incr("n") == 1
    assert len(r.lrange("long", 0, -1)) == 8000
    assert r.incr("n") == 2
    pipe = r.pipeline(transaction=False)
    pipe.lrange("long", 0, -1).incr("n").lpush("n", 1)
    assert [type(x) for x in pipe.execute(raise_on_error=False)][:2] == [list, int]
    try:
        r.lpush("n", 1)
    except redis.ResponseError:
        pass
    assert r.get("n") == b"3"


def pubsub(r):
    p = r.pubsub()
    p.subscribe("news", "sport")
    assert [p.get_message(timeout=5)["type"] for _ in range(2)] == ["subscribe"] * 2
    r.publish("news", "secret-message")
    assert p.get_message(timeout=5)["data"] == b"secret-message"
    p.ping()
    assert p.get_message(timeout=5)["type"] == "pong"
    p.unsubscribe()
    assert [p.get_message(timeout=5)["type"] for _ in range(2)] == ["unsubscribe"] * 2


def pooled(r):
    """Opened before the attach, in database 3."""
    r.set("before", 1)
    print("ready", flush=True)
    wait_for(sys.argv[3])
    for i in range(20):
        assert r.set(f"after:{i}", i)
        assert int(r.get(f"after:{i}")) == i
    try:
        r.lpush("before", 1)
    except redis.ResponseError:
        pass


def auth(r):
    r.execute_command("CONFIG", "SET", "requirepass", "SECRETpw")
    s = redis.Redis(port=port, password="SECRETpw")
    assert s.set("a", 1)
    s.execute_command("HELLO", "2", "AUTH", "default", "SECRETpw")
    s.execute_command("CONFIG", "SET", "requirepass", "")


db = {"pooled": 3, "simple": 2}.get(what, 0)
globals()[what](redis.Redis(port=port, db=db))
print("ok")

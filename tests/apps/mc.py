#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mc.py PORT WHAT [FILE] - a client of Memcached: WHAT by pymemcache (simple, bulk, pooled) or
python-memcache (other), or by hand (hand, meta, large). Prints ok."""
import os
import socket
import sys
import time

port, what = int(sys.argv[1]), sys.argv[2]


def pymem():
    from pymemcache.client.base import Client
    return Client(("127.0.0.1", port), no_delay=True)


def simple():
    c = pymem()
    assert c.set("user:17", b"secret", noreply=False)
    assert c.get("user:17") == b"secret"
    assert c.get("nothing") is None
    assert not c.add("user:17", b"secret", noreply=False)
    assert c.gets("user:17")[0] == b"secret"
    assert c.set("n", b"5", noreply=False)
    assert c.incr("n", 2) == 7
    assert c.decr("nothing", 1) is None
    assert c.append("user:17", b"secret", noreply=False)
    assert c.get_many(["user:17", "n", "nothing"]) == {"user:17": b"secretsecret", "n": b"7"}
    assert c.get("jwt:eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U") is None
    assert c.touch("n", 100, noreply=False)
    assert c.delete("n", noreply=False)
    assert not c.delete("n", noreply=False)
    c.set("quietly", b"secret", noreply=True)
    assert c.get("quietly") == b"secret"
    assert c.version()
    assert c.stats()
    try:
        c.incr("user:17", 1)
    except Exception as err:
        assert "non-numeric" in str(err)
    assert c.flush_all(noreply=False)
    c.quit()


def bulk():
    c = pymem()
    for i in range(500):
        assert c.set(f"k{i}", b"secret" * i, noreply=False)
    for i in range(500):
        assert len(c.get(f"k{i}")) == 6 * i


def large():
    c = pymem()
    big = os.urandom(700000).replace(b"\n", b"x") + b"\r\nEND\r\nSTORED\r\nget secret\r\n" + b"y" * 200000
    for _ in range(3):
        assert c.set("big", big, noreply=False)
        assert c.get("big") == big
        assert c.get("small") is None
    keys = [f"key:{i:04}:" + "x" * 100 for i in range(300)]
    assert c.get_many(keys) == {}
    assert c.set("small", b"1", noreply=False)
    assert c.delete("small", noreply=False)


def other():
    import memcache
    c = memcache.Client([f"127.0.0.1:{port}"])
    assert c.set("a", "secret") and c.get("a") == "secret"
    assert c.set_multi({"b": "secret", "c": "secret"}) == []
    assert c.get_multi(["a", "b", "c"]) == {"a": "secret", "b": "secret", "c": "secret"}
    assert c.incr("none") is None
    assert c.delete("a") == 1


class Hand:
    def __init__(self):
        self.s = socket.create_connection(("127.0.0.1", port))
        self.f = self.s.makefile("rb")

    def ask(self, text, *answers):
        self.s.sendall(text.encode().replace(b"\n", b"\r\n"))
        for want in answers:
            got = self.f.readline().strip().decode()
            assert got.startswith(want), (text, got)


def hand():
    h = Hand()
    h.ask("set a 0 0 6\nsecret\nget a\nget b\nset a 0 0 1\nx\nincr a 1\ndelete b\n",
          "STORED", "VALUE a", "secret", "END", "END", "STORED", "CLIENT_ERROR", "NOT_FOUND")
    h.ask("no such command secret\n", "ERROR")
    h.ask("get a\n", "VALUE a", "x", "END")


def meta():
    h = Hand()
    h.ask("ms a 6 T0\nsecret\n", "HD")
    h.ask("mg a v t\n", "VA 6", "secret")
    h.ask("mg b v\n", "EN")
    h.ask("ma n\n", "NF")
    h.ask("md a\n", "HD")
    h.ask("mg a v q\nmg b v q\nmn\n", "MN")
    h.ask("mg a v\n", "EN")


def pooled():
    c = pymem()
    c.set("before", b"1", noreply=False)
    print("ready", flush=True)
    while not os.path.exists(sys.argv[3]):
        time.sleep(0.01)
    for i in range(20):
        assert c.set(f"after{i}", b"%d" % i, noreply=False)
        assert c.get(f"after{i}") == b"%d" % i


globals()[what]()
print("ok")

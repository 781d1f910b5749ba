#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""judge.py RAW.wire RAW.out SHIM.wire SHIM.out - did the server get the same bytes?

Prints the connections whose bytes differ by more than a header behind the request line of a
request that may have one, and how many headers there were. Exits 1 if the bytes of one differ, if the
calls of the client returned other values, or if there was no header at all."""
import re
import sys

HEADER = re.compile(rb"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\r\n")


def wires(path):
    found, data, at = {}, open(path, "rb").read(), 0
    while at < len(data):
        end = data.index(b"\n", at)
        number, length = map(int, data[at:end].split())
        found[number] = data[end + 1:end + 1 + length]
        at = end + length + 2
    return found


def marks(path):
    found = {}
    for line in open(path):
        if line.startswith("conn "):
            number, places = line[5:].split(":")
            found[int(number)] = [int(p) for p in places.split()]
    return found


def without(raw, shim, places):
    """Returns the number of headers in `shim` at allowed places; None: other bytes differ."""
    at, headers = 0, 0
    for place in [*places, len(raw)]:
        part = raw[at:place]
        if shim[:len(part)] != part:
            return None
        shim, at = shim[len(part):], place
        got = HEADER.match(shim) if place in places else None
        if got:
            shim, headers = shim[got.end():], headers + 1
    return None if shim else headers


raw, shim = wires(sys.argv[1]), wires(sys.argv[3])
places = marks(sys.argv[2])
bad, headers = 0, 0
if raw.keys() != shim.keys() or raw.keys() != places.keys():
    print("connections:", len(raw), len(shim), len(places))
    bad += 1
for number in sorted(raw.keys() & shim.keys() & places.keys()):
    n = without(raw[number], shim[number], places[number])
    if n is None:
        bad += 1
        print(f"connection {number}:\n  raw  {raw[number]!r}\n  shim {shim[number]!r}"[:4000])
    else:
        headers += n
if open(sys.argv[2]).read() != open(sys.argv[4]).read():
    bad += 1
    print("the calls of the client returned something else")
print(f"connections {len(raw)}, headers {headers}, differences {bad}")
sys.exit(bad > 0 or not headers)

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""recap.py CHANGE FROM TO - writes a capture (pcap, Ethernet) again, as another machine might have
taken it.

twice: each packet comes two times. late: each second packet with payload comes after its successor.
lose=N: the N-th packet with payload is missing. vlan: behind two VLAN tags. raw: without a link
layer. snap=N: N bytes of each packet. joined: without the handshakes. split: payloads in two packets.
huge=N: each is said to have N bytes, and the length of IP is left open. link=N: said to be of link
type N. back: the clock goes back 1 ms at each second packet."""
import struct
import sys


def read(path):
    data = open(path, "rb").read()
    assert struct.unpack_from("<I", data)[0] in (0xa1b2c3d4, 0xa1b23c4d)
    at, packets = 24, []
    while at < len(data):
        s, frac, cap, length = struct.unpack_from("<IIII", data, at)
        packets.append([s, frac, length, data[at + 16:at + 16 + cap]])
        at += 16 + cap
    return data[:24], packets


def write(path, head, packets):
    with open(path, "wb") as out:
        out.write(head)
        for s, frac, length, data in packets:
            out.write(struct.pack("<IIII", s, frac, len(data), length) + data)


def tcp_at(data):
    return 14 + (data[14] & 15) * 4


def payload_at(data):
    at = tcp_at(data)
    return at + (data[at + 12] >> 4) * 4


def has_payload(packet):
    return len(packet[3]) > payload_at(packet[3])


def late(packets):
    out, i = [], 0
    while i < len(packets):
        # Its successor of the same direction, sent before anybody answers.
        if (has_payload(packets[i]) and i + 1 < len(packets) and has_payload(packets[i + 1])
                and packets[i][3][26:38] == packets[i + 1][3][26:38]):
            out += [packets[i + 1], packets[i]]
            i += 2
            continue
        out.append(packets[i])
        i += 1
    return out


def split(packet):
    s, frac, length, data = packet
    at, tcp = payload_at(data), tcp_at(data)
    half = at + (len(data) - at) // 2
    seq = struct.unpack_from(">I", data, tcp + 4)[0]

    def part(upto, seq, body):
        head = bytearray(data[:at])
        struct.pack_into(">H", head, 16, at - 14 + len(body))
        struct.pack_into(">I", head, tcp + 4, seq & 0xffffffff)
        if upto:
            head[tcp + 13] &= ~1
        return [s, frac, at + len(body), bytes(head) + body]

    return [part(True, seq, data[at:half]), part(False, seq + half - at, data[half:])]


def change(what, head, packets):
    what, _, n = what.partition("=")
    if what == "twice":
        packets = [p for p in packets for _ in (1, 2)]
    elif what == "late":
        packets = late([q for p in packets for q in (split(p) if has_payload(p) else [p])])
    elif what == "split":
        packets = [q for p in packets for q in (split(p) if has_payload(p) else [p])]
    elif what == "lose":
        del packets[[i for i, p in enumerate(packets) if has_payload(p)][int(n)]]
    elif what == "vlan":
        tags = bytes.fromhex("88a8000a8100000b")
        packets = [[s, f, length + 8, d[:12] + tags + d[12:]] for s, f, length, d in packets]
    elif what == "raw":
        head = head[:20] + struct.pack("<I", 101)
        packets = [[s, f, length - 14, d[14:]] for s, f, length, d in packets]
    elif what == "snap":
        packets = [[s, f, length, d[:int(n)]] for s, f, length, d in packets]
    elif what == "huge":
        packets = [[s, f, int(n), d[:16] + b"\0\0" + d[18:]] for s, f, _, d in packets]
    elif what == "joined":
        packets = [p for p in packets if not p[3][tcp_at(p[3]) + 13] & 2]
    elif what == "back":
        packets = [[s, max(f - 1000 * (i % 2), 0), length, d] for i, (s, f, length, d) in enumerate(packets)]
    elif what == "link":
        head = head[:20] + struct.pack("<I", int(n))
    else:
        sys.exit(f"recap.py: no change {what}")
    return head, packets


def main():
    write(sys.argv[3], *change(sys.argv[1], *read(sys.argv[2])))


main()

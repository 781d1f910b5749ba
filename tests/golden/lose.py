# SPDX-License-Identifier: Apache-2.0
"""lose.py RECORDING N - writes it to stdout without its Nth record of data, and with the
loss told in that place: what is left when a ring was full for a moment."""
import struct
import sys

HEAD = "<HHIQIIQQ"  # struct otr_event (bpf/event.h)
DATA, LOST, RING, AGENT = 3, 10, 1, 5

data, nth = open(sys.argv[1], "rb").read(), int(sys.argv[2])
out, at, seen = [data[:16]], 16, 0
while at < len(data):
    kind, _, size, time_ns, *_ = struct.unpack_from(HEAD, data, at)
    record = data[at:at + (size + 7 & ~7)]
    seen += kind == DATA
    if kind == DATA and seen == nth:
        record = struct.pack(HEAD + "QII", LOST, AGENT, 56, time_ns, 0, 0, 0, 0, 1, RING, 0)
    out.append(record)
    at += size + 7 & ~7
sys.stdout.buffer.write(b"".join(out))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a fuzzer's seeds of golden conversations: seed.py OUT_DIR FILE.conv ..."""
import pathlib
import re
import sys

ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)")


def unescape(match):
    word = match.group(1)
    if word[:1] == b"x" and len(word) == 3:
        return bytes([int(word[1:], 16)])
    return {b"r": b"\r", b"n": b"\n"}.get(word, word)


out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
for name in map(pathlib.Path, sys.argv[2:]):
    seed = b""
    for line in name.read_bytes().splitlines():
        if line[:2] in (b"> ", b"< "):
            data = ESCAPE.sub(unescape, line[2:])[:0xffff]
            seed += bytes([line[:1] == b">"]) + len(data).to_bytes(2, "little") + data
    if len(seed) <= 8192:
        (out / name.stem).write_bytes(seed)

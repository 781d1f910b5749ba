# SPDX-License-Identifier: Apache-2.0
"""symbolic.py FROM TO - copies a library as if it were linked with -Bsymbolic: its calls of its
own functions do not leave it."""
import struct
import sys

DYNAMIC, FLAGS, DF_SYMBOLIC = 2, 30, 2
data = bytearray(open(sys.argv[1], "rb").read())
headers, = struct.unpack_from("<Q", data, 32)
size, count = struct.unpack_from("<HH", data, 54)
done = False
for i in range(count):
    kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", data, headers + i * size)
    for entry in range(at, at + length, 16) if kind == DYNAMIC else ():
        tag, value = struct.unpack_from("<QQ", data, entry)
        if tag == FLAGS:
            struct.pack_into("<Q", data, entry + 8, value | DF_SYMBOLIC)
            done = True
open(sys.argv[2], "wb").write(data)
raise SystemExit(not done)

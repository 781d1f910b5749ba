#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""textsame.py PID NAME - is the code of the library NAME in the memory of PID what its file has?
Prints how many bytes differ (a probe is one byte)."""
import sys

pid, name = sys.argv[1:]
differ = 0
with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
    lines = [line.split() for line in maps if "r-xp" in line and name in line]
for line in lines:
    begin, end = (int(n, 16) for n in line[0].split("-"))
    with open(f"/proc/{pid}/mem", "rb") as mem, open(line[5], "rb") as file:
        mem.seek(begin)
        file.seek(int(line[2], 16))
        was = mem.read(end - begin)
        differ += sum(a != b for a, b in zip(was, file.read(end - begin)))
print(differ if lines else "not loaded")

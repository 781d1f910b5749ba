#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""unit_filter.py UNIT COUNTS - prints the system calls that a program made, by `strace -f -c -o COUNTS`,
and that SystemCallFilter= of the systemd unit denies."""
import re
import subprocess
import sys


def expand(words):
    """Names of calls; a @group is what systemd-analyze says."""
    calls = set()
    for word in words:
        if not word.startswith("@"):
            calls.add(word)
            continue
        text = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True,
                              text=True, check=True).stdout
        lines = [line.strip() for line in text.splitlines()[1:]]
        calls |= expand([line for line in lines if line and not line.startswith("#")])
    return calls


def main():
    allowed = expand(["@default"])
    for line in open(sys.argv[1], encoding="utf-8"):
        if not line.startswith("SystemCallFilter="):
            continue
        words = line.split("=", 1)[1].strip()
        if words.startswith("~"):
            allowed -= expand(words[1:].split())
        else:
            allowed |= expand(words.split())
    made = {line.split()[-1] for line in open(sys.argv[2], encoding="utf-8")
            if re.match(r"\s*[\d.]+\s", line)} - {"total"}
    assert len(made) > 30, made
    print(" ".join(sorted(made - allowed)))


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a function, a file or the median of all functions is longer than its budget.

Needs universal-ctags.
"""
import json
import statistics
import subprocess
import sys

MAX_FUNC, MAX_C, MAX_H = 60, 500, 320  # lines
MAX_MEDIAN = 12  # lines of a function, outside tests
MAX_TEST = 500  # tests, and their headers
MAX_BPF_H = 400  # headers in bpf/ hold the code that programs share


def functions(paths):
    """Yields (lines, path, line, name) of each function."""
    out = subprocess.run(
        ["ctags", "-L-", "--output-format=json", "--fields=+ne", "--kinds-C=f",
         "--languages=C", "--langmap=C:.c.h", "-I", "SEC,__always_inline+", "-f-"],
        input="\n".join(paths), capture_output=True, text=True, check=True).stdout
    for tag in map(json.loads, out.splitlines()):
        if "end" in tag:
            yield tag["end"] - tag["line"] + 1, tag["path"], tag["line"], tag["name"]


def files(paths):
    for path in paths:
        with open(path, encoding="utf-8") as f:
            yield sum(1 for _ in f), path


def budget(path):
    if path.startswith("tests/"):
        return MAX_TEST
    if not path.endswith(".h"):
        return MAX_C
    return MAX_BPF_H if path.startswith("bpf/") else MAX_H


paths = sys.argv[1:]
funcs = sorted(functions(paths), reverse=True)
bad = [f"{n:5} {path}:{line} {name}()" for n, path, line, name in funcs if n > MAX_FUNC]
bad += [f"{n:5} {p}" for n, p in files(paths) if n > budget(p)]
median = statistics.median([n for n, path, *_ in funcs if not path.startswith("tests/")] or [0])
if median > MAX_MEDIAN:
    bad.append(f"{median:5.0f} is the median of the functions outside tests, more than {MAX_MEDIAN}")
longest = funcs[0][0] if funcs else 0
print(f"{len(funcs)} functions, median {median:.0f} lines, longest {longest}")
print(*bad, sep="\n")
sys.exit(bool(bad))

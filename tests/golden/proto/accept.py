#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the parsers read now into the goldens. Read the diff before you commit.

    make build/tests/unit/proto_laws_test
    OTR_GOLDEN=print build/tests/unit/proto_laws_test | tests/golden/proto/accept.py
"""
import sys

path, lines = None, {}
for line in sys.stdin:
    if line.startswith("tests/golden/"):
        path = line.strip()
        lines[path] = []
    elif line.startswith("= ") and path:
        lines[path].append(line)
for path, expect in lines.items():
    with open(path, encoding="ascii") as f:
        keep = [line for line in f if not line.startswith("= ")]
    with open(path, "w", encoding="ascii") as f:
        f.writelines(keep + expect)

# SPDX-License-Identifier: Apache-2.0
"""statements.py FILE [OTHER] - prints the database spans of FILE in the order of time.

Each line has the name of a statement, its rows or its error, and its text. With OTHER only
differences are printed, and the program fails if there are any: FILE was read from the wire, OTHER
by the library. Where the wire was cut, OTHER may have more."""
import sys

import spans

FIELDS = ("db.query.summary", "db.namespace", "db.response.returned_rows",
          "db.response.status_code", "error.type", "otrace.cut")


def statements(path):
    every = sorted(spans.read(path), key=lambda s: s.start)
    return [(s.name, s.text.rstrip(), *(s.attr.get(f, "") for f in FIELDS))
            for s in every if "db.system.name" in s.attr]


def show(one):
    print(" | ".join(" ".join(word.split())[:100] for word in one))


def differ(a, b):
    if a[-1] == "answer":
        return a[:4] != b[:4]
    return a != b


wire = statements(sys.argv[1])
if len(sys.argv) < 3:
    for one in wire:
        show(one)
    raise SystemExit(0)
called = statements(sys.argv[2])
print(len(wire), "statements on the wire,", len(called), "called")
bad = len(wire) != len(called)
for a, b in zip(wire, called):
    if differ(a, b):
        show(a)
        show(b)
        bad = True
raise SystemExit(bad or not wire)

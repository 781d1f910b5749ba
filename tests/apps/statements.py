# SPDX-License-Identifier: Apache-2.0
"""statements.py FILE [OTHER] - database spans, one a line in order of time: what a statement
is called, its rows or its error, its text. With OTHER, those where the two differ: FILE is
what the wire tells, and where that was cut, OTHER may know more. Fails if there are any."""
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
told = statements(sys.argv[2])
print(len(wire), "statements on the wire,", len(told), "told")
bad = len(wire) != len(told)
for a, b in zip(wire, told):
    if differ(a, b):
        show(a)
        show(b)
        bad = True
raise SystemExit(bad or not wire)

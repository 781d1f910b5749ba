#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spans.py FILE EXPR.. - checks that expressions hold for exported spans (OTLP JSON lines).

`P` is a list of the spans of processes that `run` started, `F` of connections that failed (many
a test waits so for a server), `S` of all others: .service .name
.kind (client, server, internal, producer, consumer) .attr .parent .span .trace .state .low .start .end (seconds) .error
.evidence .pid; `C`, `V` its clients and servers.
`parent(s)` is the span it names, or None. Prints the spans when an expression is false.
"""
import json
import sys
from urllib.parse import urlsplit

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


def plain(value):
    value = next(iter(value.values()))
    return [plain(v) for v in value["values"]] if isinstance(value, dict) else value


def attributes(what):
    return {a["key"]: plain(a["value"]) for a in what.get("attributes", [])}


def path_of(url):
    try:
        return urlsplit(url).path
    except ValueError:  # the name comes from a hostile program
        return ""


class Span:
    def __init__(self, resource, scope, raw):
        self.resource = attributes(resource)
        self.service = self.resource["service.name"]
        self.pid = int(self.resource.get("process.pid", 0))
        self.scope = scope.get("name")
        self.name, self.kind = raw["name"], KINDS.get(raw["kind"], "?")
        self.attr = attributes(raw)
        self.span, self.parent = raw["spanId"], raw.get("parentSpanId", "")
        self.trace = raw["traceId"]
        self.state = raw.get("traceState", "")
        self.low = int(self.trace[18:], 16)  # the 56 bits that sampling compares with the threshold
        self.start = int(raw["startTimeUnixNano"]) / 1e9
        self.end = int(raw["endTimeUnixNano"]) / 1e9
        self.ms = (self.end - self.start) * 1000
        self.error = raw.get("status", {}).get("code") == 2
        self.message = raw.get("status", {}).get("message", "")
        self.evidence = self.attr.get("otrace.parent.evidence", "none")
        self.links = raw.get("links", [])
        self.code = int(self.attr.get("http.response.status_code", 0))
        self.path = self.attr.get("url.path", "")
        self.asked = self.path or path_of(self.attr.get("url.full", ""))
        self.text = self.attr.get("db.query.text", "")

    def __repr__(self):
        return (f"{self.service}({self.pid}) {self.kind} {self.name!r} trace {self.trace[:6]}"
                f" span {self.span[:6]} parent {self.parent[:6]} {self.evidence}"
                f" {'error ' if self.error else ''}{self.ms:.1f} ms {self.attr}")


def read(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    for raw in scope["spans"]:
                        yield Span(resource["resource"], scope["scope"], raw)


def main():
    everything = list(read(sys.argv[1]))
    known = {s.span: s for s in everything}
    S = [s for s in everything if s.scope not in ("otrace/process", "otrace/connect")]
    scope = {"S": S, "P": [s for s in everything if s.scope == "otrace/process"],
             "F": [s for s in everything if s.scope == "otrace/connect"], "C": [s for s in S if s.kind == "client"],
             "V": [s for s in S if s.kind == "server"],
             "parent": lambda s: known.get(s.parent), "known": known}
    bad = 0
    for text in sys.argv[2:]:
        try:
            if eval(text, scope):
                continue
            print("false:", text)
        except Exception as err:
            print(f"{type(err).__name__}: {err}: {text}")
        bad = 1
    if bad:
        for s in sorted(everything, key=lambda s: s.start)[:12]:
            print("  ", s)
    return bad


if __name__ == "__main__":
    raise SystemExit(main())

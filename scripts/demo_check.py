#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""demo_check.py SPANS.jsonl - was every kind of the demo's requests seen whole?

Looks in the exported spans (OTLP JSON lines) for one trace of each kind in which every
span below hangs under the one it should; exits 1 where a kind has none.
"""
import json
import sys

SERVER, CLIENT = 2, 3
# (service, kind, first words of the name), and what hangs under it.
PRICE = (("shop", CLIENT, "GET /price"), [(("prices", SERVER, "GET /price"), [])])


def tree(route, below):
    return (("nginx", SERVER, f"GET {route}"), [
        (("nginx", CLIENT, f"GET {route}"), [(("shop", SERVER, f"GET {route}"), below)])])


WANTED = {
    "checkout": tree("/checkout", [PRICE, (("shop", CLIENT, "SELECT items"), []),
                                   (("shop", CLIENT, "INSERT orders"), [])]),
    "slow": tree("/slow", [(("shop", CLIENT, "SELECT"), [])]),
    "failing": tree("/fail", [(("shop", CLIENT, "INSERT orders"), [])]),
}


def service(resource):
    return next(a["value"]["stringValue"] for a in resource["resource"]["attributes"]
                if a["key"] == "service.name")


def children(path):
    """The spans by the parent they name, within their trace."""
    by = {}
    with open(path, encoding="utf-8") as lines:
        for resource in (r for line in lines for r in json.loads(line)["resourceSpans"]):
            for span in (s for scope in resource["scopeSpans"] for s in scope["spans"]):
                span["service"] = service(resource)
                by.setdefault((span["traceId"], span.get("parentSpanId", "")), []).append(span)
    return by


def matches(by, span, node):
    (name, kind, words), below = node
    return (span["service"] == name and span["kind"] == kind
            and span["name"].startswith(words)
            and all(any(matches(by, child, want)
                        for child in by.get((span["traceId"], span["spanId"]), []))
                    for want in below))


def main():
    by = children(sys.argv[1])
    roots = [s for (_, parent), spans in by.items() if not parent for s in spans]
    whole = {kind: sum(matches(by, root, node) for root in roots)
             for kind, node in WANTED.items()}
    lacking = [kind for kind, n in whole.items() if not n]
    print("checked    whole trees: " + ", ".join(f"{n} {kind}" for kind, n in whole.items())
          + (f"; NONE of {', '.join(lacking)}" if lacking else ""))
    return 1 if lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())

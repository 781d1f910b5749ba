#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_spans.py KIND WHERE N - are the N spans of export_driver.c in a backend, field by field?

KIND is how they are read: otlp (WHERE: the lines of a Collector's file exporter), jaeger or zipkin (WHERE:
the query API), or zipkin-otlp: as otlp, where the Collector took them as Zipkin's. Zipkin's values are all
text, and its names have no upper case. What each span has to be is computed from its number, as make_span() of export_driver.c
makes it. Prints the first differences and fails, or prints one line of figures.
"""
import json
import sys
import urllib.request

TRACE = "ab" * 16
SCOPES = ["otrace/http", "otrace/pgsql", "otrace/redis"]
KINDS = {2: "server", 3: "client"}
KEYS = ("http.request.method", "url.path", "http.response.status_code", "driver.n", "error.type",
        "otrace.parent.evidence")


def span_id(n):
    return n.to_bytes(8, "little").hex()


def expected(i):
    attrs = {"http.request.method": "GET", "url.path": "/orders/\ufffd\"\n42",
             "http.response.status_code": 200 if i % 5 else 500, "driver.n": "\u20ac"}
    if i % 3:
        attrs["otrace.parent.evidence"] = "wire"
    if i % 5 == 0:
        attrs["error.type"] = "500"
    return {"trace": TRACE, "parent": span_id(i) if i % 3 else "", "name": "GET /orders/{id}",
            "kind": "client" if i % 2 else "server", "ns": 1000 * (i + 1),
            "service": "orders" if i % 2 else "export_driver", "scope": SCOPES[i % 3],
            "error": i % 5 == 0, "attrs": attrs,
            "links": ["01" + "00" * 15 + ":02" + "00" * 7] if i % 7 == 0 else []}


def otlp_value(v):
    kind, value = next(iter(v.items()))
    return int(value) if kind == "intValue" else value


def otlp_attrs(node):
    return {a["key"]: otlp_value(a["value"]) for a in node.get("attributes", [])}


def read_otlp(path):
    for line in open(path, encoding="utf-8"):
        for rs in json.loads(line)["resourceSpans"]:
            service = otlp_attrs(rs["resource"])["service.name"]
            for ss in rs["scopeSpans"]:
                for sp in ss["spans"]:
                    yield sp["spanId"], {
                        "trace": sp["traceId"], "parent": sp.get("parentSpanId", ""),
                        "name": sp["name"], "kind": KINDS[sp["kind"]], "service": service,
                        "ns": int(sp["endTimeUnixNano"]) - int(sp["startTimeUnixNano"]),
                        "scope": ss["scope"]["name"], "error": sp.get("status", {}).get("code") == 2,
                        "attrs": otlp_attrs(sp),
                        "links": [f'{x["traceId"]}:{x["spanId"]}' for x in sp.get("links", [])]}


def ask(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def read_jaeger(url):
    trace = ask(f"{url}/api/traces/{TRACE}")["data"][0]
    for sp in trace["spans"]:
        tags = {t["key"]: t["value"] for t in sp["tags"]}
        refs = sp["references"]
        yield sp["spanID"], {
            "trace": sp["traceID"], "name": sp["operationName"], "kind": tags["span.kind"],
            "parent": next((r["spanID"] for r in refs if r["refType"] == "CHILD_OF"), ""),
            "ns": sp["duration"] * 1000, "scope": tags["otel.scope.name"],
            "service": trace["processes"][sp["processID"]]["serviceName"],
            "error": tags.get("otel.status_code") == "ERROR",
            "attrs": {k: v for k, v in tags.items() if k in KEYS},
            "links": [f'{r["traceID"]}:{r["spanID"]}' for r in refs
                      if r["refType"] == "FOLLOWS_FROM"]}


def text(attrs):
    return {k: str(v) for k, v in attrs.items() if k in KEYS}


def read_zipkin_otlp(path):
    for sid, sp in read_otlp(path):
        yield sid, sp | {"attrs": text(sp["attrs"])}


def read_zipkin(url):
    for sp in ask(f"{url}/api/v2/trace/{TRACE}"):
        tags = sp["tags"]
        links = [tags[k].split("|")[:2] for k in tags if k.startswith("otlp.link.")]
        assert ("error" in tags) == (tags.get("otel.status_code") == "ERROR")
        yield sp["id"], {
            "trace": sp["traceId"], "parent": sp.get("parentId", ""), "name": sp["name"],
            "kind": sp["kind"].lower(), "ns": sp["duration"] * 1000,
            "service": sp["localEndpoint"]["serviceName"], "scope": tags["otel.scope.name"],
            "error": "error" in tags, "attrs": text(tags), "links": [":".join(x) for x in links]}


READERS = {"otlp": read_otlp, "jaeger": read_jaeger, "zipkin": read_zipkin,
           "zipkin-otlp": read_zipkin_otlp}


def expected_by(kind, i):
    want = expected(i)
    if kind.startswith("zipkin"):
        want["attrs"] = text(want["attrs"])
    if kind == "zipkin":
        want["name"] = want["name"].lower()
    return want


def main(kind, where, n):
    read = READERS[kind]
    got, wrong = {}, []
    for sid, sp in read(where):
        wrong += [f"{sid}: twice"] if sid in got else []
        got[sid] = sp
    for i in range(n):
        want, is_ = expected_by(kind, i), got.pop(span_id(i + 1), None)
        if is_ is None:
            wrong.append(f"span {i}: missing")
            continue
        wrong += [f"span {i}: {k} is {is_[k]!r}, not {want[k]!r}" for k in want if is_[k] != want[k]]
    wrong += [f"{sid}: unknown" for sid in got]
    print("\n".join(wrong[:20]) or f"{n} spans, each field as it was sent")
    return bool(wrong)


sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

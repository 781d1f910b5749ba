#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py KERNEL_PACKAGE CONSOLE - checks what a guest has printed.

It checks the rows of doctor, and the spans of hop's requests: a client span and a server span on
each of two wires, each server span below its client span, the second client span below the first
server span, and the first client span below that of the program, if `run` started it; and the
spans of two requests inside TLS of a program that runs already. It prints one line, or what is
wrong, and then exits 1.
"""
import json
import re
import sys

PROCESS, SERVER, CLIENT = 1, 2, 3
BYTES = {"linux-image-amd64": "system-call exits"}  # 6.1; later kernels have `socket lengths`
ROWS = ["bytes", "processes", "existing", "waits", "wake-ups", "TLS", "self-test"]


def parts(path):
    """Returns the lines after each `=== name`."""
    name, found = "boot", {}
    with open(path, encoding="utf-8", errors="replace") as console:
        for line in console:
            line = line.rstrip("\r\n")
            if line.startswith("=== "):
                name = line[4:]
            else:
                found.setdefault(name, []).append(line)
    return found


def attribute(holder, key):
    return next((next(iter(a["value"].values())) for a in holder["attributes"]
                 if a["key"] == key), None)


def spans(lines):
    for line in lines:
        if line.startswith("{"):
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    yield from scope["spans"]


def check_doctor(meta, lines):
    for row in ROWS:
        line = next((at for at in lines if at.startswith(row)), None)
        if not line or not line.endswith(" ok"):
            yield f"doctor: row {row}: {line}"
    want = BYTES.get(meta, "socket lengths")
    if not any(line.startswith("bytes") and want in line for line in lines):
        yield f"doctor: bytes are not seen by {want}"
    if "status 0" not in lines:
        yield "doctor: not FULL"


def above(known, span, *want):
    """Is `span` under one of these (kind, words of the name), each under the next?"""
    for kind, words, evidence in want:
        if attribute(span, "otrace.parent.evidence") != evidence and evidence:
            return False
        span = known.get(span.get("parentSpanId"))
        if not span or span["kind"] != kind or words not in span["name"]:
            return False
    parent = known.get(span.get("parentSpanId"))
    return parent["kind"] == PROCESS if parent else not span.get("parentSpanId")


def check_trace(part, found, path):
    all_spans = list(spans(found.get(part + ".jsonl", [])))
    known = {s["spanId"]: s for s in all_spans}
    ends = [s for s in all_spans if s["kind"] == SERVER and "/behind" in s["name"]]
    whole = [s for s in ends if above(known, s, (CLIENT, "/behind", "wire"),
                                      (SERVER, path, None if part == "attach" else "strand"),
                                      (CLIENT, path, "wire"))]
    roots = [s for s in all_spans if s["kind"] == PROCESS]
    spans_of = len(all_spans) - len(roots)
    if len(whole) != 3 or spans_of != 12 or len(roots) != (part != "attach"):
        yield (f"{part}: {len(whole)} whole traces of 3, {spans_of} spans of 12,"
               f" {len(roots)} of a process")
    if part == "both" and not any(re.fullmatch(r"headers +6 put in", line.strip())
                                  for line in found.get(part, [])):
        yield "both: no header in each of 6 requests"
    if "status 0" not in found.get(part, []):
        yield f"{part}: its exit status was not 0"
    # An emulated CPU may stop while it writes a record: the record comes late, and is kept. If its
    # process is ended meanwhile, as hop ends its servers, the record is lost.
    ended = r"|1 records \(record\)" if part == "both" else ""
    if not any(re.fullmatch(rf"lost +(nothing|\d+ events \(straggler\){ended})", line.strip())
               for line in found.get(part, [])):
        yield f"{part}: something was lost"


def check_tls(found):
    """Two requests, a span at each end of the connection."""
    seen = [s["kind"] for s in spans(found.get("tls.jsonl", [])) if s["name"] == "GET /"]
    if sorted(seen) != [SERVER, SERVER, CLIENT, CLIENT]:
        yield "tls: spans of " + (str(sorted(seen)) or "nothing") + "; " + " | ".join(
            found.get("tls", []))


def check_promised(lines):
    if lines.count("at once 60 of 60") != 2 or "status 0" not in lines:
        yield "promised: not as many processes as without the library: " + ", ".join(lines)


def main():
    meta, path = sys.argv[1:]
    found = parts(path)
    wrong = [*check_doctor(meta, found.get("doctor", [])),
             *check_trace("run", found, "/chain"), *check_trace("both", found, "/chain"),
             *check_promised(found.get("promised", [])),
             *check_trace("attach", found, "/late"), *check_tls(found)]
    if "end" not in found:
        wrong.append("the guest did not come to its end")
    print("\n".join(wrong) if wrong else
          f"{found['kernel'][0]}, run, with the library, and attach: 9 whole traces, 36 spans")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

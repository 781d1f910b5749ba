#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""judge.py TRACES.jsonl [--entry SERVICE ..] - are the parents right?

Every request and statement of the test programs carries the id of the request it was
made for, so the truth is in the spans themselves: a parent with another id is wrong, a
span that should have a parent and has none is an orphan. SERVER spans of the ENTRY
services (without any: of all) are roots. With `--from N` requests before the Nth of the
entry do not count (probation). Requests for /own have no parent: any parent is wrong.

Prints one row of run.sh's table, and the first wrong ones; exits 1 where a parent is
wrong (with --precision P: where fewer than P % of those claimed are right), where fewer
than --least % have their parent, or where nothing was seen.
"""
import argparse
import collections
import json
import re

ID = re.compile(r"\bid[=_](\d+)")


def spans(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            for resource in json.loads(line)["resourceSpans"]:
                service = next(a["value"]["stringValue"]
                               for a in resource["resource"]["attributes"]
                               if a["key"] == "service.name")
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        yield service, span


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span.get("attributes", [])}


class Span:
    def __init__(self, service, raw):
        at = attributes(raw)
        text = " ".join(str(at.get(k, "")) for k in
                        ("url.full", "url.query", "url.path", "db.query.text"))
        found = ID.search(text)
        self.service, self.kind, self.name = service, raw["kind"], raw["name"]
        self.id = found and found.group(1)
        self.own = "/own" in text
        self.span, self.parent = raw["spanId"], raw.get("parentSpanId", "")
        self.trace, self.start = raw["traceId"], int(raw["startTimeUnixNano"])
        self.evidence = at.get("otrace.parent.evidence", "none")


def judge(all_spans, entries, skip):
    known = {s.span: s for s in all_spans}
    def is_entry(span):
        return not entries or span.service in entries

    firsts = sorted(s.start for s in all_spans if s.kind == 2 and is_entry(s))
    since = firsts[skip] if skip < len(firsts) else (firsts[-1] if firsts else 0)
    count, wrong, why = collections.Counter(), [], collections.Counter()
    for s in all_spans:
        if s.id is None or (s.kind == 2 and is_entry(s)) or s.start < since:
            continue
        parent = known.get(s.parent)
        # A span below the program of `run` belongs to no request: it counts as one without a parent.
        claims = s.parent and not (parent and parent.kind == 1)
        if s.own and s.kind == 3:
            verdict = "wrong" if claims else "own"
        elif not claims:
            verdict = "orphan"
        elif parent is None:
            verdict = "lost"
        else:
            verdict = "right" if parent.id == s.id else "wrong"
        count[verdict] += 1
        if verdict == "right":
            why[s.evidence] += 1
        if verdict == "wrong":
            wrong.append((s, parent))
    return count, wrong, why


def main():
    args = argparse.ArgumentParser()
    args.add_argument("traces")
    args.add_argument("--entry", nargs="+", default=[])
    args.add_argument("--name", default="")
    args.add_argument("--clients", type=int, default=0)
    args.add_argument("--from", dest="skip", type=int, default=0)
    args.add_argument("--least", type=float, default=0)
    args.add_argument("--precision", type=float, default=100)
    args.add_argument("--own", action="store_true", help="some spans must be requests for /own")
    args.add_argument("--requests", type=int, default=0, help="as the load counted them")
    args = args.parse_args()
    everything = [Span(*pair) for pair in spans(args.traces)]
    count, wrong, why = judge(everything, args.entry, args.skip)
    right, total = count["right"], sum(count.values()) - count["own"]
    roots = sum(s.kind == 2 and (not args.entry or s.service in args.entry)
                for s in everything)
    recall = 100 * right / total if total else 0
    precise = 100 * right / (right + len(wrong)) if right + len(wrong) else 100
    bad = []
    if precise < args.precision:
        bad.append(f"{precise:.3f} % of the parents are right, not {args.precision} %")
    if recall < args.least:
        bad.append(f"{recall:.2f} % have their parent, not {args.least} %")
    if not total or (args.own and not count["own"]):
        bad.append("nothing to judge")
    if roots < 0.8 * args.requests:
        bad.append(f"{args.requests} requests were sent, {roots} roots seen")
    print(f"{args.name:26} {args.clients:3} {roots:7} {right:7} {len(wrong):6}"
          f" {count['orphan']:7} {count['lost']:5} {count['own']:5} {recall:8.2f}"
          f"  {'FAIL' if bad else 'ok'}  " + " ".join(f"{k} {v}" for k, v in why.items()))
    for s, parent in wrong[:5]:
        print(f"   wrong: {s.service} {s.name} id {s.id} has {parent and parent.name}"
              f" id {parent and parent.id} by {s.evidence}")
    for text in bad:
        print("   " + text)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
